from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from agent.errors import AgentError
from agent.hardware.devices import (
    BlockDevice,
    MainMemory,
    NetworkInterface,
    Processor,
    SystemIdentity,
)
from agent.hardware.reading import MachineView
from hardware_managers.generic.collectors import benchmarks
from hardware_managers.generic.collectors.extra_hardware import extra_hardware
from tests.unit.fakes import disk
from tests.unit.hardware_managers.generic.collectors.kernel_tree import kernel_tree


class Machine:
    """The chain and its reader in one."""

    def __init__(self, disks: tuple[BlockDevice, ...] = ()) -> None:
        self._disks = disks

    def disks(self) -> tuple[BlockDevice, ...]:
        return self._disks

    def nics(self) -> tuple[NetworkInterface, ...]:
        card = NetworkInterface(
            name="eth0",
            mac="52:54:00:ab:00:01",
            has_carrier=True,
            pci_address="0000:00:02.0",
            speed_mbps=1000,
        )
        return (card,)

    def machine_reader(self) -> "Machine":
        return self

    def processor(self) -> Processor:
        return Processor(
            model_name="Test CPU",
            frequency_mhz="2000.0",
            count=8,
            architecture="x86_64",
            flags=("fpu", "vmx"),
            socket_count=2,
        )

    def memory(self) -> MainMemory:
        return MainMemory(total_bytes=1000, physical_mib=2048)

    def identity(self) -> SystemIdentity:
        return SystemIdentity(product_name="PC", serial_number="S1", manufacturer="")


def machine(*disks: BlockDevice) -> MachineView:
    return cast("MachineView", Machine(disks))


def test_rows_are_those_that_ironics_hook_turns_into_a_tree(tmp_path: Path) -> None:
    root = kernel_tree(tmp_path, {"proc/sys/kernel/osrelease": "6.1.0"})
    rows = extra_hardware(machine(replace(disk(), model="QEMU", serial=None)), root, ())["data"]
    assert all(len(row) == 4 for row in rows)
    told = {tuple(row[:3]): row[3] for row in rows}
    assert len(told) == len(rows)
    assert told["cpu", "physical", "number"] == 2
    assert told["cpu", "physical_1", "flags"] == "fpu vmx"
    assert told["cpu", "logical", "number"] == 8
    assert told["memory", "total", "size"] == 2 << 30
    assert told["disk", "vda", "size"] == 8
    assert told["disk", "logical", "count"] == 1
    assert told["network", "eth0", "speed"] == "1000Mbit/s"
    assert told["system", "kernel", "version"] == "6.1.0"
    assert ("disk", "vda", "serial") not in told
    assert ("system", "product", "vendor") not in told


def test_an_unknown_benchmark_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="no benchmark gpu; known: cpu, mem, disk"):
        extra_hardware(machine(), kernel_tree(tmp_path, {}), ("cpu", "gpu"))


def test_reading_a_disk_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "disk"
    file.write_bytes(bytes(range(256)) * 16384)
    before = file.read_bytes()
    try:
        read = benchmarks.read_speed(file, 4 << 20, 4096, 0.02, is_random=True)
    except AgentError as error:
        pytest.skip(f"a filesystem without O_DIRECT: {error}")
    assert read.count >= 1
    assert read.per_s > 0
    assert file.read_bytes() == before


def test_processors_and_memory_are_measured() -> None:
    assert all(speed > 0 for speed in benchmarks.hashed_kib_per_s(0.01).values())
    assert benchmarks.copied_mib_per_s(1 << 20, 0.01) > 0


def test_a_disk_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="gone: reading it for a benchmark failed: No such file"):
        benchmarks.read_speed(tmp_path / "gone", 4096, 4096, 0.01, is_random=False)
