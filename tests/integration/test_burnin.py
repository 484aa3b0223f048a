"""Burn-in with the real programs: short runs, real reports, a fault that is found, a stop."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.disks.release import StackReleaser
from agent.errors import BurninFailed, Stopped
from agent.hardware.capabilities import HardwareManager, Support
from agent.hardware.devices import BlockDevice
from agent.hardware.registry import Hardware
from agent.system.runner import HostRunner, Output
from hardware_managers.burnin import steps
from hardware_managers.generic.metadata_eraser import MetadataWiper
from tests.integration.disk_images import MIB
from tests.integration.disk_images import run as shell
from tests.integration.loop_disk import LoopDisk, loop_disk
from tests.lab.disks.block_nodes import Fault, Operation, faulty_node
from tests.lab.disks.served_disk import FUSE, served_disk
from tests.unit.fakes import Tools

pytestmark = pytest.mark.root
KEY = "agent_burnin_"


class OneDisk:
    """Lists one loop device and no disk of this machine."""

    def __init__(self, *disks: BlockDevice) -> None:
        self._disks = disks

    def list_disks(self) -> tuple[BlockDevice, ...]:
        return self._disks


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, 8 * MIB) as made:
        yield made


def chain(*disks: BlockDevice) -> Hardware:
    return Hardware(
        [
            HardwareManager(
                name="one disk",
                version="1",
                support=Support.GENERIC,
                disk_lister=OneDisk(*disks),
                disk_releaser=StackReleaser(HostRunner()),
                metadata_eraser=MetadataWiper(HostRunner()),
            )
        ]
    )


def run(step: Any, folder: Path, told: dict[str, Any], *disks: BlockDevice, **node: Any) -> Any:
    folder.mkdir(exist_ok=True)
    driver_info = {f"{KEY}{name}": value for name, value in told.items()}
    context = Tools(HostRunner(), folder).context(
        chain(*disks), {"driver_info": driver_info, **node}
    )
    return step(context)


def test_processors_are_loaded_and_the_report_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "cpu.yaml"
    told = {"cpu_cpu": 1, "cpu_timeout": 1, "cpu_outputfile": str(kept)}
    figures = run(steps.burnin_cpu, tmp_path / "work", told)
    assert figures["stressors"][0]["stressor"] == "cpu"
    assert figures["stressors"][0]["bogo-ops"] > 0
    assert "stressor: cpu" in kept.read_text()


def test_memory_is_written_and_checked(tmp_path: Path) -> None:
    told = {"vm_vm": 1, "vm_vm-bytes": "16m", "vm_timeout": 1}
    figures = run(steps.burnin_memory, tmp_path / "work", told)
    assert figures["stressors"][0]["stressor"] == "vm"


def test_a_disk_is_written_and_read_back(tmp_path: Path, disk: LoopDisk) -> None:
    before = disk.read(0, MIB)
    done = run(steps.burnin_disk, tmp_path / "work", {"fio_disk_loops": 1}, disk.device())
    (job,) = done["disks"]
    assert job["errors"] == 0
    assert job["read_bytes"] >= disk.size_bytes // 2
    assert disk.read(0, MIB) != before


@pytest.mark.skipif(not FUSE.exists(), reason="needs FUSE: modprobe fuse")
def test_a_disk_with_a_bad_block_fails_and_is_named(tmp_path: Path) -> None:
    file = tmp_path / "disk"
    with file.open("wb") as made:
        made.truncate(8 * MIB)
    bad = Fault(operation=Operation.WRITE, sector=4 * MIB // 512)
    with served_disk(tmp_path, faulty_node(file, [bad])) as path:
        device = BlockDevice(
            path=path,
            size_bytes=8 * MIB,
            logical_sector_bytes=512,
            physical_sector_bytes=512,
            is_rotational=False,
        )
        with pytest.raises(BurninFailed, match=path.name):
            run(steps.burnin_disk, tmp_path / "work", {"fio_disk_loops": 1}, device)


def test_a_skipped_disk_is_left_alone(tmp_path: Path, disk: LoopDisk) -> None:
    skipped = {"skip_block_devices": [{"name": str(disk.path)}]}
    before = disk.read(0, disk.size_bytes)
    with pytest.raises(Exception, match="there is no disk to test"):
        run(steps.burnin_disk, tmp_path / "work", {}, disk.device(), properties=skipped)
    assert disk.read(0, disk.size_bytes) == before


def test_a_virtual_medium_is_left_alone(tmp_path: Path, disk: LoopDisk) -> None:
    medium = replace(disk.device(), transport="usb", label="ir-vfd-dev")
    before = disk.read(0, disk.size_bytes)
    with pytest.raises(Exception, match="there is no disk to test"):
        run(steps.burnin_disk, tmp_path / "work", {}, medium)
    assert disk.read(0, disk.size_bytes) == before


class Elsewhere(HostRunner):
    """Runs programs in a network namespace, as on another machine."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def follow(self, *argv: str, **how: Any) -> Output:
        return super().follow("ip", "netns", "exec", self._namespace, *argv, **how)


@pytest.fixture
def pair() -> Iterator[dict[str, tuple[str, str]]]:
    """Two machines with a cable between them: by their role, the namespace and the address."""
    names = [f"ingot-burn-{os.getpid()}-{end}" for end in "wr"]
    addresses = ["192.0.2.1", "192.0.2.2"]
    for name in names:
        shell("ip", "netns", "add", name)
    try:
        ends = ("eth0", "netns", names[0], "type", "veth", "peer", "name", "eth0", "netns")
        shell("ip", "link", "add", *ends, names[1])
        for name, address in zip(names, addresses, strict=True):
            shell("ip", "-n", name, "address", "add", f"{address}/24", "dev", "eth0")
            shell("ip", "-n", name, "link", "set", "eth0", "up")
        yield dict(zip(("writer", "reader"), zip(names, addresses, strict=True), strict=True))
    finally:
        for name in names:
            shell("ip", "netns", "delete", name)


@pytest.mark.parametrize(("writes_s", "reads_s"), [(3, 3), (4, 1), (1, 4)])
def test_two_machines_test_both_directions(
    tmp_path: Path, pair: dict[str, tuple[str, str]], writes_s: int, reads_s: int
) -> None:
    """Their clocks never agree; here one is told to end seconds before the other."""
    results: dict[str, Any] = {}
    seconds = {"writer": writes_s, "reader": reads_s}

    def machine(role: str, other: str) -> None:
        (tmp_path / role).mkdir()
        config = {"role": role, "partner": pair[other][1]}
        told = {f"{KEY}fio_network_config": config, f"{KEY}fio_network_runtime": seconds[role]}
        tools = Tools(Elsewhere(pair[role][0]), tmp_path / role)
        results[role] = steps.burnin_network(tools.context(chain(), {"driver_info": told}))

    roles = (("writer", "reader"), ("reader", "writer"))
    threads = [threading.Thread(target=machine, args=both) for both in roles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert results["writer"]["writer"][0]["written_bytes"] > 0
    assert results["writer"]["reader"][0]["read_bytes"] > 0
    assert results["reader"]["reader"][0]["read_bytes"] > 0


def test_a_long_burnin_is_stopped(tmp_path: Path) -> None:
    tools = Tools(HostRunner(), tmp_path)
    told = {f"{KEY}cpu_cpu": 1, f"{KEY}cpu_timeout": 3600}
    timer = threading.Timer(1.0, tools.stop.set)
    timer.start()
    with pytest.raises(Stopped):
        steps.burnin_cpu(tools.context(chain(), {"driver_info": told}))


def test_a_ramdisk_without_the_program_says_how_to_build_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BurninFailed, match="ingot-burnin"):
        run(steps.burnin_cpu, tmp_path / "work", {})
