"""Collector ``extra-hardware``: the machine as rows of four (class, device, what, value), which Ironic's hook of this name takes.

The rows have the names of the program hardware-detect, as far as the chain knows the facts; the program itself is not needed.
Benchmarks run on request only (``ipa-inspection-benchmarks``) and read the disks, they never write.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.errors import AgentError
from agent.hardware.devices import BlockDevice, NetworkInterface
from agent.hardware.reading import MachineView
from agent.system.sysfs import SysRoot
from hardware_managers.generic.collectors import benchmarks

Row = list[str | int]
_GB = 1_000_000_000
_PER_CPU_S, _PER_DISK_S = 0.5, 2.0
LONGEST_BENCHMARKS_S = 600.0
"""For all of them; a machine with 256 processors and 60 disks takes four minutes."""


def extra_hardware(
    hardware: MachineView, root: SysRoot, wanted: Sequence[str]
) -> Mapping[str, Any]:
    """Return ``data``: the rows; numbers of benchmarks are texts, as hardware-detect has them.

    Args:
        hardware: The chain.
        root: For the kernel's version.
        wanted: Benchmarks to run: ``cpu``, ``mem``, ``disk``.

    Raises:
        AgentError: The machine could not be read, or there is no such benchmark.
    """
    unknown = sorted(set(wanted) - set(_BENCHMARKS))
    if unknown:
        known = ", ".join(_BENCHMARKS)
        raise AgentError(
            f"ipa-inspection-benchmarks: no benchmark {', '.join(unknown)}; known: {known}"
        )
    disks = hardware.disks()
    rows = [*_processors(hardware), *_memory(hardware), *_system(hardware, root)]
    rows += [row for disk in disks for row in _disk(disk)]
    rows += [["disk", "logical", "count", len(disks)]]
    rows += [row for nic in hardware.nics() for row in _nic(nic)]
    for name in dict.fromkeys(wanted):
        rows += _BENCHMARKS[name](disks)
    return {"data": rows}


def _processors(hardware: MachineView) -> list[Row]:
    processor = hardware.machine_reader().processor()
    sockets = processor.socket_count or 1
    rows: list[Row] = [["cpu", "physical", "number", sockets]]
    for number in range(sockets):
        device = f"physical_{number}"
        rows += [
            ["cpu", device, "product", processor.model_name],
            ["cpu", device, "architecture", processor.architecture],
            ["cpu", device, "flags", " ".join(processor.flags)],
        ]
    return [*rows, ["cpu", "logical", "number", processor.count]]


def _memory(hardware: MachineView) -> list[Row]:
    memory = hardware.machine_reader().memory()
    installed = memory.physical_mib
    size = memory.total_bytes if installed is None else installed << 20
    return [["memory", "total", "size", size]]


def _system(hardware: MachineView, root: SysRoot) -> list[Row]:
    identity = hardware.machine_reader().identity()
    facts = (
        ("system", "product", "name", identity.product_name),
        ("system", "product", "vendor", identity.manufacturer),
        ("system", "product", "serial", identity.serial_number),
        ("system", "product", "uuid", identity.system_uuid),
        ("system", "kernel", "version", root.text("proc/sys/kernel/osrelease")),
        ("firmware", "bios", "vendor", identity.firmware_vendor),
        ("firmware", "bios", "version", identity.firmware_version),
        ("firmware", "bios", "date", identity.firmware_date),
    )
    return _told(facts)


def _disk(disk: BlockDevice) -> list[Row]:
    name = str(disk.path.relative_to("/dev"))
    facts: tuple[tuple[str, str, str, str | int | None], ...] = (
        ("disk", name, "size", disk.size_bytes // _GB),
        ("disk", name, "model", disk.model),
        ("disk", name, "vendor", disk.vendor),
        ("disk", name, "serial", disk.serial),
        ("disk", name, "wwn", disk.wwn),
        ("disk", name, "rotational", int(disk.is_rotational)),
        ("disk", name, "logical_block_size", disk.logical_sector_bytes),
        ("disk", name, "physical_block_size", disk.physical_sector_bytes),
        ("disk", name, "scsi-id", disk.hctl),
    )
    return _told(facts)


def _nic(nic: NetworkInterface) -> list[Row]:
    facts: tuple[tuple[str, str, str, str | int | None], ...] = (
        ("network", nic.name, "serial", nic.mac),
        ("network", nic.name, "businfo", nic.pci_address and f"pci@{nic.pci_address}"),
        ("network", nic.name, "driver", nic.driver),
        ("network", nic.name, "link", "yes" if nic.has_carrier else "no"),
        ("network", nic.name, "ipv4", nic.ipv4),
        ("network", nic.name, "speed", nic.speed_mbps and f"{nic.speed_mbps}Mbit/s"),
    )
    return _told(facts)


def _told(facts: Sequence[tuple[str, str, str, str | int | None]]) -> list[Row]:
    """Return the rows of facts that are known."""
    return [[*names, value] for *names, value in facts if value not in (None, "")]


def _measure_processors(_disks: Sequence[BlockDevice]) -> list[Row]:
    speeds = benchmarks.hashed_kib_per_s(_PER_CPU_S)
    return [["cpu", f"logical_{n}", "sha256_KBps", str(speed)] for n, speed in speeds.items()]


def _measure_memory(_disks: Sequence[BlockDevice]) -> list[Row]:
    blocks = {"1M": 1 << 20, "128M": 128 << 20}
    rows: list[Row] = []
    for name, size_bytes in blocks.items():
        speed = benchmarks.copied_mib_per_s(size_bytes, _PER_CPU_S)
        rows.append(["cpu", "logical", f"bandwidth_{name}", str(speed)])
    return rows


def _measure_disks(disks: Sequence[BlockDevice]) -> list[Row]:
    rows: list[Row] = []
    for disk in disks:
        for how, block_bytes in (("read_1M", 1 << 20), ("randread_4k", 4096)):
            read = benchmarks.read_speed(
                Path(disk.path),
                disk.size_bytes,
                block_bytes,
                _PER_DISK_S,
                is_random=how.startswith("rand"),
            )
            name = str(disk.path.relative_to("/dev"))
            kib_per_s, per_s = read.per_s * block_bytes / 1024, read.per_s
            rows += [
                ["disk", name, f"standalone_{how}_KBps", str(round(kib_per_s))],
                ["disk", name, f"standalone_{how}_IOps", str(round(per_s))],
            ]
    return rows


_BENCHMARKS: Mapping[str, Callable[[Sequence[BlockDevice]], list[Row]]] = {
    "cpu": _measure_processors,
    "mem": _measure_memory,
    "disk": _measure_disks,
}
