"""Who uses a disk: mounts, swap and devices stacked on it. Reads /proc and /sys only."""

import os
from pathlib import Path


def uses_of(
    device: int, *, proc: Path = Path("/proc"), sys: Path = Path("/sys")
) -> tuple[str, ...]:
    """Return one phrase per use of the disk with this device number and of its partitions; empty = free.

    Args:
        device: ``st_rdev`` of the whole disk.
        proc: Where procfs is mounted.
        sys: Where sysfs is mounted.
    """
    root = sys / "dev/block" / _number(device)
    found: list[str] = []
    for folder in (root, *sorted(path.parent for path in root.glob("*/partition"))):
        number = (folder / "dev").read_text().strip()
        name = folder.resolve().name
        found += [f"{name} is mounted on {place}" for place in _mounts(number, proc)]
        found += [f"{name} is part of {holder}" for holder in _names(folder / "holders")]
        found += [f"{name} is swap space" for swap in _swaps(proc) if swap == number]
    return tuple(found)


def _number(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _mounts(number: str, proc: Path) -> list[str]:
    """Return the mount points of a device; proc_pid_mountinfo(5), fields 3 and 5."""
    lines = (proc / "self/mountinfo").read_text().splitlines()
    rows = (line.split() for line in lines)
    return sorted({row[4] for row in rows if row[2] == number})


def _swaps(proc: Path) -> list[str]:
    """Return the device numbers of swap partitions; proc_swaps(5)."""
    table = proc / "swaps"
    if not table.exists():
        return []
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    paths = [row[0] for row in rows if len(row) > 1 and row[1] == "partition"]
    return [_number(Path(path).stat().st_rdev) for path in paths if Path(path).exists()]
