"""Where arrays go: a partition for each of them on each of their disks, decided from sizes. Pure.

The start is Ironic's: room for what firmware boots from comes first, 551 MiB under UEFI, 8 MiB under BIOS; the arrays follow in the
order of the request, those that take what is left (``MAX``) last.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.disks.kernel_view import partition_path
from agent.errors import InvalidRequest
from agent.hardware.devices import BlockDevice
from hardware_managers.software_raid.logical_disks import Level, LogicalDisk

MIB = 1 << 20
DATA_OFFSET_BYTES = 16 * MIB
"""What md keeps for itself at the beginning of each member: superblock, bitmap, room to grow; given to mdadm, so that sizes are known."""
CHUNK_BYTES = MIB >> 1
"""mdadm's own chunk; a member holds whole ones."""
_BOOT_BYTES = {"uefi": 550 * MIB, "bios": 7 * MIB}
_END_BYTES = MIB
"""Kept for the backup of the partition table."""
_DEVICE = re.compile(r"md(\d+)")


class PartKind(StrEnum):
    """What a partition is for; the values are its type in the words of sfdisk(8)."""

    ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
    BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
    MEMBER = "A19D880F-05FC-4D3B-A006-743F0F84911E"


_BOOT_KINDS = {"uefi": PartKind.ESP, "bios": PartKind.BIOS_BOOT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A partition to be made; bytes count from the beginning of the disk."""

    number: int
    kind: PartKind
    start_byte: int
    size_bytes: int
    name: str

    @property
    def end_byte(self) -> int:
        """One past the last byte."""
        return self.start_byte + self.size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskTable:
    """The partition table of one disk, a GPT; partitions in disk order."""

    disk: BlockDevice
    parts: tuple[Part, ...]

    def script(self) -> str:
        """Return it in the language of sfdisk(8)."""
        sector = self.disk.logical_sector_bytes
        lines = (
            f"{part.number}: start={part.start_byte // sector}, size={part.size_bytes // sector},"
            f' type={part.kind.value}, name="{part.name}"'
            for part in self.parts
        )
        return "\n".join(("label: gpt", "unit: sectors", *lines, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArray:
    """An array to be made. ``members`` are device nodes of partitions, ``size_bytes`` is what it will have."""

    device: Path
    name: str
    level: Level
    members: tuple[Path, ...]
    disks: tuple[BlockDevice, ...]
    size_bytes: int
    is_root: bool

    def command(self) -> tuple[str, ...]:
        """Return the command line that makes it.

        The host name ``any`` makes it nobody's and everybody's: the deployed system takes it for its own, mdadm(8).
        """
        offset = f"--data-offset={DATA_OFFSET_BYTES // 1024}K"
        bitmap = ("--bitmap=internal",) if self.level.is_redundant else ()
        chunk = () if self.level.name == "1" else (f"--chunk={CHUNK_BYTES // 1024}K",)
        return (
            *("mdadm", "--create", str(self.device), "--run", "--force", "--metadata=1.2"),
            *("--homehost=any", f"--name={self.name}", f"--level={self.level.md_name}"),
            *(f"--raid-devices={len(self.members)}", offset, *bitmap, *chunk),
            *map(str, self.members),
        )


def plan_layout(
    wanted: Sequence[LogicalDisk],
    members: Sequence[tuple[BlockDevice, ...]],
    *,
    boot_mode: str,
    taken: Collection[str] = (),
) -> tuple[tuple[DiskTable, ...], tuple[PlannedArray, ...]]:
    """Give every array a partition on each of its disks.

    Args:
        wanted: The arrays.
        members: The disks of each, in the same order.
        boot_mode: ``bios`` or ``uefi``; decides what comes first on each disk.
        taken: Names of arrays, and of md devices, that exist already.

    Returns:
        A table for each disk that is used, partitions in disk order, aligned to 1 MiB, not overlapping; and the arrays in the order of the
        request. All members of an array have the same size.

    Raises:
        InvalidRequest: They do not fit; the message names array, disk and what is missing.
    """
    sizes = _member_sizes(wanted, members, boot_mode)
    names = _names(wanted, taken)
    order = sorted(range(len(wanted)), key=lambda number: wanted[number].size_bytes is None)
    tables, nodes = _divide(
        [(number, names[number], sizes[number], members[number]) for number in order], boot_mode
    )
    devices = _devices(len(wanted), taken)
    arrays = tuple(
        PlannedArray(
            device=devices[number],
            name=names[number],
            level=one.level,
            members=tuple(nodes[number, disk.path] for disk in members[number]),
            disks=members[number],
            size_bytes=one.level.capacity(len(members[number]), _usable(sizes[number])),
            is_root=one.is_root,
        )
        for number, one in enumerate(wanted)
    )
    return tables, arrays


def _divide(
    arrays: Sequence[tuple[int, str, int, tuple[BlockDevice, ...]]], boot_mode: str
) -> tuple[tuple[DiskTable, ...], Mapping[tuple[int, Path], Path]]:
    """Put one partition for each array on each of its disks, one behind the other.

    Args:
        arrays: Number, name, size of a member in bytes, and disks of each, in the order of their places.
        boot_mode: Decides what comes first on each disk.

    Returns:
        The tables by the disks' names, and the partition of each array (by its number) on each disk.
    """
    parts: dict[BlockDevice, list[Part]] = {}
    nodes: dict[tuple[int, Path], Path] = {}
    for number, name, size_bytes, disks in arrays:
        for disk in disks:
            before = parts.setdefault(disk, [_boot_part(boot_mode)])
            part = Part(
                number=len(before) + 1,
                kind=PartKind.MEMBER,
                start_byte=before[-1].end_byte,
                size_bytes=size_bytes,
                name=name,
            )
            before.append(part)
            nodes[number, disk.path] = partition_path(disk.path, part.number)
    made = (DiskTable(disk=disk, parts=tuple(row)) for disk, row in parts.items())
    return tuple(sorted(made, key=lambda table: str(table.disk.path))), nodes


def _member_sizes(
    wanted: Sequence[LogicalDisk], members: Sequence[tuple[BlockDevice, ...]], boot_mode: str
) -> list[int]:
    """Return the size of each array's partitions: what was asked for, and for ``MAX`` what is left on the fullest of its disks."""
    room = {disk.path: _room_bytes(disk, boot_mode) for disks in members for disk in disks}
    sizes = [0] * len(wanted)
    for number, one in enumerate(wanted):
        if one.size_bytes is None:
            continue
        share = one.level.share(len(members[number]), one.size_bytes)
        sizes[number] = _rounded(share, CHUNK_BYTES, up=True) + DATA_OFFSET_BYTES
        sizes[number] = _rounded(sizes[number], MIB, up=True)
        for disk in members[number]:
            room[disk.path] -= sizes[number]
            if room[disk.path] < 0:
                raise one.refusal(
                    "size_gb",
                    f"{one.size_bytes} bytes need {sizes[number]} on each of {len(members[number])} disks;"
                    f" {-room[disk.path]} are missing on {disk.path} ({disk.size_bytes} bytes)",
                )
    owners: dict[Path, LogicalDisk] = {}
    for number, one in enumerate(wanted):
        if one.size_bytes is not None:
            continue
        for disk in members[number]:
            if owners.setdefault(disk.path, one) is not one:
                raise one.refusal("size_gb", f"{owners[disk.path].place} takes all of {disk.path}")
        smallest = min(members[number], key=lambda disk: room[disk.path])
        sizes[number] = room[smallest.path]
        if _usable(sizes[number]) < CHUNK_BYTES:
            raise one.refusal("size_gb", f"nothing is left on {smallest.path} for it")
    return sizes


def _room_bytes(disk: BlockDevice, boot_mode: str) -> int:
    end = _rounded(disk.size_bytes - _END_BYTES, MIB, up=False)
    return end - _boot_part(boot_mode).end_byte


def _boot_part(boot_mode: str) -> Part:
    if boot_mode not in _BOOT_BYTES:
        raise InvalidRequest(f"boot mode {boot_mode!r} is neither bios nor uefi")
    kind = _BOOT_KINDS[boot_mode]
    size = _BOOT_BYTES[boot_mode]
    return Part(number=1, kind=kind, start_byte=MIB, size_bytes=size, name=kind.name.lower())


def _usable(part_bytes: int) -> int:
    return _rounded(part_bytes - DATA_OFFSET_BYTES, CHUNK_BYTES, up=False)


def _rounded(size_bytes: int, step: int, *, up: bool) -> int:
    return -(-size_bytes // step) * step if up else size_bytes // step * step


def _names(wanted: Sequence[LogicalDisk], taken: Collection[str]) -> list[str]:
    """Return a name for each array: the wanted one, or the first free of ``volume0``, ``volume1`` ..."""
    used = {one.name for one in wanted} | set(taken)
    names = []
    for one in wanted:
        if one.name is not None and one.name in taken:
            raise one.refusal(
                "volume_name", f"an array {one.name!r} exists already; delete it first"
            )
        name = one.name or next(n for i in range(len(used) + 1) if (n := f"volume{i}") not in used)
        used.add(name)
        names.append(name)
    return names


def _devices(count: int, taken: Collection[str]) -> list[Path]:
    used = {int(found[1]) for name in taken if (found := _DEVICE.fullmatch(name))}
    free = (number for number in range(count + len(used)) if number not in used)
    return [Path(f"/dev/md{number}") for number, _ in zip(free, range(count), strict=False)]
