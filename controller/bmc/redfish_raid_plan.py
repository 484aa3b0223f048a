"""What is to be done at a BMC for the logical disks that a node shall have: volumes deleted, volumes made, in this order. Pure.

The drives are chosen as the agent chooses them (``agent.protocol.raid.placing``).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from agent.protocol.raid.levels import LEVELS
from agent.protocol.raid.logical_disks import GIB, read_logical_disks
from agent.protocol.raid.placing import PhysicalDrive, Planned, Wanted, check_members, plan_drives
from agent.protocol.raid_config import check_raid_config
from agent.protocol.refusal import Refusal
from controller.bmc.redfish_raid_guard import PROTECTED, Guard
from controller.bmc.redfish_storage import RAID_TYPES, VOLUME_TYPES, Store, Volume

_TOLERANCE = 0.02
"""Controllers round a size to their stripes."""
_IMMEDIATE, ON_RESET = "Immediate", "OnReset"
APPLY_TIME = "@Redfish.OperationApplyTime"
_LEVELS = {name: LEVELS[name] for name in RAID_TYPES}


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One order for the BMC, as it stands in a step's state."""

    title: str
    """For people: ``RAID.1: RAID 1, 100 GiB, on 0, 1``."""
    collection: str
    """Address of the volumes that it is about."""
    apply_time: str | None
    """When it is carried out, in Redfish's words; ``None`` = the BMC decides."""
    delete: str | None = None
    """Address of a volume; ``None`` = one is made."""
    body: dict[str, Any] | None = None
    """What is ordered."""
    drives: tuple[str, ...] = ()
    """Addresses."""
    level: str = ""
    size_bytes: int | None = None
    """``None`` = all that there is."""
    is_root: bool = False
    wwn: str | None = None
    """Of the volume that is deleted: its address may be another's by and by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a step was asked for."""

    config: Any
    """``{"logical_disks": [..]}``."""
    where: str
    """Where that stands, for messages."""
    makes_root: bool = True
    makes_others: bool = True
    deletes: bool = False


def plan_creation(wishes: Wishes, found: Sequence[Store], guard: Guard) -> tuple[Action, ...]:
    """Return the orders.

    Raises:
        Refusal: It cannot be done; the message names logical disk and field, and what there is.
    """
    if not wishes.config:
        raise Refusal(
            f"{wishes.where} has no logical disks; set it with PUT states/raid, or use delete_configuration"
        )
    try:
        check_raid_config(wishes.config)
    except Refusal as error:
        raise Refusal(f"{wishes.where}: {error}") from error
    documents = [
        one
        for one in wishes.config["logical_disks"]
        if (wishes.makes_root if one.get("is_root_volume") else wishes.makes_others)
    ]
    wanted = read_logical_disks(documents, _LEVELS, "a BMC", shares=False)
    for one in wanted:
        check_members(one)
    deleted = plan_deletion(found, guard) if wishes.deletes else ()
    gone = frozenset(one.delete for one in deleted)
    settled = guard.settled(found)
    free = tuple(
        replace(
            store,
            drives=tuple(
                _freed(one, store, gone, guard.obstacle(one, store, settled))
                for one in store.drives
            ),
        )
        for store in found
    )
    try:
        placed = _placed(wanted, free)
    except Refusal as error:
        if wishes.deletes or not any(one.is_raid for store in found for one in store.volumes):
            raise
        raise Refusal(f"{error}; to delete what stands: delete_existing") from error
    return (*deleted, *(_make(planned) for planned in placed))


def plan_deletion(found: Sequence[Store], guard: Guard) -> tuple[Action, ...]:
    """Return the orders that delete every volume made of drives, but none that is protected; the newest first.

    Raises:
        Refusal: Whether one is protected cannot be known.
    """
    settled = guard.settled(found)
    return tuple(
        Action(
            title=f"{store.name}: delete the volume {volume.ident} ({volume.said})",
            collection=store.collection,
            apply_time=_apply_time(store),
            delete=volume.path,
            wwn=volume.wwn,
        )
        for store in found
        for volume in reversed(store.volumes)
        if store.collection and volume.is_raid and not guard.protects_volume(volume, settled)
    )


def differences(action: Action, found: Volume) -> tuple[str, ...]:
    """Return in what a volume is not what was ordered."""
    wrong = []
    if found.level != action.level:
        wrong.append(f"is {found.said or 'of no kind that it tells'}, not RAID {action.level}")
    if found.drives and set(found.drives) != set(action.drives):
        names = ", ".join(path.rsplit("/", 1)[-1] for path in found.drives)
        wrong.append(f"is on {names}")
    wanted = action.size_bytes
    if wanted and found.size_bytes and abs(found.size_bytes - wanted) > _TOLERANCE * wanted:
        wrong.append(f"has {found.size_bytes / GIB:.1f} GiB instead of {wanted / GIB:.1f}")
    return tuple(wrong)


def configuration(
    found: Iterable[Store],
    roots: Collection[str],
    recorded: Any,
    gone: Collection[str] = (),
) -> dict[str, list[dict[str, Any]]]:
    """Return ``raid_config`` of what stands, with Ironic's names.

    Args:
        found: With the volumes.
        roots: Addresses of root volumes, beside those that ``recorded`` tells of.
        recorded: What the node had as ``raid_config``.
        gone: Addresses of volumes that were deleted since: what is there now is none that ``recorded`` knows.
    """
    known = _recorded_roots(recorded)
    disks = []
    for store in found:
        names = {path: name for name, path in store.paths.items()}
        for volume in store.volumes:
            if not volume.is_raid:
                continue
            was_root = volume.path not in gone and any(
                _is_recorded(store, volume, one) for one in known
            )
            disks.append(
                {
                    "id": volume.ident,
                    "name": volume.name,
                    "volume_name": volume.name,
                    "controller": store.name,
                    "raid_level": volume.level or volume.said,
                    "size_gb": volume.size_bytes // GIB,
                    "physical_disks": [names.get(path, path) for path in volume.drives],
                    "is_root_volume": volume.path in roots or was_root,
                    **({"root_device_hint": {"wwn": volume.wwn}} if volume.wwn else {}),
                }
            )
    return {"logical_disks": disks}


def _recorded_roots(config: Any) -> list[Mapping[str, Any]]:
    disks = config.get("logical_disks") if isinstance(config, Mapping) else None
    return [
        one for one in disks or () if isinstance(one, Mapping) and one.get("is_root_volume") is True
    ]


def _is_recorded(store: Store, volume: Volume, disk: Mapping[str, Any]) -> bool:
    """Tell whether a record is about a volume: BMCs give numbers away again, WWNs not."""
    hint = disk.get("root_device_hint")
    wwn = hint.get("wwn") if isinstance(hint, Mapping) else None
    if isinstance(wwn, str) and volume.wwn and wwn.lower() != volume.wwn:
        return False
    return (disk.get("controller"), disk.get("id")) == (store.name, volume.ident)


def _freed(
    drive: PhysicalDrive, store: Store, gone: Collection[str | None], protection: str | None
) -> PhysicalDrive:
    """Return a drive that says what stands in its way."""
    left = [one for one in store.users(drive.ident) if one.path not in gone]
    if protection == PROTECTED:
        return replace(drive, obstacle=PROTECTED)
    if drive.obstacle is None and left:
        said = left[0].said or "of no kind that the BMC tells"
        return replace(drive, obstacle=f"is in use by the volume {left[0].ident} ({said})")
    return replace(drive, obstacle=drive.obstacle or protection)


def _placed(wanted: Sequence[Wanted], found: Sequence[Store]) -> tuple[Planned[Store], ...]:
    """Place all; those that name no controller go together onto one if they can, else each onto the first that has room.

    Raises:
        Refusal: One has no place.
    """
    named = tuple(_checked(one, found) for one in wanted)
    free = [one for one in named if one.controller is None]
    if not free:
        return plan_drives(named, found)
    possible = [_able(one, found) for one in free]
    refusals = []
    for store in possible[0]:
        if all(store in stores for stores in possible):
            together = tuple(replace(one, controller=one.controller or store.name) for one in named)
            try:
                return plan_drives(together, found)
            except Refusal as error:
                refusals.append(f"{store.name}: {error}")
    return _scattered(named, found, refusals)


def _scattered(
    wanted: Sequence[Wanted], found: Sequence[Store], refusals: Sequence[str]
) -> tuple[Planned[Store], ...]:
    placed: list[Wanted] = [one for one in wanted if one.controller is not None]
    plan: tuple[Planned[Store], ...] = ()
    for one in wanted:
        if one.controller is not None:
            continue
        for store in _able(one, found):
            try:
                plan = plan_drives([*placed, replace(one, controller=store.name)], found)
            except Refusal as error:
                last = str(error)
                continue
            placed.append(replace(one, controller=store.name))
            break
        else:
            raise Refusal("; ".join(refusals) or last)
    return plan


def _checked(wanted: Wanted, found: Sequence[Store]) -> Wanted:
    """Refuse a controller that is not there, or does not make the level."""
    if wanted.controller is None:
        return wanted
    store = next((one for one in found if one.name == wanted.controller), None)
    if store is None:
        names = ", ".join(one.name for one in found) or "none"
        raise wanted.refusal(
            "controller", f"{wanted.controller!r:.60} is not there; the BMC tells of {names}"
        )
    if not _makes(store, wanted.level.name):
        raise wanted.refusal(
            "raid_level",
            f"{store.name} does not make RAID {wanted.level.name}; it makes {_told(store)}",
        )
    return wanted


def _able(wanted: Wanted, found: Sequence[Store]) -> list[Store]:
    able = [one for one in found if _makes(one, wanted.level.name)]
    if not able:
        told = "; ".join(f"{one.name} makes {_told(one)}" for one in found) or "it has none"
        raise wanted.refusal(
            "raid_level",
            f"the BMC tells of no controller that makes RAID {wanted.level.name} ({told})",
        )
    return able


def _makes(store: Store, level: str) -> bool:
    return store.collection is not None and (store.levels is None or level in store.levels)


def _told(store: Store) -> str:
    if store.levels is None:
        return "what it does not tell" if store.collection else "no volumes"
    return ", ".join(store.levels) or "no RAID"


def _make(planned: Planned[Store]) -> Action:
    wanted, store = planned.wanted, planned.controller
    drives = tuple(store.paths[drive.ident] for drive in planned.drives)
    apply_time = _apply_time(store)
    body: dict[str, Any] = {
        **_words(store, wanted.level.name),
        "Links": {"Drives": [{"@odata.id": path} for path in drives]},
    }
    if wanted.size_bytes is not None:
        body["CapacityBytes"] = wanted.size_bytes
    if wanted.name is not None:
        body["Name"] = wanted.name
    if apply_time is not None:
        body[APPLY_TIME] = apply_time
    return Action(
        title=str(planned),
        collection=store.collection or "",
        apply_time=apply_time,
        body=body,
        drives=drives,
        level=wanted.level.name,
        size_bytes=wanted.size_bytes,
        is_root=wanted.is_root,
    )


def _words(store: Store, level: str) -> dict[str, str]:
    """Return the level as this BMC takes it: one that does not say what it makes may be too old for ``RAIDType``."""
    new, old = {"RAIDType": RAID_TYPES[level]}, VOLUME_TYPES.get(level)
    if store.levels is not None or old is None:
        return new
    is_old = any(one.said in VOLUME_TYPES.values() for one in store.volumes)
    return {"VolumeType": old} if is_old else {**new, "VolumeType": old}


def _apply_time(store: Store) -> str | None:
    times = store.apply_times
    return next((one for one in (_IMMEDIATE, ON_RESET) if one in times), None)
