"""Makes and names filesystems at a place of a disk that has no partition table yet.

Nothing here needs a partition's device node, so that the table can be written last. FAT and swap are made in a sparse file and
copied into place; ext is made in place, because only mke2fs knows what it may leave unwritten. The tools of e2fsprogs take an
offset as ``device?offset=N`` (ext2fs_open2 in libext2fs) or ``-E offset=N`` (mke2fs(8)).
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.disks.layout import MIB, PlannedPartition
from agent.disks.open_disk import OpenDisk
from agent.errors import ImageError
from agent.system.runner import Runner

_QUICK_S = 120.0
_RESIZE_S = 1800.0
_FSCK_CORRECTED = 1
_BLKID_NOTHING_FOUND = 2
_BLKID_AMBIVALENT = 8


@dataclass(frozen=True, slots=True)
class Identity:
    """What blkid says of a place: kind and UUID of its filesystem, empty = none, and its block size, 0 = unknown."""

    kind: str
    uuid: str
    block_bytes: int


def identify(disk: OpenDisk, part: PlannedPartition, runner: Runner) -> Identity:
    """Return what lies in a partition to be."""
    place = ("--offset", str(part.start_byte), "--size", str(part.size_bytes))
    answer = runner.run(
        *("blkid", "--probe", "--output", "export", *place, str(disk.path)),
        timeout_s=_QUICK_S,
        ok=(0, _BLKID_NOTHING_FOUND, _BLKID_AMBIVALENT),
    )
    tags = dict(line.partition("=")[::2] for line in answer.stdout.splitlines())
    size = tags.get("BLOCK_SIZE", "")
    return Identity(
        kind=tags.get("TYPE", ""),
        uuid=tags.get("UUID", ""),
        block_bytes=int(size) if size.isdigit() else 0,
    )


def clear_edges(disk: OpenDisk, part: PlannedPartition) -> None:
    """Wipe the first and the last MiB, where older filesystems and RAID members left their marks."""
    disk.zero(part.start_byte, part.start_byte + MIB)
    disk.zero(part.end_byte - MIB, part.end_byte)


def make_fat(
    disk: OpenDisk, part: PlannedPartition, label: str, runner: Runner, *, content: Path | None
) -> None:
    """Make a FAT filesystem that holds the files below ``content``; ``None`` = empty.

    Raises:
        CommandFailed: The files do not fit, or a program failed.
    """
    with _scratch(part) as image:
        sectors = ("-S", str(disk.sector_bytes))
        runner.run("mkfs.vfat", *sectors, "-n", label, str(image), timeout_s=_QUICK_S)
        entries = sorted(map(str, content.iterdir())) if content else []
        if entries:
            runner.run("mcopy", "-s", "-n", "-i", str(image), *entries, "::", timeout_s=_QUICK_S)
        _copy_used(image, disk, part)


def make_swap(disk: OpenDisk, part: PlannedPartition, label: str, runner: Runner) -> None:
    """Make swap space."""
    with _scratch(part) as image:
        runner.run("mkswap", "--label", label, str(image), timeout_s=_QUICK_S)
        _copy_used(image, disk, part)


def make_ext(disk: OpenDisk, part: PlannedPartition, kind: str, label: str, runner: Runner) -> None:
    """Make an ext2, ext3 or ext4 filesystem."""
    place = f"nodiscard,offset={part.start_byte}"
    size = f"{part.size_bytes // 1024}k"
    with disk.left_to_programs():
        runner.run(
            *("mke2fs", "-q", "-F", "-t", kind, "-L", label, "-E", place, str(disk.path), size),
            timeout_s=_RESIZE_S,
        )


def grow_ext(disk: OpenDisk, part: PlannedPartition, kind: str, runner: Runner) -> None:
    """Let an ext filesystem fill its partition.

    Raises:
        ImageError: ``kind`` is another one, which can be grown only where it is mounted.
        CommandFailed: The filesystem is damaged or refuses.
    """
    if not kind.startswith("ext"):
        raise ImageError(
            f"{disk.path}: the root filesystem is {kind}, and only ext2, ext3 and ext4 can be grown here; leave"
            " grow_root_filesystem out: the deployed system (cloud-init's growpart) can do it"
        )
    name = f"{disk.path}?offset={part.start_byte}"
    with disk.left_to_programs():
        runner.run("e2fsck", "-f", "-p", name, timeout_s=_RESIZE_S, ok=(0, _FSCK_CORRECTED))
        runner.run("resize2fs", name, f"{part.size_bytes // 1024}K", timeout_s=_RESIZE_S)


@contextmanager
def _scratch(part: PlannedPartition) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ingot-filesystem-") as folder:
        image = Path(folder, "image")
        with image.open("wb") as file:
            file.truncate(part.size_bytes)
        yield image


def _copy_used(image: Path, disk: OpenDisk, part: PlannedPartition) -> None:
    """Copy the file up to the MiB in which its last data lies; what is behind was never written and is not in use."""
    with image.open("rb") as file:
        end = 0
        while (start := _next_data(file.fileno(), end)) is not None:
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        end = -(-end // MIB) * MIB
        for position in range(0, end, MIB):
            file.seek(position)
            disk.write_bytes(file.read(MIB), part.start_byte + position)


def _next_data(descriptor: int, start_byte: int) -> int | None:
    """Return where data begins at or behind ``start_byte``; ``None`` = nowhere (ENXIO)."""
    try:
        return os.lseek(descriptor, start_byte, os.SEEK_DATA)
    except OSError:
        return None
