"""The hooks ``root-device`` and ``raid-device``: which disk the system goes to, and how large it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.protocol.device_hints import Hint, root_hints, skip_hints
from agent.protocol.hint_values import holds
from agent.protocol.refusal import Refusal
from controller.errors import StepFailed
from controller.workflow.inspection_hooks.hook import Found, Hook, Seen
from controller.workflow.inspection_hooks.machine_facts import of

_GIB = 1 << 30
_PARTITIONING_GIB = 1
"""Ironic leaves so much of the disk out of ``local_gb``."""
_MOST_DISKS = 4096
_UNKNOWN = "none"
"""What a value that a disk does not tell is compared as."""
_NEVER_CHOSEN_BY_NONE = frozenset({"serial", "wwn"})


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
    disk = seen.plugin_data.get("root_disk")
    if hints:
        disk = _first(_disks(seen.inventory), hints, skipped)
        if disk is None:
            words = ", ".join(map(str, hints))
            raise StepFailed(f"no disk of the inventory satisfies properties.root_device ({words})")
    size_bytes = of(disk, "size", int) or 0
    local_gb = size_bytes // _GIB
    if local_gb and seen.settings.inspection_disk_spacing:
        local_gb -= _PARTITIONING_GIB
    data = {"local_gb": local_gb} | ({"root_disk": disk} if hints else {})
    return Found(properties={"local_gb": local_gb} if local_gb else {}, plugin_data=data)


def _first(
    disks: Sequence[Mapping[str, Any]],
    hints: Sequence[Hint],
    skipped: Sequence[Sequence[Hint]],
) -> Mapping[str, Any] | None:
    left = [disk for disk in disks if not any(_fits(disk, entry) for entry in skipped)]
    return next((disk for disk in left if _fits(disk, hints)), None)


def _fits(disk: Mapping[str, Any], hints: Sequence[Hint]) -> bool:
    return all(_holds(hint, disk) for hint in hints)


def _holds(hint: Hint, disk: Mapping[str, Any]) -> bool:
    value = disk.get(hint.name)
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
    new = [serial for serial in serials(seen.inventory) if serial not in seen.disks_before]
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
