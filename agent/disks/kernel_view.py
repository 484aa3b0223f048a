"""Makes the kernel and udev see a new partition table. Reads /sys only."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from agent.disks.disk import Disk
from agent.disks.partition_table import Partition
from agent.errors import ImageError
from agent.system.runner import Runner

_SETTLE_S = 10
_SETTLE_LIMIT_S = 60
"""A machine that is busy may be far behind its own clock; the partitions are there already."""
_WAIT_S = 5.0
_PAUSE_S = 0.05


def partition_numbers(disk: Path, sys: Path = Path("/sys")) -> tuple[int, ...]:
    """Return the numbers of the partitions that the kernel has nodes for."""
    return tuple(sorted(int(folder.read_text()) for folder in _partition_files(disk, sys)))


def partition_path(disk: Path, number: int) -> Path:
    """Return the device node of a partition as the kernel names it: ``sda1``, ``nvme0n1p1``."""
    between = "p" if disk.name[-1].isdigit() else ""
    return disk.with_name(f"{disk.name}{between}{number}")


def partition_nodes(
    disk: Path, sys: Path = Path("/sys"), dev: Path = Path("/dev")
) -> tuple[Path, ...]:
    """Return the device nodes of the disk's partitions, logical ones too, in the order of their names."""
    names = (file.parent.name.replace("!", "/") for file in _partition_files(disk, sys))
    return tuple(sorted(dev / name for name in names))


def _partition_files(disk: Path, sys: Path) -> list[Path]:
    device = disk.stat().st_rdev
    root = sys / "dev/block" / f"{os.major(device)}:{os.minor(device)}"
    return list(root.glob("*/partition"))


def show_partitions(disk: Disk, expected: Sequence[Partition], runner: Runner) -> int:
    """Re-read the partition table and wait until every expected partition has its node.

    Returns:
        The number of partitions; those of the table if this device never has nodes (a plain loop device).

    Raises:
        ImageError: The kernel does not accept the table.
    """
    if not disk.reread_partitions():
        return len(expected)
    wanted = {part.number for part in expected}
    deadline = time.monotonic() + _WAIT_S
    while not wanted <= (seen := set(partition_numbers(disk.path))):
        if time.monotonic() > deadline:
            raise ImageError(
                f"{disk.path}: the kernel shows the partitions {sorted(seen)} instead of"
                f" {sorted(wanted)}; see dmesg, and check the image with sgdisk --verify"
            )
        time.sleep(_PAUSE_S)
    runner.run("udevadm", "settle", f"--timeout={_SETTLE_S}", timeout_s=_SETTLE_LIMIT_S, ok=(0, 1))
    return len(seen)
