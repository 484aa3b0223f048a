"""What ``target_raid_config`` asks of a RAID controller, as values. Pure; the types of the fields are checked before (``agent.protocol.raid_config``)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.errors import InvalidRequest
from agent.protocol.device_hints import Hint, parse_hints
from agent.protocol.refusal import Refusal
from hardware_managers.vendor_raid.drives import GIB, JBOD, LEVELS, Level
from hardware_managers.vendor_raid.tool import RaidTool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One logical drive that is wanted; ``size_bytes`` ``None`` = all that its drives have (``MAX``), ``count`` ``None`` = as few as the level takes.

    ``place`` says which of the request's it is, for messages. Its members are named (``idents``), described (``hints``), or neither.
    ``shares`` = other logical drives may be on the same drives; ``is_rotational`` and ``interface`` ``None`` = any.
    """

    place: str
    controller: str
    level: Level
    size_bytes: int | None
    name: str | None
    is_root: bool
    shares: bool
    is_rotational: bool | None
    interface: str | None
    count: int | None
    idents: tuple[str, ...]
    hints: tuple[tuple[Hint, ...], ...]

    def refusal(self, field: str, why: str) -> InvalidRequest:
        """Return the error that says what is wrong with a field of this logical drive."""
        return InvalidRequest(f"{self.place}.{field}: {why}")


def parse_wanted(documents: Sequence[Mapping[str, Any]], tool: RaidTool) -> tuple[Wanted, ...]:
    """Turn the logical disks of a request into values and check what can be checked without the controller.

    Raises:
        InvalidRequest: One wants what ``tool`` cannot do, or contradicts itself or another; the message names disk and field.
    """
    wanted = tuple(_parse(number, document, tool) for number, document in enumerate(documents))
    named: dict[str, Wanted] = {}
    for one in wanted:
        if one.name is not None and named.setdefault(one.name, one) is not one:
            raise one.refusal("volume_name", f"{one.name!r} is {named[one.name].place}'s already")
    return wanted


def _parse(number: int, document: Mapping[str, Any], tool: RaidTool) -> Wanted:
    place = f"logical_disks[{number}]"
    level = document["raid_level"]
    if level not in tool.levels:
        has = ", ".join(tool.levels)
        raise InvalidRequest(
            f"{place}.raid_level: {tool.name} does not make {level!r}; it has {has}"
        )
    size = document["size_gb"]
    disk_type = document.get("disk_type")
    idents, hints = _members(place, document.get("physical_disks") or ())
    wanted = Wanted(
        place=place,
        controller=document["controller"],
        level=LEVELS[level],
        size_bytes=None if size == "MAX" else size * GIB,
        name=document.get("volume_name"),
        is_root=document.get("is_root_volume") or False,
        shares=document.get("share_physical_disks") or False,
        is_rotational=None if disk_type is None else disk_type == "hdd",
        interface=document.get("interface_type"),
        count=document.get("number_of_physical_disks"),
        idents=idents,
        hints=hints,
    )
    _check(wanted, tool)
    return wanted


def _members(
    place: str, entries: Sequence[Any]
) -> tuple[tuple[str, ...], tuple[tuple[Hint, ...], ...]]:
    """Return the names of the members, or the hints of each."""
    if all(isinstance(entry, str) for entry in entries):
        return tuple(entries), ()
    try:
        return (), tuple(parse_hints(entry) for entry in entries)
    except Refusal as error:
        raise InvalidRequest(f"{place}.physical_disks: {error}") from error


def _check(wanted: Wanted, tool: RaidTool) -> None:
    """Refuse what contradicts itself or what the program cannot say."""
    level = wanted.level
    if wanted.size_bytes == 0:
        raise wanted.refusal("size_gb", "is 0; give GiB above 0, or MAX")
    if level.name == JBOD and wanted.size_bytes is not None:
        raise wanted.refusal("size_gb", "a JBOD drive has the size that it has; give MAX")
    if wanted.name is not None and not (
        tool.volume_name and tool.volume_name.fullmatch(wanted.name)
    ):
        allowed = tool.volume_name.pattern if tool.volume_name else "none; leave it out"
        raise wanted.refusal("volume_name", f"{wanted.name!r:.60}; {tool.name} takes {allowed}")
    members = len(wanted.idents) or len(wanted.hints)
    for field, count in (
        ("physical_disks", members or None),
        ("number_of_physical_disks", wanted.count),
    ):
        if count is not None and not level.fits(count):
            raise wanted.refusal(field, f"RAID {level.name} takes {level.rule()}, not {count}")
    if members and wanted.count not in (None, members):
        raise wanted.refusal(
            "number_of_physical_disks",
            f"is {wanted.count}, but physical_disks names {members}; leave one of them out",
        )
    if len(set(wanted.idents)) < len(wanted.idents):
        raise wanted.refusal("physical_disks", "names a drive twice")
