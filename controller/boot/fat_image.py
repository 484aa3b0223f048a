"""A FAT16 file system laid out around files that stay where they are. Pure; after Microsoft's "FAT: General Overview of On-Disk Format", 1.03.

What is before the files' contents is returned as bytes; each content then begins at a place that is known, so that an image can be
sent without ever being written. Names have the old form, eight signs and three.
"""

import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

_SECTOR_BYTES = 512
_ROOT_ENTRIES = 512
_ENTRY_BYTES = 32
_FEWEST_CLUSTERS = 4200
_MOST_CLUSTERS = 65000
"""Between them it is FAT16 and nothing else; a little away from the edges that some readers get wrong."""
_MOST_CLUSTER_SECTORS = 64
_END_OF_CHAIN = 0xFFFF
_FOLDER, _FILE = 0x10, 0x20
_MEDIA = 0xF8
_DATE = (2026 - 1980) << 9 | 1 << 5 | 1
"""1 January 2026: the same bytes for the same files."""


class TooLarge(Exception):
    """The files do not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FatImage:
    """The layout; from ``head`` on, the contents follow in order, each filled up with zeros to ``cluster_bytes``."""

    head: bytes
    """Boot sector, tables and folders."""
    cluster_bytes: int
    tail_bytes: int
    """Zeros after the last content."""
    size_bytes: int
    starts: Mapping[str, int]
    """The first byte of each content, by path."""


@dataclass(slots=True)
class _Folder:
    cluster: int
    entries: list[bytes]


def plan_fat(files: Mapping[str, int], label: str, *, unit_bytes: int = _SECTOR_BYTES) -> FatImage:
    """Lay out files in the order in which they are given.

    Args:
        files: Size in bytes by path: ``EFI/BOOT/GRUB.CFG``; none is empty.
        label: Eleven signs at most.
        unit_bytes: Every content begins at a multiple of it, so that other file systems can name its place: 512, or 2048 for CDs.

    Raises:
        TooLarge: More than 2 GB, or more than 14 files in a folder with the smallest clusters.
    """
    folders = list(_folders_of(files))
    cluster_sectors = _cluster_sectors(files.values(), len(folders), unit_bytes // _SECTOR_BYTES)
    cluster_bytes = cluster_sectors * _SECTOR_BYTES
    entries, table, firsts = _chains(files, folders, label, cluster_bytes)
    used = len(table) - 2
    clusters = max(used, _FEWEST_CLUSTERS)
    root = b"".join(entries[""].entries).ljust(_ROOT_ENTRIES * _ENTRY_BYTES, b"\0")
    if any(len(entries[folder].entries) * _ENTRY_BYTES > cluster_bytes for folder in folders):
        raise TooLarge("a folder has more files than one cluster has entries for")
    inside = [b"".join(entries[folder].entries).ljust(cluster_bytes, b"\0") for folder in folders]
    fat_sectors = -(-(clusters + 2) * 2 // _SECTOR_BYTES)
    fat = struct.pack(f"<{len(table)}H", *table).ljust(fat_sectors * _SECTOR_BYTES, b"\0")
    before = 1 + 2 * fat_sectors + _ROOT_ENTRIES * _ENTRY_BYTES // _SECTOR_BYTES
    spare = -before % (unit_bytes // _SECTOR_BYTES)
    before += spare
    sectors = before + clusters * cluster_sectors
    boot = _boot_sector(cluster_sectors, 1 + spare, fat_sectors, sectors, label)
    head = boot.ljust((1 + spare) * _SECTOR_BYTES, b"\0") + fat + fat + root
    return FatImage(
        head=b"".join((head, *inside)),
        starts={
            path: before * _SECTOR_BYTES + (first - 2) * cluster_bytes
            for path, first in firsts.items()
        },
        cluster_bytes=cluster_bytes,
        tail_bytes=(clusters - used) * cluster_bytes,
        size_bytes=sectors * _SECTOR_BYTES,
    )


def _chains(
    files: Mapping[str, int], folders: Sequence[str], label: str, cluster_bytes: int
) -> tuple[dict[str, _Folder], list[int], dict[str, int]]:
    """Return the folders' entries by path, the table of clusters, and the first cluster of each file."""
    entries: dict[str, _Folder] = {"": _Folder(0, [_entry(label, 0x08, 0, 0)])}
    table = [0xFF00 | _MEDIA, _END_OF_CHAIN]
    firsts: dict[str, int] = {}
    for folder in folders:
        entries[folder] = _Folder(len(table), [])
        table.append(_END_OF_CHAIN)
    for folder in folders:
        parent, _slash, name = folder.rpartition("/")
        own = entries[folder]
        entries[parent].entries.append(_entry(name, _FOLDER, own.cluster, 0))
        own.entries[:0] = [
            _entry(".", _FOLDER, own.cluster, 0),
            _entry("..", _FOLDER, entries[parent].cluster, 0),
        ]
    for path, size_bytes in files.items():
        folder, _slash, name = path.rpartition("/")
        first, count = len(table), -(-size_bytes // cluster_bytes)
        firsts[path] = first
        table += [*range(first + 1, first + count), _END_OF_CHAIN]
        entries[folder].entries.append(_entry(name, _FILE, first, size_bytes))
    return entries, table, firsts


def _folders_of(paths: Mapping[str, int]) -> Iterator[str]:
    """Yield each folder once, parents first."""
    seen = set()
    for path in paths:
        words = path.split("/")[:-1]
        for count in range(1, len(words) + 1):
            folder = "/".join(words[:count])
            if folder not in seen:
                seen.add(folder)
                yield folder


def _cluster_sectors(sizes: Collection[int], folders: int, fewest: int) -> int:
    sectors = fewest
    while sectors <= _MOST_CLUSTER_SECTORS:
        cluster_bytes = sectors * _SECTOR_BYTES
        if folders + sum(-(-size // cluster_bytes) for size in sizes) <= _MOST_CLUSTERS:
            return sectors
        sectors *= 2
    raise TooLarge(f"{sum(sizes)} bytes are too many for a medium; 2 GB fit")


def _entry(name: str, attributes: int, cluster: int, size_bytes: int) -> bytes:
    stem, dot, suffix = name.partition(".") if name.strip(".") else (name, "", "")
    packed = f"{stem:<8}{suffix:<3}" if dot else f"{name:<11}"
    return struct.pack(
        "<11sBBBHHHHHHHI",
        packed.encode("ascii"),
        attributes,
        *(0, 0, 0, _DATE, _DATE, 0, 0, _DATE),
        cluster,
        size_bytes,
    )


def _boot_sector(
    cluster_sectors: int, reserved: int, fat_sectors: int, sectors: int, label: str
) -> bytes:
    is_small = sectors < 0x10000  # noqa: PLR2004  # the old field has 16 bits
    parameters = struct.pack(
        "<3s8sHBHBHHBHHHIIBBBI11s8s",
        b"\xeb\x3c\x90",
        b"INGOT   ",
        _SECTOR_BYTES,
        cluster_sectors,
        reserved,
        2,
        _ROOT_ENTRIES,
        sectors if is_small else 0,
        _MEDIA,
        fat_sectors,
        *(32, 64, 0),
        0 if is_small else sectors,
        *(0x80, 0, 0x29, 0x1B607),
        f"{label:<11}".encode("ascii"),
        b"FAT16   ",
    )
    return parameters.ljust(_SECTOR_BYTES - 2, b"\0") + b"\x55\xaa"
