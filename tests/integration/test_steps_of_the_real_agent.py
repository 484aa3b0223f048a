"""Our controller orders every kind of step from the real ironic-python-agent, a process whose disks are loop devices; no machine is booted."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from agent.protocol.password_hash import hash_password
from tests.integration.disk_images import MIB, RawImage, gpt_image, sha256
from tests.integration.image_server import ImageServer
from tests.integration.ipa_machine import PEER, IpaMachine
from tests.integration.loop_disk import LoopDisk, loop_disk
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.waiting import wait_until

pytestmark = [
    pytest.mark.root,
    pytest.mark.interop,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (PEER / "bin/python").exists(),
        reason="make build/stamps/peer-ipa installs the real agent",
    ),
]
WAIT_S = 15.0
ONE_SECOND = {"fake_id": "m1", "agent_burnin_cpu_timeout": 1, "agent_burnin_vm_timeout": 1}
MIRROR = {
    "logical_disks": [
        {"size_gb": 20, "raid_level": "1", "controller": "software", "volume_name": "root"}
    ]
}
VERSION = {"X-OpenStack-Ironic-API-Version": "1.95"}
PASSWORD = "a password"
COLLECTORS = "default,logs,pci-devices,numa-topology"


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[tuple[LoopDisk, LoopDisk]]:
    with loop_disk(tmp_path, 96 * MIB) as first, loop_disk(tmp_path, 24 * MIB) as second:
        yield first, second
        for disk in (first, second):
            if any(Path("/sys/block", disk.path.name).glob(f"{disk.path.name}p*")):
                disk.run(
                    "partx", "--delete"
                )  # parted tells the kernel, and nobody else would take them away


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    files = {}
    for name in ("deploy_kernel", "deploy_ramdisk"):
        file = tmp_path / name
        file.write_bytes(hashlib.sha256(name.encode()).digest())
        files[name] = str(file)
    settings: dict[str, Any] = {"agent_require_tls": True, "inspection_collectors": COLLECTORS}
    with running_controller(tmp_path, **settings, **files) as running:
        yield running


def enrol(
    controller: RunningController,
    tmp_path: Path,
    disks: tuple[LoopDisk, LoopDisk],
    state: str,
    **columns: Any,
) -> IpaMachine:
    properties = {"cpu_arch": "x86_64", "root_device": {"serial": "LOOP0"}}
    bmc = controller.enrol("m1", state, interfaces={}, properties=properties, **columns)
    machine = IpaMachine(controller.url, "52:54:00:00:00:01", tmp_path / "machine", disks, "pcbios")
    bmc.machine = machine
    return machine


def rest(controller: RunningController, machine: IpaMachine, state: str) -> Any:
    """Wait until the node rests in ``state`` without an error; return it."""

    def has_ended() -> bool:
        machine.must_run()
        node = controller.node("m1")
        return node.stage is None and (node.provision_state == state or node.last_error is not None)

    wait_until(has_ended, WAIT_S, f"m1 becoming {state}")
    node = controller.wait_for("m1", state)
    assert node.last_error is None
    return node


def instance_of(server: ImageServer, image: RawImage) -> dict[str, Any]:
    """Serve the image; return the ``instance_info`` that has it written."""
    return {
        "image_source": server.serve("whole.raw", image.content),
        "image_disk_format": "raw",
        "image_os_hash_algo": "sha256",
        "image_os_hash_value": sha256(image.content),
    }


def is_written(image: RawImage, disk: LoopDisk) -> bool:
    """Compare the first partition."""
    disk.run("sync")
    return disk.read(MIB, 8 * MIB) == image.content[MIB : 9 * MIB]


def deploy_steps(*names: str) -> list[dict[str, Any]]:
    return [{"interface": "deploy", "step": name} for name in names]


def test_every_clean_step_is_taken_in_one_boot(
    controller: RunningController, tmp_path: Path, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    machine = enrol(controller, tmp_path, disks, "manageable", driver_info=ONE_SECOND)
    steps = deploy_steps(
        "erase_devices_metadata",
        "erase_devices_express",
        "burnin_cpu",
        "erase_devices",
    )
    controller.ask("m1", "clean", clean_steps=steps)
    rest(controller, machine, "manageable")
    assert machine.boots == ["pxe", "off"]
    for disk in disks:
        disk.run("sync")
        assert not any(disk.read(0, disk.size_bytes))


def test_logical_disks_are_made_told_and_removed(
    controller: RunningController, tmp_path: Path, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    machine = enrol(controller, tmp_path, disks, "manageable", target_raid_config=MIRROR)
    names = ("delete_configuration", "create_configuration")
    steps = [{"interface": "raid", "step": name} for name in names]
    controller.ask("m1", "clean", clean_steps=steps)
    made = rest(controller, machine, "manageable")
    (told,) = made.raid_config["logical_disks"]
    assert (told["raid_level"], told["volume_name"]) == ("1", "root")
    controller.ask("m1", "clean", clean_steps=steps[:1])
    gone = rest(controller, machine, "manageable")
    assert not gone.raid_config.get("logical_disks")


@pytest.mark.long
def test_an_image_on_an_array_that_the_real_agent_leaves_unbootable_ends_in_an_error(
    controller: RunningController,
    server: ImageServer,
    tmp_path: Path,
    disks: tuple[LoopDisk, LoopDisk],
) -> None:
    image = gpt_image(tmp_path)
    info = instance_of(server, image)
    machine = enrol(controller, tmp_path, disks, "available", instance_info=info)
    step = {
        "interface": "raid",
        "step": "apply_configuration",
        "priority": 85,
        "args": {"raid_config": MIRROR},
    }
    controller.ask("m1", "active", deploy_steps=[step])
    node = controller.wait_for("m1", "deploy failed", timeout_s=2 * WAIT_S)
    machine.must_run()
    assert "instance_info.image_rootfs_uuid" in str(node.last_error)
    (told,) = node.raid_config["logical_disks"]
    assert told["volume_name"] == "root"
    assert is_written(image, disks[0])


def test_one_boot_cleans_and_deploys_and_a_system_that_no_kexec_starts_boots_by_the_firmware(
    controller: RunningController,
    server: ImageServer,
    tmp_path: Path,
    disks: tuple[LoopDisk, LoopDisk],
) -> None:
    image = gpt_image(tmp_path)
    machine = enrol(
        controller,
        tmp_path,
        disks,
        "manageable",
        instance_info=instance_of(server, image),
        driver_info={"fake_id": "m1", "fast_track": True, "kexec": True},
    )
    controller.ask("m1", "provide")
    rest(controller, machine, "available")
    assert machine.boots == ["pxe"]
    controller.ask("m1", "active")
    rest(controller, machine, "active")
    assert machine.boots == ["pxe", "off", "disk"]
    assert is_written(image, disks[0])
    told = [one.message for one in controller.events("m1") if one.message.startswith("kexec: ")]
    assert len(told) == 1, told
    assert "prepare_kexec" in told[0]
    assert "the machine is started through its firmware" in told[0]


@pytest.mark.long
def test_an_active_node_is_serviced_with_several_steps(
    controller: RunningController, tmp_path: Path, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    machine = enrol(
        controller, tmp_path, disks, "active", instance_info=IMAGE, driver_info=ONE_SECOND
    )
    controller.ask("m1", "service", service_steps=deploy_steps("burnin_cpu", "burnin_memory"))
    rest(controller, machine, "active")
    assert machine.boots[0] == "pxe"
    assert machine.is_on


def test_a_rescue_hands_the_password_over_and_ends(
    controller: RunningController, tmp_path: Path, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    machine = enrol(controller, tmp_path, disks, "active", instance_info=IMAGE)
    controller.ask("m1", "rescue", rescue_password=PASSWORD)
    rest(controller, machine, "rescue")
    kept = (machine.folder / "etc/ipa-rescue-config/ipa-rescue-password").read_text()
    assert kept == hash_password(PASSWORD, "sha512", kept.split("$")[2])
    controller.ask("m1", "unrescue")
    rest(controller, machine, "active")
    assert machine.boots[-1] == "disk"


def test_an_inspection_with_collectors_fills_the_node(
    controller: RunningController, tmp_path: Path, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    machine = enrol(controller, tmp_path, disks, "manageable")
    controller.ask("m1", "inspect")
    node = rest(controller, machine, "manageable")
    assert node.properties["cpu_arch"] == "x86_64"
    assert node.properties["cpus"] > 0
    found = requests.get(
        f"{controller.url}/v1/nodes/m1/inventory", timeout=30, headers=VERSION
    ).json()
    assert {disk["serial"] for disk in found["inventory"]["disks"]} == {"LOOP0", "LOOP1"}
    assert {"pci_devices", "numa_topology"} <= set(found["plugin_data"])
