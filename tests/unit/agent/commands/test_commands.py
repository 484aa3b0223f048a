import base64
import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.commands.bootloader import Bootloader
from agent.commands.command import Control
from agent.commands.executor import CommandExecutor
from agent.commands.identity import Identity
from agent.commands.lockdown import Lockdown
from agent.commands.registry import CommandDependencies, build_commands
from agent.commands.rescue import Rescue
from agent.commands.results import ResultStore
from agent.commands.standby import Standby
from agent.commands.steps import StepCommands
from agent.commands.system_logs import PROGRAMS, SystemLogs, redact
from agent.commands.written_images import WrittenImages
from agent.errors import BootloaderError, CommandFailed, InvalidRequest
from agent.hardware.capabilities import HardwareManager, Phase, StepContext
from agent.hardware.image_rules import ImageRules
from agent.hardware.registry import Hardware
from agent.hardware.wishes import Wishes
from agent.hardware.writing import WrittenImage
from agent.protocol.commands import CommandResult, CommandStatus
from agent.protocol.receipt import Receipt
from agent.system.power import NoPower
from agent.system.rescue_login import RescueLogin
from agent.system.stop_signal import StopSignal
from tests.unit.fakes import FakeRunner, OneDisk, disk, manager, step

IMAGE = {
    "id": "user.qcow2",
    "urls": ["http://192.0.2.1/user.qcow2"],
    "disk_format": None,
    "stream_raw_images": True,
    "checksum": "7e75" * 16,
    "os_hash_algo": "sha256",
    "os_hash_value": "7e75" * 16,
    "node_uuid": "75fe6cd1-cf03-4b03-86ab-565acbaafc15",
}
NODE: dict[str, Any] = {"uuid": "75fe6cd1-cf03-4b03-86ab-565acbaafc15", "properties": {}}
WRITTEN = WrittenImage(disk=disk(), root_uuid="0x0000002a")


class Desk:
    """All commands on a machine of one imaginary disk."""

    def __init__(self, folder: Path, *, standalone: bool = False) -> None:
        self.machine = OneDisk()
        self.folder = folder
        self.contexts: list[StepContext] = []
        self.identity = Identity(folder / "token")
        self.written = WrittenImages(folder / "written-image.json")
        self.hardware = Hardware([self._manager()])
        deps = CommandDependencies(
            hardware=self.hardware,
            runner=FakeRunner({}),
            power=NoPower(),
            identity=self.identity,
            written=self.written,
            system_logs=SystemLogs(FakeRunner({}), (), tuple),
            rescue=Rescue(
                RescueLogin(
                    password_file=folder / "password",
                    answer_file=folder / "answer",
                    mark=folder / "rescued",
                    timeout_s=0.2,
                ),
                lambda: None,
            ),
            lockdown=Lockdown(lambda: None),
            hostname="ingot",
            standalone=standalone,
        )
        self.executor = CommandExecutor(
            lambda: build_commands(deps), ResultStore(folder / "commands"), lambda: None
        )

    def do(self, name: str, params: dict[str, Any]) -> CommandResult:
        return self.executor.execute(name, params, wait=True)

    def _manager(self) -> HardwareManager:
        def note(context: StepContext) -> dict[str, str]:
            self.contexts.append(context)
            context.remember(WRITTEN)
            return {"/dev/vda": "erased"}

        return replace(
            manager(steps=[step("erase", {Phase.CLEAN: 10, Phase.SERVICE: 0}, note)]),
            disk_lister=self.machine,
            root_disk_chooser=self.machine,
            image_writer=self.machine,
            bootloader=self.machine,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def execute(step: dict[str, Any], version: dict[str, str] | None = None) -> dict[str, Any]:
    return {"step": step, "node": NODE, "ports": [{"address": "x"}], "clean_version": version}


def test_steps_are_listed_with_the_versions_of_their_managers(desk: Desk) -> None:
    listed = desk.do("clean.get_clean_steps", {"node": NODE, "ports": []}).command_result
    assert list(listed) == ["clean_steps", "hardware_manager_version"]
    assert [s["step"] for s in listed["clean_steps"]["one"]] == ["erase"]
    assert listed["hardware_manager_version"] == {"one": "1"}


def test_a_step_gets_what_the_controller_sent_and_its_result_carries_the_step_back(
    desk: Desk,
) -> None:
    sent = {"step": "erase", "interface": "deploy", "args": {"fast": True}, "requires_ramdisk": 1}
    result = desk.do("clean.execute_clean_step", execute(sent, {"one": "1"}))
    assert result.command_result == {"clean_result": {"/dev/vda": "erased"}, "clean_step": sent}
    (context,) = desk.contexts
    assert (context.node, context.args) == (NODE, {"fast": True})
    assert desk.written.last() == WRITTEN


def test_a_step_for_other_managers_is_not_run(desk: Desk) -> None:
    result = desk.do("clean.execute_clean_step", execute({"step": "erase"}, {"one": "0.9"}))
    assert result.command_status is CommandStatus.VERSION_MISMATCH
    assert desk.contexts == []


def test_an_unknown_step_fails_and_lists_the_known_ones(desk: Desk) -> None:
    result = desk.do("clean.execute_clean_step", execute({"step": "polish"}))
    assert "offered: deploy.erase" in result.command_error.details


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"step": {}, "node": {}, "ports": []}, "execute_clean_step: step: .*`step`"),
        ({"step": {"step": "erase"}, "ports": []}, "execute_clean_step: .*`node`"),
        ({"step": "erase", "node": {}, "ports": []}, r"execute_clean_step: .*\$\.step"),
    ],
)
def test_a_malformed_step_is_refused(desk: Desk, params: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        desk.do("clean.execute_clean_step", params)


def test_an_image_is_written_and_described_in_ironics_words(desk: Desk) -> None:
    result = desk.do(
        "standby.prepare_image", {"node": {}, "image_info": IMAGE, "configdrive": "H4sI"}
    )
    assert result.command_result == {
        "result": "prepare_image: image (user.qcow2) written to device /dev/vda root_uuid=0x0000002a"
    }
    assert desk.machine.configdrives == ["H4sI"]
    uuids = desk.do("standby.get_partition_uuids", {})
    assert uuids.command_result == {"root uuid": "0x0000002a"}


def test_an_image_is_written_to_the_disk_of_the_node_that_any_command_brought(desk: Desk) -> None:
    wrong = {"uuid": "n", "properties": {"root_device": {"name": "/dev/other"}}}
    for name in ("deploy.get_deploy_steps", "clean.get_clean_steps", "service.get_service_steps"):
        desk.do(name, {"node": {"uuid": name}, "ports": []})
        assert desk.identity.node == {"uuid": name}
    desk.do(
        "clean.execute_clean_step",
        {"step": {"step": "erase", "interface": "deploy"}, "node": wrong, "ports": []},
    )
    assert desk.identity.node == wrong
    refused = desk.do("standby.prepare_image", {"image_info": IMAGE}).command_error
    assert "/dev/vda: name is /dev/vda" in str(refused)
    desk.do("standby.prepare_image", {"node": {"uuid": "n"}, "image_info": IMAGE})
    desk.do("standby.prepare_image", {"image_info": IMAGE})


def test_a_restarted_agent_still_knows_what_was_said_of_disks_and_no_secret(desk: Desk) -> None:
    rules = {"root_device": {"serial": "S1"}, "skip_block_devices": [{"name": "/dev/sdb"}]}
    node = {
        "uuid": "n",
        "properties": rules | {"cpus": 4},
        "instance_info": {"configdrive": "SECRET"},
        "driver_info": {"ipmi_password": "SECRET"},
    }
    desk.identity.learn_node(node)
    kept = Identity(desk.folder / "token").node
    assert kept == {"uuid": "n", "properties": rules, "instance_info": {}}
    assert "SECRET" not in (desk.folder / "node.json").read_text()


def test_without_any_node_no_disk_is_guessed(desk: Desk) -> None:
    with pytest.raises(
        InvalidRequest, match="no node is known, so nobody said which disk is meant"
    ):
        desk.do("standby.prepare_image", {"image_info": IMAGE})
    assert desk.machine.configdrives == []


def test_a_receipt_stands_beside_ironics_words(desk: Desk) -> None:
    receipt = Receipt(
        image="http://web/user.qcow2",
        digest="sha256:00",
        format="qcow2",
        disk="/dev/vda",
        image_bytes=1,
        content_bytes=2,
        written_bytes=2,
        zeroed_bytes=0,
        seconds=0.5,
        rate_bytes_per_s=4.0,
        verified="sample",
        compared_bytes=2,
    )
    desk.machine.receipt = receipt
    result = desk.do("standby.prepare_image", {"node": {}, "image_info": IMAGE}).command_result
    assert result["result"].startswith("prepare_image: image (user.qcow2) written")
    assert msgspec.convert(result["receipt"], Receipt) == receipt


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"urls": []}, "image_info.urls: no address"),
        ({"checksum": None, "os_hash_value": None}, "image user.qcow2 has no checksum"),
        ({"id": None}, r"\$\.image_info\.id"),
    ],
)
def test_an_image_that_cannot_be_written_safely_is_refused(
    desk: Desk, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        desk.do("standby.prepare_image", {"node": {}, "image_info": IMAGE | change})


NO_CHECKSUM: dict[str, Any] = {"checksum": None, "os_hash_value": None}


def test_an_image_without_a_checksum_is_taken_from_a_registry_or_on_the_operators_word(
    desk: Desk,
) -> None:
    artifact = IMAGE | NO_CHECKSUM | {"urls": ["oci://registry/disk:1"]}
    desk.do("standby.prepare_image", {"node": {}, "image_info": artifact})
    desk.hardware.configure(Wishes(images=ImageRules(allow_unverified=True)))
    desk.do("standby.prepare_image", {"node": {}, "image_info": IMAGE | NO_CHECKSUM})
    assert len(desk.machine.configdrives) == 2


def test_before_an_image_was_written_there_are_no_partition_uuids(desk: Desk) -> None:
    assert desk.do("standby.get_partition_uuids", {}).command_result == {}


def test_an_image_of_before_is_forgotten_by_a_cleaning_and_by_a_failed_deployment(
    desk: Desk,
) -> None:
    def fail(_context: StepContext) -> None:
        raise CommandFailed("/dev/vda: write error; replace it")

    steps = [step("wipe", {Phase.CLEAN: 10}), step("break", {Phase.DEPLOY: 10}, fail)]
    commands = StepCommands(
        Hardware([manager(steps=steps)]), desk.written, desk.identity, FakeRunner({})
    )
    wipe = execute({"step": "wipe", "interface": "deploy"})
    desk.written.remember(WRITTEN)
    commands.execute_step(Phase.CLEAN, wipe)(Control(lambda _: None, StopSignal()))
    assert desk.do("standby.get_partition_uuids", {}).command_result == {}
    desk.written.remember(WRITTEN)
    order = commands.execute_step(Phase.DEPLOY, execute({"step": "break", "interface": "deploy"}))
    with pytest.raises(CommandFailed):
        order(Control(lambda _: None, StopSignal()))
    assert Desk(desk.folder).written.last() is None


def test_a_restarted_agent_knows_what_was_written(desk: Desk) -> None:
    written = replace(WRITTEN, efi_system_partition_uuid="ABCD-0123")
    desk.written.remember(written)
    later = Desk(desk.folder)
    assert later.written.last() == written
    assert later.do("standby.get_partition_uuids", {}).command_result == {
        "root uuid": "0x0000002a",
        "efi system partition uuid": "ABCD-0123",
    }


PARTITIONED = replace(
    WRITTEN,
    root_uuid="7d7d5d5e-0000-4000-8000-00000000abcd",
    efi_system_partition_uuid="ABCD-0123",
    partitions=(("efi system partition", "/dev/vda1"), ("root", "/dev/vda2")),
)


def test_a_partition_image_is_known_by_the_uuids_that_ironic_expects(desk: Desk) -> None:
    desk.written.remember(PARTITIONED)
    assert Desk(desk.folder).do("standby.get_partition_uuids", {}).command_result == {
        "root uuid": "7d7d5d5e-0000-4000-8000-00000000abcd",
        "efi system partition uuid": "ABCD-0123",
        "partitions": {"efi system partition": "/dev/vda1", "root": "/dev/vda2"},
    }
    with_prep = replace(
        PARTITIONED, efi_system_partition_uuid=None, prep_boot_partition_uuid="12345678-01"
    )
    desk.written.remember(with_prep)
    uuids = desk.do("standby.get_partition_uuids", {}).command_result
    assert uuids["PReP Boot partition uuid"] == "12345678-01"
    assert uuids["efi system partition uuid"] is None
    assert PARTITIONED.command_result("root.img") == {
        "result": "prepare_image: image (root.img) written to device /dev/vda"
        " root_uuid=7d7d5d5e-0000-4000-8000-00000000abcd efi_system_partition_uuid=ABCD-0123"
    }


def test_on_bios_the_hardware_manager_is_told_of_a_partition_image(desk: Desk) -> None:
    desk.written.remember(PARTITIONED)
    bios = {"root_uuid": PARTITIONED.root_uuid, "target_boot_mode": "bios"}
    result = desk.do("image.install_bootloader", bios)
    assert result.command_status is CommandStatus.SUCCEEDED
    assert desk.machine.booted == ["/dev/vda bios"]
    assert desk.machine.made_bootable == [PARTITIONED]


def test_a_prep_partition_of_another_image_is_an_error(desk: Desk) -> None:
    desk.written.remember(replace(PARTITIONED, prep_boot_partition_uuid="12345678-01"))
    order = {"root_uuid": PARTITIONED.root_uuid, "prep_boot_part_uuid": "12345678-02"}
    result = desk.do("image.install_bootloader", order)
    assert "told of PReP boot partition UUID 12345678-02" in result.command_error.details
    order["prep_boot_part_uuid"] = "12345678-01"
    result = desk.do("image.install_bootloader", order)
    assert result.command_status is CommandStatus.SUCCEEDED


UEFI = {"root_uuid": "0x0000002a", "efi_system_part_uuid": None, "target_boot_mode": "uefi"}


def test_boot_entries_are_made_for_the_disk_that_was_written(desk: Desk) -> None:
    desk.written.remember(WRITTEN)
    assert desk.do("image.install_bootloader", UEFI).command_result is None
    assert desk.machine.booted == ["/dev/vda uefi"]


def test_a_whole_disk_image_brings_its_own_boot_sector_on_bios(desk: Desk) -> None:
    result = desk.do("image.install_bootloader", UEFI | {"target_boot_mode": "bios"})
    assert result.command_status is CommandStatus.SUCCEEDED
    assert desk.machine.booted == []


@pytest.mark.parametrize("root_uuid", ["0x0000002b", "0x0000002a"])
def test_without_the_image_that_is_meant_no_boot_entry_is_made(desk: Desk, root_uuid: str) -> None:
    if root_uuid != WRITTEN.root_uuid:
        desk.written.remember(WRITTEN)
    result = desk.do("image.install_bootloader", UEFI | {"root_uuid": root_uuid})
    assert result.command_error.type == "BootloaderError"
    assert desk.machine.booted == []


@pytest.mark.parametrize(("setting", "param"), [(True, None), (False, True)])
def test_a_boot_loader_failure_is_ignored_when_told(
    tmp_path: Path, setting: bool, param: bool | None
) -> None:
    written = WrittenImages(tmp_path / "none")
    command = Bootloader(Hardware([manager()]), written, ignore_failure=setting)
    job = command.install_bootloader(UEFI | {"ignore_bootloader_failure": param})
    job(Control(lambda _: None, StopSignal()))


def test_the_controllers_word_about_boot_loader_failures_wins(tmp_path: Path) -> None:
    written = WrittenImages(tmp_path / "none")
    command = Bootloader(Hardware([manager()]), written, ignore_failure=True)
    job = command.install_bootloader(UEFI | {"ignore_bootloader_failure": False})
    with pytest.raises(BootloaderError, match="no image was written in this boot"):
        job(Control(lambda _: None, StopSignal()))


def test_an_agent_without_a_controller_is_told_its_node(tmp_path: Path) -> None:
    desk = Desk(tmp_path, standalone=True)
    info = {"node": NODE, "config": {"agent_token": "t" * 32, "heartbeat_timeout": 300}}
    desk.do("poll.set_node_info", {"node_info": info})
    assert (desk.identity.node, desk.identity.token) == (NODE, "t" * 32)


def test_an_agent_with_a_controller_believes_nobody_else_about_its_node(desk: Desk) -> None:
    with pytest.raises(InvalidRequest, match="only for an agent started with ipa-standalone=1"):
        desk.do("poll.set_node_info", {"node_info": {"node": NODE}})


def test_the_token_outlives_the_process(tmp_path: Path) -> None:
    Identity(tmp_path / "token").learn_token("secret")
    assert Identity(tmp_path / "token").token == "secret"
    assert Identity(tmp_path / "token", "preset").token == "preset"
    assert Identity(tmp_path / "other").token is None


def test_power_commands_are_answered_before_the_machine_ends(desk: Desk) -> None:
    answered = desk.do("standby.power_off", {})
    assert answered.command_status is CommandStatus.RUNNING
    assert desk.executor.result(answered.id, wait=True).command_status is CommandStatus.SUCCEEDED


def test_every_command_of_the_road_is_there(desk: Desk) -> None:
    names = [
        c.name for c in Standby(Hardware([]), NoPower(), desk.written, desk.identity).commands()
    ]
    assert names == [
        "standby.prepare_image",
        "standby.get_partition_uuids",
        "standby.run_image",
        "standby.power_off",
        "standby.sync",
    ]


def members_of(answer: dict[str, str]) -> dict[str, str]:
    packed = io.BytesIO(base64.b64decode(answer["system_logs"]))
    with tarfile.open(fileobj=packed) as archive:
        files = {m.name: archive.extractfile(m) for m in archive.getmembers()}
        return {name: file.read().decode() for name, file in files.items() if file is not None}


def test_system_logs_have_every_programs_output_and_no_secret(tmp_path: Path) -> None:
    answers: dict[str, str | CommandFailed] = {" ".join(argv): "fine" for _, argv in PROGRAMS}
    answers["dmesg"] = 'Command line: ipa-agent-token=preset rootpwd="a b" quiet'
    answers["mount"] = CommandFailed("mount: program not found")
    (tmp_path / "agent.log").write_text("token is TOPSECRET here")
    (tmp_path / "folder.log").mkdir()
    logs = SystemLogs(FakeRunner(answers), (f"{tmp_path}/*.log",), lambda: ("TOPSECRET", None))
    members = members_of(logs.collect())
    assert members["dmesg"] == "Command line: ipa-agent-token=****** rootpwd=****** quiet"
    assert members["mount"] == "mount: program not found\n"
    assert members[f"files{tmp_path}/agent.log"] == "token is ****** here"
    assert members[f"files{tmp_path}/folder.log"] == f"{tmp_path}/folder.log: Is a directory\n"
    assert set(members) >= {name for name, _ in PROGRAMS}


def test_redaction_leaves_everything_else_alone() -> None:
    assert redact("ipa-debug=1 token", ()) == "ipa-debug=1 token"
    assert redact("GET https://web/i?X-Amz-Signature=geheim&part=1", ()).endswith("=******&part=1")


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({}, "rescue_password"),
        ({"rescue_password": ""}, "1 to 1024 letters"),
        ({"rescue_password": "a\0b"}, "control character"),
        ({"rescue_password": "hunter2", "hashed": True}, "not a hash in the form of crypt"),
        ({"rescue_password": "$6$a$b:c\nroot::0", "hashed": True}, "not a hash"),
    ],
)
def test_a_rescue_password_that_cannot_be_one_is_refused_and_not_repeated(
    desk: Desk, params: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason) as caught:
        desk.do("rescue.finalize_rescue", params)
    assert not params.get("rescue_password") or params["rescue_password"] not in str(caught.value)
    assert not (desk.folder / "password").exists()


def test_a_ramdisk_without_a_login_service_fails_the_rescue_and_says_so(desk: Desk) -> None:
    result = desk.do("rescue.finalize_rescue", {"rescue_password": "hunter2"})
    assert result.command_status is CommandStatus.FAILED
    assert "did not open the rescue login within 0.2 s" in result.command_error.details
    assert not (desk.folder / "rescued").exists()


@pytest.mark.parametrize("is_stoppable", [True, False])
def test_a_step_has_tools_and_is_stopped_only_where_it_says_so(
    tmp_path: Path, *, is_stoppable: bool
) -> None:
    desk = Desk(tmp_path)
    seen: list[tuple[str | None, bool]] = []

    def look(context: StepContext) -> None:
        tools = context.tools
        (tools.folder / "scratch").write_text("x")
        desk.contexts.append(context)
        seen.append((tools.stop.refused, tools.progress is context.progress))

    stoppable = replace(step("look", {Phase.CLEAN: 1}, look), stoppable=is_stoppable)
    desk.hardware.managers = (manager(steps=[stoppable]),)
    assert desk.do("clean.execute_clean_step", execute({"step": "look"})).command_error is None
    ((refused, is_same),) = seen
    assert is_same
    assert (refused is None) is is_stoppable
    assert not desk.contexts[0].tools.folder.exists()
    assert desk.contexts[0].hardware is desk.hardware
