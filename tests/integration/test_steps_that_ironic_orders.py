"""Real Ironic orders every kind of step from our agent, a process whose disks are loop devices; no machine is booted.

What a machine is needed for (arrays of the kernel, boot loaders, drives that erase themselves) is in the other files of real Ironic.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.protocol.password_hash import hash_password
from tests.integration import podman_double
from tests.integration.disk_images import MIB, gpt_image, sha256
from tests.integration.ironic_rig import WAIT_S, Rig, ironic_rig
from tests.integration.login_service import LoginService
from tests.integration.loop_disk import LoopDisk, loop_disk
from tests.integration.loop_machine import COLLECTORS, describe_disks
from tests.integration.registry_process import htpasswd_auth, registry
from tests.integration.root_images import (
    check_ext,
    file_in_ext,
    places_mib,
    root_image,
    table_of,
    tags_at,
)
from tests.lab.real_ironic import PEER

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not (PEER / "bin/ironic").exists(), reason="make peers installs the real Ironic"
    ),
]

MIRROR = {
    "logical_disks": [
        {
            "size_gb": 20,
            "raid_level": "1",
            "controller": "software",
            "is_root_volume": True,
            "volume_name": "root",
        }
    ]
}
ONE_SECOND = {"agent_burnin_cpu_timeout": 1, "agent_burnin_vm_timeout": 1}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with ironic_rig(tmp_path_factory.mktemp("ironic"), COLLECTORS) as made:
        yield made


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[tuple[LoopDisk, LoopDisk]]:
    with loop_disk(tmp_path, 96 * MIB) as first, loop_disk(tmp_path, 24 * MIB) as second:
        yield first, second


@pytest.fixture
def large(tmp_path: Path) -> Iterator[tuple[LoopDisk]]:
    with loop_disk(tmp_path, 2 << 30, noise=False) as made:
        yield (made,)


@pytest.fixture
def node(rig: Rig) -> Iterator[str]:
    properties = {
        "capabilities": "boot_mode:uefi",
        "cpu_arch": "x86_64",
        "root_device": {"serial": "LOOP0"},
    }
    rig.enrol("m1", properties=properties, driver_info=ONE_SECOND)
    yield "m1"
    rig.forget("m1")


def boot(rig: Rig, state: str, disks: tuple[LoopDisk, ...]) -> None:
    rig.boot("m1", state, machine="loop_machine", prepare=lambda f: describe_disks(f, disks))


def ended(rig: Rig) -> list[dict[str, Any]]:
    """Return what the agent of the last boot has kept of its commands, oldest first."""
    files = (rig.agent.folder / "state/commands").iterdir()
    return [json.loads(file.read_text()) for file in sorted(files, key=lambda f: f.stat().st_mtime)]


def taken(rig: Rig, phase: str) -> list[str]:
    """Return the names of the steps that succeeded, in the order of their ends."""
    every = [one for one in ended(rig) if one["command_name"] == f"execute_{phase}_step"]
    assert {one["command_status"] for one in every} == {"SUCCEEDED"}
    return [one["command_result"][f"{phase}_step"]["step"] for one in every]


def clean(rig: Rig, disks: tuple[LoopDisk, ...], *steps: str) -> dict[str, Any]:
    """Have a list of steps done in one boot; return the node, which is manageable again."""
    listed = [dict(zip(("interface", "step"), one.split("."), strict=True)) for one in steps]
    rig.api.provision("m1", "clean", clean_steps=listed)
    boot(rig, "clean wait", disks)
    node = rig.api.wait_for_state("m1", "manageable", timeout_s=WAIT_S)
    assert node["last_error"] is None
    return node


def test_every_clean_step_is_taken_in_one_boot(
    rig: Rig, node: str, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    steps = (
        "erase_devices_metadata",
        "erase_devices_express",
        "return_nothing",
        "burnin_cpu",
        "burnin_memory",
        "erase_devices",
    )
    clean(rig, disks, *(f"deploy.{step}" for step in steps))
    assert taken(rig, "clean") == list(steps)
    for disk in disks:
        disk.run("sync")
        assert not any(disk.read(0, disk.size_bytes))


def test_firmware_is_updated_by_the_step_that_ironic_can_reach(
    rig: Rig, node: str, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    url = rig.lab.http.publish("firmware.bin", b"2")
    settings = [{"component": "paper", "url": url, "checksum": sha256(b"2"), "version": "2"}]
    update = {"interface": "deploy", "step": "update_firmware", "args": {"settings": settings}}
    rig.api.provision("m1", "clean", clean_steps=[update])
    boot(rig, "clean wait", disks)
    cleaned = rig.api.wait_for_state("m1", "manageable", timeout_s=WAIT_S)
    assert cleaned["last_error"] is None
    assert taken(rig, "clean") == ["update_firmware"]
    assert (rig.agent.folder / "firmware").read_text() == "2"


def test_logical_disks_are_made_told_and_removed(
    rig: Rig, node: str, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    rig.api.call("PUT", "/v1/nodes/m1/states/raid", MIRROR, ok=204)
    made = clean(rig, disks, "raid.delete_configuration", "raid.create_configuration")
    (told,) = made["raid_config"]["logical_disks"]
    assert (told["raid_level"], told["volume_name"]) == ("1", "root")
    gone = clean(rig, disks, "raid.delete_configuration")
    assert gone["raid_config"] == {}


def whole_disk(rig: Rig, folder: Path) -> tuple[bytes, dict[str, Any]]:
    image = gpt_image(folder)
    url = rig.lab.http.publish("whole.raw", image.content)
    return image.content, {"image_source": url, "image_type": "whole-disk"}


def deploy(rig: Rig, disks: tuple[LoopDisk, ...], **more: Any) -> dict[str, Any]:
    """Make the node available without cleaning and deploy; return the node, which is active."""
    patch = [{"op": "add", "path": "/automated_clean", "value": False}]
    patch += [{"op": "add", "path": "/driver_info/deploy_forces_oob_reboot", "value": True}]
    rig.api.call("PATCH", "/v1/nodes/m1", patch)
    rig.api.provision("m1", "provide")
    rig.api.wait_for_state("m1", "available", timeout_s=WAIT_S)
    rig.api.provision("m1", "active", **more)
    boot(rig, "wait call-back", disks)
    node = rig.api.wait_for_state("m1", "active", timeout_s=WAIT_S)
    assert node["last_error"] is None
    return node


@pytest.mark.long
def test_an_image_with_a_config_drive_is_written_after_logical_disks_were_made(
    rig: Rig, node: str, tmp_path: Path, large: tuple[LoopDisk]
) -> None:
    content, instance = whole_disk(rig, tmp_path)
    rig.api.set_instance(
        "m1", **instance, image_os_hash_algo="sha256", image_os_hash_value=sha256(content)
    )
    steps = [
        {
            "interface": "raid",
            "step": "apply_configuration",
            "priority": 85,
            "args": {"raid_config": MIRROR},
        },
        {"interface": "deploy", "step": "erase_devices_metadata", "priority": 95, "args": {}},
    ]
    drive = {"meta_data": {"hostname": "by-ironic"}}
    deployed = deploy(rig, large, configdrive=drive, deploy_steps=steps)
    (told,) = deployed["raid_config"]["logical_disks"]
    assert told["volume_name"] == "root"
    assert taken(rig, "deploy") == ["erase_devices_metadata", "apply_configuration", "write_image"]
    part = table_of(large[0])["partitions"][-1]
    assert part["name"] == "config-2"
    start_mib, size_mib = part["start"] * 512 // MIB, part["size"] * 512 // MIB
    assert tags_at(large[0], start_mib, size_mib)["LABEL"] == "config-2"
    assert (rig.agent.folder / "boot-entry").read_text() == f"{large[0].path} uefi"


def test_a_partition_image_is_written_with_swap_and_config_drive(
    rig: Rig, node: str, tmp_path: Path, large: tuple[LoopDisk]
) -> None:
    image = root_image(tmp_path)
    url = rig.lab.http.publish("root.raw", image.content)
    rig.api.set_instance(
        "m1",
        image_source=url,
        image_checksum=sha256(image.content),
        image_type="partition",
        root_gb=1,
        root_mb=40,
        swap_mb=8,
    )
    deploy(rig, large, configdrive={"meta_data": {"hostname": "by-ironic"}})
    assert [size for _, size in places_mib(large[0])] == [550, 8, 1, 1024]
    (start, _) = places_mib(large[0])[-1]
    check_ext(large[0], start)
    assert file_in_ext(large[0], start, "/etc/hostname") == "n1\n"
    told = [one["command_name"] for one in ended(rig)]
    assert told == [
        "get_deploy_steps",
        "execute_deploy_step",
        "get_partition_uuids",
        "install_bootloader",
        "sync",
    ]


def test_a_bootable_container_is_installed_with_the_login_that_ironic_hands_on(
    rig: Rig,
    node: str,
    tmp_path: Path,
    large: tuple[LoopDisk],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf, programs = tmp_path / "registry", tmp_path / "programs"
    shelf.mkdir()
    with registry(shelf) as anyone:
        digest = anyone.push_manifest("os/debian", "12", anyone.manifest("os/debian", {"": b"OS"}))
    monkeypatch.setenv("PATH", podman_double.put_into(programs))  # the agents' too
    login = base64.b64encode(b"tux:open sesame").decode()
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample tux@example.org"
    with registry(shelf, htpasswd_auth(shelf, "tux", "open sesame")) as locked:
        patch = [{"op": "add", "path": "/deploy_interface", "value": "bootc"}]
        rig.api.call("PATCH", "/v1/nodes/m1", patch)
        source = f"oci://{locked.host}/os/debian:12"
        rig.api.set_instance(
            "m1", image_source=source, image_pull_secret=login, bootc_authorized_keys=key
        )
        deploy(rig, large, configdrive={"meta_data": {"hostname": "by-ironic"}})
    assert taken(rig, "deploy") == ["execute_bootc_install"]
    result = ended(rig)[-2]["command_result"]["deploy_result"]
    said = f"Container image ({source}) written to device {large[0].path}"
    assert result["result"] == f"execute_bootc_install: {said}"
    assert result["installation"]["image"] == f"{locked.host}/os/debian@{digest}"
    calls = podman_double.calls(programs)
    assert json.loads(calls[1]["files"]["login"]) == {"auths": {locked.host: {"auth": login}}}
    assert calls[-1]["files"]["keys"] == f"{key}\n"
    assert table_of(large[0])["partitions"][-1]["name"] == "config-2"
    kept = json.dumps(ended(rig)) + rig.agent.log.read_text()
    assert "open sesame" not in kept
    assert login not in kept


def adopt(rig: Rig, tmp_path: Path) -> None:
    content, instance = whole_disk(rig, tmp_path)
    rig.api.set_instance("m1", **instance, image_checksum=sha256(content))
    rig.api.provision("m1", "adopt")
    rig.api.wait_for_state("m1", "active", timeout_s=WAIT_S)


@pytest.mark.long
def test_an_active_node_is_serviced_with_several_steps(
    rig: Rig, node: str, tmp_path: Path, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    adopt(rig, tmp_path)
    steps = ("burnin_cpu", "return_nothing", "burnin_memory")
    listed = [{"interface": "deploy", "step": step} for step in steps]
    rig.api.provision("m1", "service", service_steps=listed)
    boot(rig, "service wait", disks)
    served = rig.api.wait_for_state("m1", "active", timeout_s=WAIT_S)
    assert served["last_error"] is None
    assert taken(rig, "service") == list(steps)


def test_a_rescue_hands_the_password_over_and_ends(
    rig: Rig, node: str, tmp_path: Path, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    adopt(rig, tmp_path)
    rig.api.provision("m1", "rescue", rescue_password="a password")
    services = []

    def prepare(folder: Path) -> None:
        describe_disks(folder, disks)
        services.append(LoginService(folder))

    rig.boot("m1", "rescue wait", machine="loop_machine", prepare=prepare)
    rescued = rig.api.wait_for_state("m1", "rescue", timeout_s=WAIT_S)
    assert rescued["last_error"] is None
    (service,) = services
    service.close()
    hashed = service.seen.strip()
    assert hashed == hash_password("a password", "sha256", hashed.split("$")[2])
    rig.api.provision("m1", "unrescue")
    back = rig.api.wait_for_state("m1", "active", timeout_s=WAIT_S)
    assert back["last_error"] is None


def test_an_inspection_with_the_collectors_ironic_asks_for_fills_the_node(
    rig: Rig, node: str, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    rig.api.provision("m1", "inspect")
    boot(rig, "inspect wait", disks)
    inspected = rig.api.wait_for_state("m1", "manageable", timeout_s=WAIT_S)
    assert inspected["last_error"] is None
    assert inspected["properties"]["memory_mb"] == 2048
    found = rig.api.call("GET", "/v1/nodes/m1/inventory")
    data = found["plugin_data"]
    assert {"pci_devices", "usb_devices", "numa_topology", "configuration"} <= set(data)
    assert data["warnings"] == []
    assert {disk["serial"] for disk in found["inventory"]["disks"]} == {"LOOP0", "LOOP1"}


@pytest.mark.long  # Ironic looks every 5 s whether the agent is gone
def test_a_machine_that_is_never_powered_off_is_locked_down_when_it_is_deployed(
    rig: Rig, node: str, tmp_path: Path, large: tuple[LoopDisk]
) -> None:
    content, instance = whole_disk(rig, tmp_path)
    rig.api.set_instance("m1", **instance, image_checksum=sha256(content))
    patch = [{"op": "add", "path": "/disable_power_off", "value": True}]
    rig.api.call("PATCH", "/v1/nodes/m1", patch)
    deploy(rig, large)
    assert ended(rig)[-1]["command_name"] == "lockdown"
    assert (rig.agent.folder / "isolated").read_text() == "eth0"
