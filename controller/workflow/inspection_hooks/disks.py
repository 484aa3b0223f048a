"""The hooks ``root-device`` and ``raid-device``: which disk the system goes to, and how large it is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.protocol.device_hints import Hint, root_hints, skip_hints
from agent.protocol.foreign_text import clean_line
from agent.protocol.hint_values import holds
from agent.protocol.refusal import Refusal
from controller.errors import StepFailed
from controller.workflow.inspection_hooks.hook import Found, Hook, Seen
from controller.workflow.inspection_hooks.machine_facts import of

_GIB = 1 << 30
_PARTITIONING_GIB = 1
"""Ironic leaves so much of the disk out of ``local_gb``."""
_MOST_DISKS, _LONGEST_NAME = 4096, 80
_UNKNOWN = "none"
"""What a value that a disk does not tell is compared as."""
_NEVER_CHOSEN_BY_NONE = frozenset({"serial", "wwn"})
_NAMED_BY_SYSTEM = frozenset({"name", "by_path", "hctl"})
"""Hints that no BMC can tell anything about."""
_STAYS = "which disk the system goes to is not known, and properties.local_gb stays"
_Hints = Sequence[Hint]


def serials(inventory: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the serial numbers of an inventory's disks."""
    found = (of(disk, "serial", str) for disk in _disks(inventory))
    return tuple(serial for serial in found if serial)


def _root_device(seen: Seen) -> Found:
    node = {"properties": seen.properties}
    try:
        hints, skipped = root_hints(node), skip_hints(node)
    except Refusal as error:
        raise StepFailed(f"{error.field}: {error}") from error
    if hints:
        disk, warnings = _chosen(seen, hints, skipped)
    else:
        disk, warnings = _unless_skipped(seen, skipped)
    if warnings and disk is None:
        return Found(dropped=("root_disk",), warnings=warnings)
    size_bytes = of(disk, "size", int) or 0
    local_gb = size_bytes // _GIB
    if local_gb and seen.settings.inspection_disk_spacing:
        local_gb -= _PARTITIONING_GIB
    data = {"local_gb": local_gb} | ({"root_disk": disk} if hints else {})
    properties = {"local_gb": local_gb} if local_gb else {}
    return Found(properties=properties, plugin_data=data, warnings=warnings)


def _chosen(
    seen: Seen, hints: _Hints, skipped: Sequence[_Hints]
) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """Return the disk that the hints mean, and warnings; no disk and a warning = it is not known which.

    Raises:
        StepFailed: No disk satisfies them, by what is told of each.
    """
    is_bmc, disks = seen.is_told_by_bmc, _disks(seen.inventory)
    words = f"properties.root_device ({', '.join(map(str, hints))})"
    if is_bmc and not disks:
        return None, (f"root-device: the BMC tells of no disk, so of {words} {_STAYS}",)
    verdicts = [(disk, _is_meant(disk, hints, skipped, is_bmc=is_bmc)) for disk in disks]
    for disk, verdict in verdicts:
        if verdict:
            return disk, ()
    possible = [disk for disk, verdict in verdicts if verdict is None]
    if not possible:
        raise StepFailed(f"no disk of the inventory satisfies {words}")
    text = f"root-device: the BMC does not tell all that {words} and skip_block_devices ask for: "
    if len(possible) == 1:
        name = clean_line(possible[0].get("name"), _LONGEST_NAME)
        return possible[0], (f"{text}{name} is taken for it, as no other disk can be it",)
    return None, (f"{text}{len(possible)} disks can be it, so {_STAYS}",)


def _unless_skipped(
    seen: Seen, skipped: Sequence[_Hints]
) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """Return the disk that was chosen where there are no hints; a ramdisk has looked at what is skipped, a BMC has not."""
    disk = seen.plugin_data.get("root_disk")
    if not seen.is_told_by_bmc or not isinstance(disk, Mapping):
        return disk, ()
    if _is_meant(disk, (), skipped, is_bmc=True):
        return disk, ()
    text = "root-device: the smallest disk that the BMC tells of is, or may be, one of properties.skip_block_devices"
    return None, (f"{text}: {_STAYS}",)


def _is_meant(
    disk: Mapping[str, Any], hints: _Hints, skipped: Sequence[_Hints], *, is_bmc: bool
) -> bool | None:
    """Say whether a disk satisfies the hints and is not skipped; ``None`` = too little is told of it."""
    skips = [_all(_holds(hint, disk, is_bmc=is_bmc) for hint in entry) for entry in skipped]
    return _all(
        [
            *(None if skip is None else not skip for skip in skips),
            *(_holds(hint, disk, is_bmc=is_bmc) for hint in hints),
        ]
    )


def _all(verdicts: Iterable[bool | None]) -> bool | None:
    """Return whether all hold; ``None`` = of some it is not known, and none does not hold."""
    known = list(verdicts)
    if False in known:
        return False
    return None if None in known else True


def _holds(hint: Hint, disk: Mapping[str, Any], *, is_bmc: bool) -> bool | None:
    value = disk.get(hint.name)
    if is_bmc and (hint.name in _NAMED_BY_SYSTEM or value in (None, "")):
        return None
    if hint.name == "size":
        size_bytes = of(disk, "size", int)
        return size_bytes is not None and holds(hint, repr(size_bytes / _GIB)) is True
    text = str(value).strip().lower() if isinstance(value, str | bool | int) else ""
    if not text and hint.name in _NEVER_CHOSEN_BY_NONE:
        return False
    return holds(hint, text or _UNKNOWN) is True


def _raid_device(seen: Seen) -> Found:
    """Take the one disk that the last inspection did not find."""
    if "root_device" in seen.properties or seen.disks_before is None:
        return Found()
    told = serials(seen.inventory)
    if seen.is_told_by_bmc and (not told or len(told) < len(_disks(seen.inventory))):
        text = "raid-device: the BMC does not tell the serial numbers of all disks, so none of them becomes root_device"
        return Found(warnings=(text,))
    new = [serial for serial in told if serial not in seen.disks_before]
    if len(new) != 1:
        text = f"raid-device: {len(new)} disks are new, so none of them becomes root_device"
        return Found(warnings=(text,))
    return Found(properties={"root_device": {"serial": new[0]}})


def _disks(inventory: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = inventory.get("disks")
    found = listed[:_MOST_DISKS] if isinstance(listed, list) else []
    return [disk for disk in found if isinstance(disk, Mapping)]


ROOT_DEVICE = Hook(run=_root_device)
RAID_DEVICE = Hook(run=_raid_device)
