"""Which disks become members of which array. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.disks.hints import matches
from agent.hardware.devices import BlockDevice
from hardware_managers.software_raid.logical_disks import LogicalDisk

_TRANSPORTS: Mapping[str, tuple[str, ...]] = {
    "sata": ("sata", "ata"),
    "sas": ("sas",),
    "scsi": ("scsi", "spi", "fc", "iscsi"),
}
"""What ``lsblk`` calls the interface types of Ironic's schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeDisk:
    """A disk of the machine; ``obstacle`` says why it cannot be a member, ``None`` = it can."""

    disk: BlockDevice
    obstacle: str | None = None


@dataclass(slots=True)
class _Use:
    """Who uses a disk already; ``owner`` is one that does not share."""

    users: list[str] = field(default_factory=list)
    owner: str | None = None


def choose_members(
    wanted: Sequence[LogicalDisk], disks: Sequence[FreeDisk]
) -> tuple[tuple[BlockDevice, ...], ...]:
    """Return the members of each wanted array, in the order of the request.

    ``physical_disks``: for each entry the first disk that fits it and is not a member yet. ``number_of_physical_disks``: so many of those
    that fit, those with fewer arrays first. Neither: all that fit. An array with ``share_physical_disks`` false has its disks for itself.

    Raises:
        InvalidRequest: There are not enough; the message says why not of every disk.
    """
    uses = {one.disk.path: _Use() for one in disks}
    chosen = []
    for one in wanted:
        members = _members(one, disks, uses)
        for disk in members:
            uses[disk.path].users.append(one.place)
            if not one.shares:
                uses[disk.path].owner = one.place
        chosen.append(members)
    return tuple(chosen)


def _members(
    wanted: LogicalDisk, disks: Sequence[FreeDisk], uses: Mapping[Path, _Use]
) -> tuple[BlockDevice, ...]:
    reasons = {one.disk.path: _why_not(wanted, one, uses[one.disk.path]) for one in disks}
    fitting = [one.disk for one in disks if reasons[one.disk.path] is None]
    if wanted.hints:
        return _hinted(wanted, fitting, reasons)
    fewest = wanted.count or wanted.level.fewest
    if len(fitting) < fewest:
        raise wanted.refusal(
            "number_of_physical_disks" if wanted.count else "raid_level",
            f"RAID {wanted.level.name} needs {fewest} disks here, {len(fitting)} fit ({_told(reasons)})",
        )
    if wanted.count:
        fitting.sort(key=lambda disk: len(uses[disk.path].users))  # stable: then by the list
        chosen = {disk.path for disk in fitting[: wanted.count]}
        fitting = [one.disk for one in disks if one.disk.path in chosen]
    return tuple(fitting)


def _hinted(
    wanted: LogicalDisk, fitting: Sequence[BlockDevice], reasons: Mapping[Path, str | None]
) -> tuple[BlockDevice, ...]:
    members: list[BlockDevice] = []
    for number, hints in enumerate(wanted.hints):
        found = next(
            (
                disk
                for disk in fitting
                if disk not in members and all(matches(hint, disk) for hint in hints)
            ),
            None,
        )
        if found is None:
            shown = "; ".join(map(str, hints))
            raise wanted.refusal(
                f"physical_disks[{number}]", f"no free disk matches {shown} ({_told(reasons)})"
            )
        members.append(found)
    return tuple(members)


def _why_not(wanted: LogicalDisk, one: FreeDisk, use: _Use) -> str | None:
    """Return why a disk cannot be a member of this array; ``None`` = it can."""
    disk = one.disk
    if one.obstacle is not None:
        return one.obstacle
    if use.owner is not None:
        return f"belongs to {use.owner} alone"
    if use.users and not wanted.shares:
        return f"is used by {' and '.join(use.users)}"
    if wanted.is_rotational not in (None, disk.is_rotational):
        return "is rotating" if disk.is_rotational else "is a solid-state disk"
    if wanted.interface and (disk.transport or "") not in _TRANSPORTS[wanted.interface]:
        return f"has the interface {disk.transport or 'unknown'}"
    return None


def _told(reasons: Mapping[Path, str | None]) -> str:
    return "; ".join(f"{path} {reason or 'fits'}" for path, reason in reasons.items()) or "no disks"
