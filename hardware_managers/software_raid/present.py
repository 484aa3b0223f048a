"""What md arrays there are, running or not, as their superblocks and the kernel tell it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.disks.stack import Stack, disks_below
from agent.errors import CommandFailed
from agent.hardware.devices import BlockDevice
from agent.protocol.raid.logical_disks import GIB
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot
from hardware_managers.software_raid.logical_disks import CONTROLLER, LEVELS

TIMEOUT_S = 60.0
_KERNEL_SECTOR_BYTES = 512
_DEVICES = re.compile(r"\s+devices=(\S+)")
_MEMBER = re.compile(r"MD_DEVICE_\S+_DEV=(\S+)")
_LEVEL_NAMES = {level.md_name: level.name for level in LEVELS.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentArray:
    """An array; ``device`` and what follows are ``None`` while it is not running, ``uuid`` is as mdadm writes it.

    ``level`` is md's word (``raid1``, ``container`` for those of firmware), ``name`` without the host; empty = it has none.
    """

    uuid: str
    name: str
    level: str
    members: tuple[Path, ...]
    device: Path | None = None
    size_bytes: int | None = None
    missing: int | None = None


def read_arrays(runner: Runner, sys_root: SysRoot) -> tuple[PresentArray, ...]:
    """Return every array that a superblock tells of or that is running, in the order of their names."""
    scan = runner.run("mdadm", "--examine", "--scan", "--verbose", timeout_s=TIMEOUT_S)
    found = {array.uuid: array for array in parse_scan(scan.stdout)}
    for folder in sorted(sys_root.at("sys/block").glob("md*")):
        if (running := _running(folder.name, runner, sys_root)) is not None:
            found[running.uuid] = running
    return tuple(sorted(found.values(), key=lambda array: (array.name, array.uuid)))


def parse_scan(text: str) -> tuple[PresentArray, ...]:
    """Parse ``mdadm --examine --scan --verbose`` (version 4.2); volumes of firmware containers, which have no members, are left out."""
    found = []
    for entry in re.split(r"^ARRAY ", text, flags=re.MULTILINE)[1:]:
        first, _, rest = entry.partition("\n")
        words = dict(word.split("=", 1) for word in first.split() if "=" in word)
        devices = _DEVICES.search("\n" + rest)
        if "UUID" not in words or devices is None:
            continue
        array = PresentArray(
            uuid=words["UUID"],
            name=words.get("name", "").rpartition(":")[2],
            level=words.get("level", words.get("metadata", "unknown")),
            members=tuple(map(Path, sorted(devices[1].split(",")))),
        )
        found.append(array)
    return tuple(found)


def _running(device: str, runner: Runner, sys_root: SysRoot) -> PresentArray | None:
    """Return a running array; ``None`` = the kernel has the device and nothing in it."""
    if sys_root.text("sys/block", device, "md/array_state") in (None, "clear", "inactive"):
        return None
    try:
        told = runner.run("mdadm", "--detail", "--export", f"/dev/{device}", timeout_s=TIMEOUT_S)
    except CommandFailed:
        if sys_root.text("sys/block", device, "md/array_state") in (None, "clear"):
            return None  # it was stopped meanwhile
        raise
    values = dict(line.split("=", 1) for line in told.stdout.splitlines() if "=" in line)
    sectors = sys_root.number("sys/block", device, "size")
    return PresentArray(
        uuid=values.get("MD_UUID", ""),
        name=values.get("MD_NAME", "").rpartition(":")[2],
        level=values.get("MD_LEVEL", "unknown"),
        members=tuple(map(Path, sorted(_MEMBER.findall(told.stdout)))),
        device=Path("/dev") / device,
        size_bytes=None if sectors is None else sectors * _KERNEL_SECTOR_BYTES,
        missing=sys_root.number("sys/block", device, "md/degraded"),
    )


def disks_of(array: PresentArray, stack: Stack) -> frozenset[str]:
    """Return the kernel's names of the disks that an array is on."""
    names = [str(member).removeprefix("/dev/").replace("/", "!") for member in array.members]
    known = [name for name in names if name in stack]
    return frozenset(lower for name in known for lower in (disks_below(stack, name) or {name}))


def describe(
    array: PresentArray, disks: Sequence[BlockDevice], stack: Stack, *, is_root: bool
) -> Mapping[str, Any]:
    """Return an array as a logical disk of ``raid_config``; ``uuid`` and ``state`` are ours."""
    names = disks_of(array, stack)
    size = {} if array.size_bytes is None else {"size_gb": array.size_bytes // GIB}
    state = "inactive" if array.device is None else "degraded" if array.missing else "clean"
    members = [dict(_identity(disk)) for disk in disks if disk.path.name in names]
    return {
        "raid_level": _LEVEL_NAMES.get(array.level, array.level),
        **size,
        "controller": CONTROLLER,
        "volume_name": array.name,
        "is_root_volume": is_root,
        "number_of_physical_disks": len(names),
        "physical_disks": members,
        "uuid": array.uuid,
        "state": state,
    }


def _identity(disk: BlockDevice) -> Iterator[tuple[str, str]]:
    yield "name", str(disk.path)
    if disk.serial:
        yield "serial", disk.serial
    if disk.wwn:
        yield "wwn", disk.wwn
