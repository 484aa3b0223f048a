"""Which array is meant by a logical disk of ``raid_config``: by its UUID, by its name, and without both by what it can only be. Pure.

Ironic's agent keeps what was asked for as ``raid_config``, so ``volume_name`` may be missing there; it calls such arrays ``md0``, ``md1``
... in the order in which it makes them: as they were asked for, those of size ``MAX`` last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.errors import RaidError
from hardware_managers.software_raid.logical_disks import CONTROLLER, LEVELS, RESERVED_NAME
from hardware_managers.software_raid.present import PresentArray

_MD_LEVELS = {level.name: level.md_name for level in LEVELS.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedArray:
    """A logical disk of ``raid_config`` that is an array of md; ``None`` = it does not say.

    ``made_as`` is its place in the order in which Ironic's agent makes arrays, from 0; ``level`` is md's word.
    """

    name: str | None
    uuid: str | None
    level: str | None
    made_as: int
    is_root: bool

    def __str__(self) -> str:
        return repr(self.name) if self.name else f"number {self.made_as + 1} (without a name)"


def recorded_arrays(node: Mapping[str, Any]) -> tuple[RecordedArray, ...]:
    """Return the software arrays of ``node.raid_config`` in its order; what is no array there is passed over."""
    config = node.get("raid_config") or {}
    listed = config.get("logical_disks") if isinstance(config, Mapping) else None
    disks = [
        disk
        for disk in (listed if isinstance(listed, list | tuple) else ())
        if isinstance(disk, Mapping) and disk.get("controller") == CONTROLLER
    ]
    order = sorted(range(len(disks)), key=lambda place: disks[place].get("size_gb") == "MAX")
    return tuple(
        RecordedArray(
            name=_text(disk.get("volume_name")),
            uuid=_text(disk.get("uuid")),
            level=_MD_LEVELS.get(str(disk.get("raid_level"))),
            made_as=order.index(place),
            is_root=disk.get("is_root_volume") is True,
        )
        for place, disk in enumerate(disks)
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def find_all(
    wanted: Sequence[RecordedArray], present: Sequence[PresentArray]
) -> tuple[PresentArray, ...]:
    """Return the array of each entry, in the same order.

    Raises:
        RaidError: None fits one, or more than one does, or one array would be two entries.
    """
    found = tuple(find_recorded(one, wanted, present) for one in wanted)
    first: dict[str, RecordedArray] = {}
    for one, array in zip(wanted, found, strict=True):
        if first.setdefault(array.uuid, one) is not one:
            raise RaidError(
                f"raid_config has the arrays {first[array.uuid]} and {one}, but only {array.name or array.uuid} is on"
                " the disks; clean the node with raid.create_configuration, or correct its RAID configuration"
            )
    return found


def find_recorded(
    wanted: RecordedArray, others: Sequence[RecordedArray], present: Sequence[PresentArray]
) -> PresentArray:
    """Return the array that is meant; never a guess, as a system may be written to it.

    Args:
        wanted: One entry of ``raid_config``.
        others: Every entry of it.
        present: The arrays of the machine.

    Raises:
        RaidError: None fits, or more than one does.
    """
    found = candidates(wanted, others, present)
    if len(found) == 1:
        return found[0]
    there = ", ".join(array.name or array.uuid for array in present) or "none"
    why = f"{len(found)} of that name are on the disks"
    if wanted.name is None:
        why = f"{len(found)} arrays on the disks may be it, and it has no volume_name that would tell which"
    raise RaidError(
        f"raid_config has the array {wanted}, but {why} (there: {there});"
        " clean the node with raid.create_configuration, or correct its RAID configuration"
    )


def candidates(
    wanted: RecordedArray, others: Sequence[RecordedArray], present: Sequence[PresentArray]
) -> tuple[PresentArray, ...]:
    """Return the arrays that may be meant; see :func:`find_recorded` for the arguments."""
    if same := tuple(array for array in present if array.uuid and array.uuid == wanted.uuid):
        return same
    if wanted.name is not None:
        return tuple(array for array in present if array.name == wanted.name)
    told = {other.name for other in others if other.name} | {RESERVED_NAME}
    uuids = {other.uuid for other in others if other.uuid}
    free = [array for array in present if array.name not in told and array.uuid not in uuids]
    levels = set(_MD_LEVELS.values()) if wanted.level is None else {wanted.level}
    fitting = tuple(array for array in free if array.level in levels)
    usual = tuple(array for array in fitting if array.name == f"md{wanted.made_as}")
    return usual if len(usual) == 1 else fitting
