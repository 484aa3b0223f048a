"""Root filesystems for tests of partition images: small ext4 images with known files, and questions to a disk that holds one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.integration.disk_images import MIB, RawImage, run
from tests.integration.loop_disk import LoopDisk

ROOT_UUID = "7d7d5d5e-0000-4000-8000-00000000abcd"


def root_image(
    folder: Path,
    *,
    size_bytes: int = 24 * MIB,
    files: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
    block_bytes: int = 4096,
) -> RawImage:
    """Make an ext4 image with these files and symbolic links."""
    tree = folder / "root-tree"
    for name, text in ({"etc/hostname": "n1\n"} | dict(files or {})).items():
        place = tree / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    for name, aim in (links or {}).items():
        (tree / name).symlink_to(aim)
    file = folder / "root.raw"
    file.touch()
    options = (
        "-q",
        "-t",
        "ext4",
        "-d",
        str(tree),
        "-U",
        ROOT_UUID,
        "-L",
        "rootfs",
        "-b",
        str(block_bytes),
    )
    run("mke2fs", *options, str(file), f"{size_bytes // 1024}k")
    return RawImage(file=file, content=file.read_bytes())


def table_of(disk: LoopDisk) -> dict[str, Any]:
    """Return what sfdisk says of the disk's table."""
    table: dict[str, Any] = json.loads(disk.run("sfdisk", "--json"))["partitiontable"]
    return table


def places_mib(disk: LoopDisk) -> list[tuple[int, int]]:
    """Return (start, size) of the partitions in MiB; each is a whole number."""
    unit = MIB // disk.sector_bytes
    found = []
    for part in table_of(disk)["partitions"]:
        assert part["start"] % unit == part["size"] % unit == 0
        found.append((part["start"] // unit, part["size"] // unit))
    return found


def tags_at(disk: LoopDisk, start_mib: int, size_mib: int) -> dict[str, str]:
    """Return blkid's tags of a place."""
    place = ("--offset", str(start_mib * MIB), "--size", str(size_mib * MIB))
    text = run("blkid", "--probe", "--output", "export", *place, str(disk.path)).decode()
    return dict(line.split("=", 1) for line in text.splitlines())


def check_ext(disk: LoopDisk, start_mib: int) -> None:
    """Let e2fsck judge the filesystem there."""
    run("e2fsck", "-f", "-n", f"{disk.path}?offset={start_mib * MIB}")


def file_in_ext(disk: LoopDisk, start_mib: int, name: str) -> str:
    """Return the content of a file in the filesystem there."""
    return run("debugfs", "-R", f"cat {name}", f"{disk.path}?offset={start_mib * MIB}").decode()
