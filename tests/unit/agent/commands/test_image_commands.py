"""Images are written, described and remembered; what is not safe is refused."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from agent.commands.command import Control
from agent.commands.identity import Identity
from agent.commands.steps import StepCommands
from agent.errors import CommandFailed, InvalidRequest
from agent.hardware.capabilities import Phase, StepContext
from agent.hardware.image_rules import ImageRules
from agent.hardware.registry import Hardware
from agent.hardware.wishes import Wishes
from agent.protocol.commands import CommandStatus
from agent.protocol.receipt import Receipt
from agent.system.stop_signal import StopSignal
from tests.unit.agent.commands.command_desk import IMAGE, WRITTEN, Desk, execute
from tests.unit.fakes import FakeRunner, manager, step


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


def test_an_agent_that_is_killed_in_a_step_behind_the_image_does_not_know_it_any_more(
    desk: Desk,
) -> None:
    found = []

    def look(_context: StepContext) -> None:  # as an agent that is started in this moment
        found.append(Desk(desk.folder).written.last())

    hardware = Hardware([manager(steps=[step("change", {Phase.DEPLOY: 10}, look)])])
    commands = StepCommands(hardware, desk.written, desk.identity, FakeRunner({}))
    desk.written.remember(WRITTEN)
    order = execute({"step": "change", "interface": "deploy"})
    commands.execute_step(Phase.DEPLOY, order)(Control(lambda _: None, StopSignal()))
    assert (found, desk.written.last()) == ([None], WRITTEN)
    assert Desk(desk.folder).written.last() == WRITTEN


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
