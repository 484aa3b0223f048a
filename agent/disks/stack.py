"""What stands on what: disks, partitions, arrays, mappings and loop devices as one graph, and how to take it down again.

``read_stack`` reads sysfs; everything else is pure. A layer stands on another if it ends when that one is taken away: a
partition on its disk, an array on its members, a volume of a RAID container on that container.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.errors import DiskInUse

_MULTIPATH_PREFIX = "mpath-"


class LayerKind(StrEnum):
    """What a block device is made by."""

    DISK = "disk"
    PARTITION = "partition"
    ARRAY = "array"
    MAPPING = "mapping"
    LOOP = "loop device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One block device: its name in the kernel, its number (``8:1``), what it stands on (names, sorted).

    ``title`` is the device mapper's name or, of a loop device, the file behind it; empty for others.
    """

    name: str
    number: str
    kind: LayerKind
    below: tuple[str, ...] = ()
    title: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" ({self.title})" if self.title else "")


Stack = Mapping[str, Layer]
"""All layers of the machine by their names."""


def device_number(path: str) -> str | None:
    """Return the number of the block device at ``path`` (``8:1``); ``None`` = it is none."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    device = status.st_rdev
    return f"{os.major(device)}:{os.minor(device)}" if stat.S_ISBLK(status.st_mode) else None


def read_stack(
    sys: Path = Path("/sys"), number_of: Callable[[str], str | None] = device_number
) -> Stack:
    """Return every block device of the machine; one that goes away meanwhile is left out.

    Args:
        sys: Where sysfs is mounted.
        number_of: Returns the device number of a path, see :func:`device_number`.
    """
    folders = {entry.name: entry.resolve() for entry in sorted((sys / "class/block").iterdir())}
    numbers = {
        name: number for name, folder in folders.items() if (number := _text(folder / "dev"))
    }
    names = {number: name for name, number in numbers.items()}
    found = {}
    for name, number in numbers.items():
        kind, title = _kind(folders[name])
        below = _below(folders[name], kind)
        if kind is LayerKind.LOOP and (behind := number_of(title)) in names:
            below.append(names[str(behind)])
        below = sorted({lower for lower in below if lower in numbers})
        found[name] = Layer(name=name, number=number, kind=kind, below=tuple(below), title=title)
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _kind(folder: Path) -> tuple[LayerKind, str]:
    """Return the kind and the title of the device with this folder."""
    if (folder / "partition").exists():
        return LayerKind.PARTITION, ""
    if (folder / "md").is_dir():
        return LayerKind.ARRAY, ""
    if (folder / "dm").is_dir():
        return LayerKind.MAPPING, _text(folder / "dm/name")
    if (folder / "loop").is_dir():
        return LayerKind.LOOP, _text(folder / "loop/backing_file")
    return LayerKind.DISK, ""


def _below(folder: Path, kind: LayerKind) -> list[str]:
    if kind is LayerKind.PARTITION:
        return [folder.parent.name]
    slaves = folder / "slaves"
    below = [entry.name for entry in slaves.iterdir()] if slaves.is_dir() else []
    if kind is LayerKind.ARRAY:
        # "external:/md127/0" = volume 0 of a container, which goes first; md.rst of the kernel's admin guide
        owner = _text(folder / "md/metadata_version").removeprefix("external:")
        if owner[:1] in ("/", "-"):
            below.append(owner[1:].partition("/")[0])
    return below


def standing_on(stack: Stack, names: Iterable[str]) -> tuple[Layer, ...]:
    """Return what stands on the named layers, the highest first; the named ones are not among it."""
    chosen, order = set(names), list[str]()

    def visit(name: str, path: tuple[str, ...]) -> None:
        for upper in sorted(stack):
            if name in stack[upper].below and upper not in path and upper not in order:
                visit(upper, (*path, upper))
                if upper not in chosen:
                    order.append(upper)

    for name in sorted(chosen):
        visit(name, (name,))
    return tuple(stack[name] for name in _highest_first(stack, order))


def _highest_first(stack: Stack, names: Collection[str]) -> list[str]:
    """Return ``names`` so that nothing stands on a later one."""
    left, order = sorted(names), list[str]()
    while left:
        free = [name for name in left if not any(name in stack[other].below for other in left)]
        step = free or left[:1]  # a circle cannot be; if it were, something has to be first
        order += step
        left = [name for name in left if name not in step]
    return order


def disks_below(stack: Stack, name: str) -> frozenset[str]:
    """Return the names of everything that the named layer stands on, directly or not."""
    found: set[str] = set()
    left = list(stack[name].below)
    while left:
        lower = left.pop()
        if lower not in found:
            found.add(lower)
            left += stack[lower].below
    return frozenset(found)


def plan_release(
    stack: Stack, chosen: Collection[str], kept: Collection[str] = ()
) -> tuple[Layer, ...]:
    """Return the arrays, mappings and loop devices to end, in this order, so that nothing stands on the chosen disks.

    Args:
        stack: What stands where.
        chosen: Names of the disks to be freed.
        kept: Names of disks that must not be touched.

    Raises:
        DiskInUse: Something stands on a kept disk too, or is of a kind that this program cannot end.
    """
    ended = [layer for layer in standing_on(stack, chosen) if layer.kind is not LayerKind.PARTITION]
    for layer in ended:
        if layer.kind is LayerKind.DISK:
            raise DiskInUse(
                f"{layer.name} stands on {' and '.join(layer.below)} and is of a kind that the agent cannot stop;"
                " stop it with the program that made it"
            )
        if both := sorted(disks_below(stack, layer.name) & set(kept)):
            raise DiskInUse(
                f"{layer} stands on a disk to be freed and on {' and '.join(both)}, which must be left alone;"
                " correct properties.skip_block_devices or take the disk out"
            )
    return tuple(ended)
