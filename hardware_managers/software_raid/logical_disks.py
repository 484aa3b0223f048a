"""What ``target_raid_config`` asks of software RAID, as values. Pure; Ironic's schema is ``raid_config_schema.json``.

Whatever md cannot do is refused by name, before anything is written.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.errors import InvalidRequest
from agent.protocol.device_hints import Hint, parse_hints
from agent.protocol.refusal import Refusal

CONTROLLER = "software"
GIB = 1 << 30
RESERVED_NAME = "esp"
"""The array that holds the EFI system partitions of a deployed system."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,27}")
_KNOWN = (
    "raid_level",
    "size_gb",
    "volume_name",
    "is_root_volume",
    "share_physical_disks",
    "disk_type",
    "interface_type",
    "number_of_physical_disks",
    "controller",
    "physical_disks",
)
_DISK_TYPES = ("hdd", "ssd")
_INTERFACES = ("sata", "scsi", "sas")
_MOST = 100
"""A GPT has room for 128 partitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One RAID level: its name in Ironic, in ``mdadm --level`` and in ``/sys/block/*/md/level``, the fewest members.

    ``capacity`` returns how many bytes an array of so many members of so many bytes has; ``share`` is its inverse: how many bytes each
    of so many members must have for so many bytes.
    """

    name: str
    md_name: str
    fewest: int
    capacity: Callable[[int, int], int]
    share: Callable[[int, int], int]
    is_redundant: bool = True


def _parity_level(name: str, fewest: int, parities: int) -> Level:
    return Level(
        name=name,
        md_name=f"raid{name}",
        fewest=fewest,
        capacity=lambda members, size_bytes: (members - parities) * size_bytes,
        share=lambda members, total_bytes: -(-total_bytes // (members - parities)),
    )


LEVELS: Mapping[str, Level] = {
    level.name: level
    for level in (
        Level(
            name="0",
            md_name="raid0",
            fewest=2,
            capacity=lambda members, size_bytes: members * size_bytes,
            share=lambda members, total_bytes: -(-total_bytes // members),
            is_redundant=False,
        ),
        Level(
            name="1",
            md_name="raid1",
            fewest=2,
            capacity=lambda _members, size_bytes: size_bytes,
            share=lambda _members, total_bytes: total_bytes,
        ),
        Level(
            name="1+0",
            md_name="raid10",
            fewest=4,
            capacity=lambda members, size_bytes: members * size_bytes // 2,
            share=lambda members, total_bytes: -(-2 * total_bytes // members),
        ),
        _parity_level("5", 3, 1),
        _parity_level("6", 4, 2),
    )
}
"""The levels that md offers here, by Ironic's names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalDisk:
    """One array that is wanted; ``size_bytes`` ``None`` = all that is left (``MAX``), ``count`` ``None`` = every disk that fits.

    ``place`` says which of the request's it is, for messages; ``hints`` has the hints of each member; ``shares`` = other arrays may be on
    its disks; ``is_rotational`` and ``interface`` ``None`` = any.
    """

    place: str
    level: Level
    size_bytes: int | None
    name: str | None
    is_root: bool
    shares: bool
    is_rotational: bool | None
    interface: str | None
    count: int | None
    hints: tuple[tuple[Hint, ...], ...]

    def refusal(self, field: str, why: str) -> InvalidRequest:
        """Return the error that says what is wrong with a field of this logical disk."""
        return InvalidRequest(f"{self.place}.{field}: {why}")


def parse_logical_disks(documents: Sequence[Mapping[str, Any]]) -> tuple[LogicalDisk, ...]:
    """Turn the logical disks of a request into values and check what can be checked without the machine.

    Raises:
        InvalidRequest: One is malformed, wants what md cannot do, or contradicts another; the message names disk and field.
    """
    if len(documents) > _MOST:
        raise InvalidRequest(f"logical_disks: {len(documents)} are wanted; at most {_MOST} fit")
    wanted = tuple(_parse(number, document) for number, document in enumerate(documents))
    named: dict[str, LogicalDisk] = {}
    for one in wanted:
        if one.name is not None and named.setdefault(one.name, one) is not one:
            raise one.refusal("volume_name", f"{one.name!r} is {named[one.name].place}'s already")
    roots = [one for one in wanted if one.is_root]
    if len(roots) > 1:
        raise roots[1].refusal("is_root_volume", f"{roots[0].place} is the root volume already")
    return wanted


def _parse(number: int, document: Mapping[str, Any]) -> LogicalDisk:
    fields = _Fields(f"logical_disks[{number}]", document)
    level = fields.level()
    wanted = LogicalDisk(
        place=fields.place,
        level=level,
        size_bytes=fields.size_bytes(),
        name=fields.name(),
        is_root=fields.boolean("is_root_volume", default=False),
        shares=fields.boolean("share_physical_disks", default=True),
        is_rotational={"hdd": True, "ssd": False, None: None}[
            fields.choice("disk_type", _DISK_TYPES)
        ],
        interface=fields.choice("interface_type", _INTERFACES),
        count=fields.count(),
        hints=fields.hints(),
    )
    if wanted.is_root and level.name != "1":
        raise wanted.refusal(
            "is_root_volume",
            f"a machine does not boot from RAID {level.name} of md; give the root volume raid_level 1",
        )
    members = len(wanted.hints) or wanted.count
    if members is not None and members < level.fewest:
        field = "physical_disks" if wanted.hints else "number_of_physical_disks"
        raise wanted.refusal(field, f"RAID {level.name} needs {level.fewest}, not {members}")
    if wanted.hints and wanted.count not in (None, len(wanted.hints)):
        raise wanted.refusal(
            "number_of_physical_disks",
            f"is {wanted.count}, but physical_disks names {len(wanted.hints)}; leave one of them out",
        )
    return wanted


class _Fields:
    """The fields of one logical disk, each checked by its type."""

    def __init__(self, place: str, document: Mapping[str, Any]) -> None:
        self.place = place
        if not isinstance(document, Mapping):
            raise InvalidRequest(f"{place}: is no object but {document!r:.100}")
        self._document = document
        if unknown := sorted(set(document) - set(_KNOWN)):
            known = ", ".join(_KNOWN)
            raise InvalidRequest(f"{place}.{unknown[0]}: unknown field; known are {known}")
        if document.get("controller") != CONTROLLER:
            raise self._refused("controller", f"software RAID wants {CONTROLLER!r}")

    def level(self) -> Level:
        level = self._document.get("raid_level")
        if not isinstance(level, str) or level not in LEVELS:
            raise self._refused("raid_level", f"software RAID has {', '.join(LEVELS)}")
        return LEVELS[level]

    def size_bytes(self) -> int | None:
        size = self._document.get("size_gb")
        if size == "MAX":
            return None
        if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
            raise self._refused("size_gb", "give a number of GiB above 0, or MAX")
        return size * GIB

    def name(self) -> str | None:
        name = self._document.get("volume_name")
        if name is None:
            return None
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise self._refused(
                "volume_name", "give at most 28 letters, digits, dots, dashes and underscores"
            )
        if name == RESERVED_NAME:
            raise self._refused("volume_name", "is kept for EFI system partitions; take another")
        return name

    def boolean(self, field: str, *, default: bool) -> bool:
        value = self._document.get(field)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._refused(field, "give true or false")
        return value

    def choice(self, field: str, choices: Sequence[str]) -> str | None:
        value = self._document.get(field)
        if value is not None and value not in choices:
            raise self._refused(field, f"give {' or '.join(choices)}")
        return value

    def count(self) -> int | None:
        count = self._document.get("number_of_physical_disks")
        if count is not None and (
            not isinstance(count, int) or isinstance(count, bool) or count < 1
        ):
            raise self._refused("number_of_physical_disks", "give a number above 0")
        return count

    def hints(self) -> tuple[tuple[Hint, ...], ...]:
        entries = self._document.get("physical_disks")
        if entries is None:
            return ()
        if not isinstance(entries, list) or not all(isinstance(e, Mapping) and e for e in entries):
            raise self._refused(
                "physical_disks", "software RAID wants a list of objects, the hints of each disk"
            )
        try:
            return tuple(parse_hints(entry) for entry in entries)
        except Refusal as error:
            raise InvalidRequest(f"{self.place}.physical_disks: {error}") from error

    def _refused(self, field: str, advice: str) -> InvalidRequest:
        shown = f"{self._document.get(field)!r:.100}" if field in self._document else "missing"
        return InvalidRequest(f"{self.place}.{field}: {shown}; {advice}")
