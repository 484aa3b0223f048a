"""Which disk gets the operating system. Pure; a wrong disk is the most expensive mistake there is, so it explains itself."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from agent.disks.hints import matches, protects, root_hints, shown_value, skip_hints
from agent.errors import NoSuitableDisk
from agent.hardware.devices import BlockDevice
from agent.hardware.reading import RootDiskChoice
from agent.protocol.device_hints import Hint, skipped_volumes

MIN_ROOT_BYTES = 4 << 30
"""The smallest disk that is taken without hints (Ironic's rule)."""


def choose_root_disk(node: Mapping[str, Any], disks: Sequence[BlockDevice]) -> RootDiskChoice:
    """Choose the first disk that the node's hints name, else the smallest one of at least 4 GiB; ties go by name.

    ``instance_info.root_device`` wins over ``properties.root_device``; disks in ``properties.skip_block_devices`` and
    read-only ones are never taken, removable ones only if hints name them.

    Args:
        node: The controller's document of the node.
        disks: All disks of the machine, in the order of the inventory.

    Raises:
        NoSuitableDisk: None fits; the message names every disk and why not.
        InvalidRequest: A hint is unknown or malformed.
    """
    hints = root_hints(node)
    skipped = skipped_disks(node, disks)
    rejected = {disk.path: _why_not(disk, hints, skipped) for disk in disks}
    fitting = [disk for disk in disks if rejected[disk.path] is None]
    if not fitting:
        raise NoSuitableDisk(_nothing_fits(hints, rejected))
    if hints:
        chosen = fitting[0]
        taken = f"taken: it matches the root device hints ({'; '.join(map(str, hints))})"
    else:
        chosen = min(fitting, key=lambda disk: (disk.size_bytes, str(disk.path)))
        taken = f"taken: the smallest disk of at least {MIN_ROOT_BYTES} bytes; there are no root device hints"
    reasons = {
        disk.path: taken
        if disk is chosen
        else rejected[disk.path] or _passed_over(disk, chosen, hints)
        for disk in disks
    }
    return RootDiskChoice(disk=chosen, reasons=reasons, kept=skipped)


def _passed_over(disk: BlockDevice, chosen: BlockDevice, hints: Sequence[Hint]) -> str:
    """Return why a disk that fits is not the one that is taken."""
    if hints:
        return f"matches the hints too, but {chosen.path} is listed first"
    if disk.size_bytes == chosen.size_bytes:
        return f"is as large as {chosen.path}, whose name comes first"
    return f"is larger than {chosen.path}"


def _nothing_fits(hints: Sequence[Hint], rejected: Mapping[Path, str | None]) -> str:
    wanted = f"matches the root device hints ({'; '.join(map(str, hints))})" if hints else "fits"
    reasons = "; ".join(f"{path}: {reason}" for path, reason in rejected.items())
    advice = "correct properties.root_device" if hints else "add a disk or set root device hints"
    found = reasons or "the machine shows no disk at all; is a storage driver missing?"
    return f"no disk {wanted}: {found}; {advice}"


def skipped_disks(node: Mapping[str, Any], disks: Sequence[BlockDevice]) -> tuple[BlockDevice, ...]:
    """Return the disks that ``properties.skip_block_devices`` names, with all that they stand on and all that stands on those.

    An entry with ``volume_name`` names a RAID array: its members are meant, also while it is not assembled. A member of an array
    whose name cannot be read counts as named then.

    Raises:
        InvalidRequest: A hint is unknown or malformed.
    """
    wanted, volumes = skip_hints(node), skipped_volumes(node)
    named = {
        disk.path
        for disk in disks
        if any(protects(hints, disk) for hints in wanted) or _is_in_volume(disk, volumes)
    }
    while more := {
        disk.path for disk in disks if disk.path not in named and _touches(disk, named, disks)
    }:
        named |= more
    return tuple(disk for disk in disks if disk.path in named)


def _is_in_volume(disk: BlockDevice, volumes: AbstractSet[str]) -> bool:
    return bool(volumes) and (disk.has_unnamed_volume or not volumes.isdisjoint(disk.volume_names))


def _touches(disk: BlockDevice, named: AbstractSet[Path], disks: Sequence[BlockDevice]) -> bool:
    """Tell whether ``disk`` stands on a named one, or a named one on it."""
    mine = {disk.path, *disk.paths}  # an array may stand on any path of a LUN
    return any(
        not mine.isdisjoint(other.below) or not {other.path, *other.paths}.isdisjoint(disk.below)
        for other in disks
        if other.path in named
    )


def _why_not(
    disk: BlockDevice, hints: Sequence[Hint], skipped: Sequence[BlockDevice]
) -> str | None:
    """Return why ``disk`` is not taken; ``None`` = it fits."""
    failed = [hint for hint in hints if not matches(hint, disk)]
    reason = None
    if disk.is_read_only:
        reason = "is read-only"
    elif disk in skipped:
        reason = "is listed in properties.skip_block_devices"
    elif failed:
        reason = ", ".join(f"{hint.name} is {shown_value(hint, disk)}" for hint in failed)
    elif disk.is_removable and not hints:
        reason = "is removable"
    elif disk.size_bytes < MIN_ROOT_BYTES and not hints:
        reason = f"has {disk.size_bytes} bytes, less than the {MIN_ROOT_BYTES} that are needed"
    return reason
