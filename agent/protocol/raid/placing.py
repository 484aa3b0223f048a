"""On which drives the wanted logical drives go. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from agent.protocol.device_hints import Hint
from agent.protocol.hint_values import holds
from agent.protocol.raid.levels import JBOD, Level
from agent.protocol.raid.logical_disks import GIB, LogicalDisk

Wanted = LogicalDisk[Level]
"""A logical drive that is wanted; ``size_bytes`` ``None`` = all that its drives have, ``count`` ``None`` = as few as the level takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalDrive:
    """A drive behind a controller; ``ident`` is what program or BMC calls it (``252:0``, ``5I:1:1``, ``Disk.Bay.0``).

    ``interface`` is ``sata``, ``sas``, ``scsi`` or ``nvme``. ``obstacle`` says why it cannot become part of a logical drive now, ``None`` = it can.
    ``is_member`` = it is free as soon as its logical drives are deleted, ``is_foreign`` = it carries the configuration of another controller, ``is_plain`` = the operating system sees it as it is.
    """

    ident: str
    size_bytes: int
    is_rotational: bool
    interface: str
    model: str | None = None
    serial: str | None = None
    wwn: str | None = None
    obstacle: str | None = None
    is_member: bool = False
    is_foreign: bool = False
    is_plain: bool = False


class HasDrives(Protocol):
    """What is known of a controller here."""

    @property
    def name(self) -> str:
        """What a logical disk gives as ``controller``."""

    @property
    def drives(self) -> tuple[PhysicalDrive, ...]:
        """Those behind it, free or not."""


_Controller = TypeVar("_Controller", bound=HasDrives)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned(Generic[_Controller]):
    """A logical drive with its place; ``is_added`` = one of the plan that comes before it is on the same drives.

    ``has_it`` = the drive is JBOD already, nothing is to be done.
    """

    wanted: Wanted
    controller: _Controller
    drives: tuple[PhysicalDrive, ...]
    is_added: bool = False
    has_it: bool = False

    def __str__(self) -> str:
        size = "all" if self.wanted.size_bytes is None else f"{self.wanted.size_bytes // GIB} GiB"
        drives = ", ".join(drive.ident for drive in self.drives)
        done = " (stands already)" if self.has_it else ""
        level = self.wanted.level.name
        kind = level if level == JBOD else f"RAID {level}, {size},"
        return f"{self.controller.name}: {kind} on {drives}{done}"


@dataclass(slots=True)
class _Group:
    """Drives that are taken by the plan, and how much of them."""

    drives: tuple[PhysicalDrive, ...]
    level: Level
    controller: str
    shares: bool
    used_bytes: int | None
    """``None`` = all."""

    def left_bytes(self) -> int:
        return (
            0 if self.used_bytes is None else _capacity(self.level, self.drives) - self.used_bytes
        )


@dataclass(slots=True)
class _State:
    """The plan as far as it goes."""

    groups: list[_Group] = field(default_factory=list)

    def owner(self, controller: str, ident: str) -> _Group | None:
        return next(
            (g for g in self.groups if g.controller == controller and ident in _idents(g.drives)),
            None,
        )


def check_members(wanted: Wanted) -> None:
    """Refuse a number of drives that the level does not take, and a drive that is named twice.

    Raises:
        Exception: As the logical drive makes it (``error``).
    """
    level, members = wanted.level, len(wanted.idents) or len(wanted.hints)
    for name, count in (
        ("physical_disks", members or None),
        ("number_of_physical_disks", wanted.count),
    ):
        if count is not None and not level.fits(count):
            raise wanted.refusal(name, f"RAID {level.name} takes {level.rule()}, not {count}")
    if len(set(wanted.idents)) < len(wanted.idents):
        raise wanted.refusal("physical_disks", "names a drive twice")


def plan_drives(
    wanted: Sequence[Wanted], controllers: Sequence[_Controller]
) -> tuple[Planned[_Controller], ...]:
    """Return a place for each wanted logical drive, in the order in which they are to be made.

    Those whose members are named or described are placed first, then those with a size, then ``MAX``. Without names, drives of one interface and
    one kind are taken: the smallest that are large enough, for ``MAX`` the largest; as few as the level takes. Logical drives share drives
    only with each other, both willing, of one level, on one controller.

    Args:
        wanted: Each names one of the controllers.
        controllers: With what they have now.

    Raises:
        Exception: As the logical drive makes it (``error``): one has no place; the message says why not of every drive.
    """
    by_name = {one.name: one for one in controllers}
    state = _State()

    def urgency(one: Wanted) -> tuple[bool, bool]:
        return one.size_bytes is None, not (one.idents or one.hints)

    return tuple(
        _place(one, by_name[one.controller or ""], state) for one in sorted(wanted, key=urgency)
    )


def _place(wanted: Wanted, controller: _Controller, state: _State) -> Planned[_Controller]:
    if wanted.level.name == JBOD and (plain := _plain(wanted, controller, state)) is not None:
        return Planned(wanted=wanted, controller=controller, drives=(plain,), has_it=True)
    if wanted.shares and (group := _shared(wanted, controller, state)) is not None:
        _take(group, wanted)
        return Planned(wanted=wanted, controller=controller, drives=group.drives, is_added=True)
    reasons = {d.ident: _why_not(wanted, d, controller.name, state) for d in controller.drives}
    fitting = [d for d in controller.drives if reasons[d.ident] is None]
    if wanted.idents or wanted.hints:
        drives = _named(wanted, fitting, reasons)
        _check_size(wanted, drives)
    else:
        drives = _chosen(wanted, fitting, reasons)
    group = _Group(drives, wanted.level, controller.name, wanted.shares, 0)
    _take(group, wanted)
    state.groups.append(group)
    return Planned(wanted=wanted, controller=controller, drives=drives)


def _take(group: _Group, wanted: Wanted) -> None:
    is_rest = wanted.size_bytes is None or group.used_bytes is None
    group.used_bytes = None if is_rest else (group.used_bytes or 0) + (wanted.size_bytes or 0)


def _plain(wanted: Wanted, controller: HasDrives, state: _State) -> PhysicalDrive | None:
    """Return the drive that is named and is JBOD already."""
    named = [d for d in controller.drives if d.is_plain and d.ident in wanted.idents]
    free = [d for d in named if state.owner(controller.name, d.ident) is None]
    return free[0] if free else None


def _shared(wanted: Wanted, controller: HasDrives, state: _State) -> _Group | None:
    """Return the drives of an earlier logical drive that this one can be added to."""
    need = 1 if wanted.size_bytes is None else wanted.size_bytes
    for group in state.groups:
        is_same = group.controller == controller.name and group.level is wanted.level
        if not group.shares or not is_same or group.left_bytes() < need:
            continue
        idents = set(_idents(group.drives))
        if wanted.idents and set(wanted.idents) != idents:
            continue
        if wanted.hints or wanted.count not in (None, len(idents)):
            continue
        if all(_unlike(wanted, drive) is None for drive in group.drives):
            return group
    return None


def _why_not(wanted: Wanted, drive: PhysicalDrive, controller: str, state: _State) -> str | None:
    if drive.obstacle is not None:
        return drive.obstacle
    if state.owner(controller, drive.ident) is not None:
        return "is taken by another of these logical disks"
    return _unlike(wanted, drive)


def _unlike(wanted: Wanted, drive: PhysicalDrive) -> str | None:
    if wanted.is_rotational not in (None, drive.is_rotational):
        return "is rotating" if drive.is_rotational else "is a solid-state drive"
    if wanted.interface not in (None, drive.interface):
        return f"has the interface {drive.interface}"
    return None


def _named(
    wanted: Wanted, fitting: Sequence[PhysicalDrive], reasons: Mapping[str, str | None]
) -> tuple[PhysicalDrive, ...]:
    by_ident = {drive.ident: drive for drive in fitting}
    members: list[PhysicalDrive] = []
    for ident in wanted.idents:
        if ident not in by_ident:
            why = reasons.get(ident) or f"is not there; there are {', '.join(reasons) or 'none'}"
            raise wanted.refusal("physical_disks", f"{ident!r:.60} {why}")
        members.append(by_ident[ident])
    for number, hints in enumerate(wanted.hints):
        left = [d for d in fitting if d not in members]
        found = [d for d in left if all(_matches(hint, d) for hint in hints)]
        if not found:
            shown = "; ".join(map(str, hints))
            raise wanted.refusal(
                f"physical_disks[{number}]", f"no free drive matches {shown} ({_told(reasons)})"
            )
        members.append(found[0])
    return tuple(members)


def _chosen(
    wanted: Wanted, fitting: Sequence[PhysicalDrive], reasons: Mapping[str, str | None]
) -> tuple[PhysicalDrive, ...]:
    count = wanted.count or wanted.level.fewest
    alike: dict[tuple[str, bool], list[PhysicalDrive]] = {}
    for drive in fitting:
        alike.setdefault((drive.interface, drive.is_rotational), []).append(drive)
    offers = []
    for drives in alike.values():
        by_size = sorted(drives, key=lambda d: d.size_bytes, reverse=wanted.size_bytes is None)
        large = [d for d in by_size if _is_enough(wanted, count, d.size_bytes)]
        if len(large) >= count:
            offers.append(tuple(large[:count]))
    if not offers:
        field = "number_of_physical_disks" if wanted.count else "raid_level"
        raise wanted.refusal(
            field,
            f"RAID {wanted.level.name} needs {count} free drives of one kind that are large enough"
            f" ({_told(reasons)})",
        )
    sizes = [_capacity(wanted.level, drives) for drives in offers]
    best = max(sizes) if wanted.size_bytes is None else min(sizes)
    return offers[sizes.index(best)]


def _check_size(wanted: Wanted, drives: Sequence[PhysicalDrive]) -> None:
    has = _capacity(wanted.level, drives)
    if wanted.size_bytes is not None and wanted.size_bytes > has:
        raise wanted.refusal("size_gb", f"the drives that are named have room for {has // GIB}")


def _is_enough(wanted: Wanted, count: int, size_bytes: int) -> bool:
    return wanted.level.capacity(count, size_bytes) >= (wanted.size_bytes or 0)


def _capacity(level: Level, drives: Sequence[PhysicalDrive]) -> int:
    return level.capacity(len(drives), min(drive.size_bytes for drive in drives))


def _idents(drives: Iterable[PhysicalDrive]) -> tuple[str, ...]:
    return tuple(drive.ident for drive in drives)


def _told(reasons: Mapping[str, str | None]) -> str:
    return "; ".join(f"{ident} {why or 'fits'}" for ident, why in reasons.items()) or "no drives"


_VALUES: Mapping[str, Callable[[PhysicalDrive], str | None]] = {
    "name": lambda drive: drive.ident,
    "model": lambda drive: drive.model,
    "serial": lambda drive: drive.serial,
    "wwn": lambda drive: drive.wwn,
    "tran": lambda drive: drive.interface,
    "size": lambda drive: repr(drive.size_bytes / GIB),
    "rotational": lambda drive: str(drive.is_rotational).lower(),
}
_NEVER_CHOSEN_BY_NONE = frozenset({"serial", "wwn"})
_UNKNOWN = "none"
"""What a value that a drive does not tell is compared as, as of disks."""


def _matches(hint: Hint, drive: PhysicalDrive) -> bool:
    """Tell whether a drive satisfies a hint, to be chosen by it."""
    read = _VALUES.get(hint.name)
    told = ((read(drive) if read else None) or "").strip().lower()
    if not told and hint.name in _NEVER_CHOSEN_BY_NONE:
        return False
    return holds(hint, told or _UNKNOWN) is True
