"""The logical disks of ``target_raid_config`` as values, whoever makes them. Pure.

Their fields have the types of Ironic's schema, which ``agent.protocol.raid_config`` has checked before a configurator gets them. Each program has errors of its
own kind made (``error``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from agent.protocol.device_hints import Hint, parse_hints
from agent.protocol.refusal import Refusal

GIB = 1 << 30


class RaidLevel(Protocol):
    """What a configurator knows of a level besides is its own business."""

    @property
    def name(self) -> str:
        """Ironic's name: ``1+0``."""


_Level = TypeVar("_Level", bound=RaidLevel)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalDisk(Generic[_Level]):
    """One logical disk that is wanted.

    ``place`` says which of the request's it is, for messages. ``size_bytes`` ``None`` = all that is left (``MAX``). Its members are named
    (``idents``), described (``hints``, those of each), or neither; ``count`` ``None`` = as many as the configurator thinks best.
    ``controller`` ``None`` = whoever makes it chooses. ``shares`` = others may be on its disks; ``is_rotational``, ``interface`` and ``name`` ``None`` = any.
    """

    place: str
    controller: str | None
    level: _Level
    size_bytes: int | None
    name: str | None
    is_root: bool
    shares: bool
    is_rotational: bool | None
    interface: str | None
    count: int | None
    idents: tuple[str, ...]
    hints: tuple[tuple[Hint, ...], ...]
    error: Callable[[str], Exception] = field(default=Refusal, compare=False, repr=False)
    """Makes the error of a text."""

    @property
    def members(self) -> int | None:
        """How many disks it names or describes, or wants; ``None`` = it does not say."""
        return len(self.idents) or len(self.hints) or self.count

    def refusal(self, name: str, why: str) -> Exception:
        """Return the error that says what is wrong with a field of this logical disk."""
        return self.error(f"{self.place}.{name}: {why}")


def read_logical_disks(
    documents: Sequence[Mapping[str, Any]],
    levels: Mapping[str, _Level],
    maker: str,
    *,
    shares: bool,
    error: Callable[[str], Exception] = Refusal,
) -> tuple[LogicalDisk[_Level], ...]:
    """Turn the logical disks of a request into values.

    Args:
        documents: The request's, in its order.
        levels: What the maker makes, by Ironic's names.
        maker: Who makes them, for messages.
        shares: Whether several may be on a disk that says nothing of it.
        error: Makes the error of a text.

    Raises:
        Exception: As ``error`` makes it: one wants a level that is not made, a size of 0, hints that are none, or contradicts itself or another; the
            message names logical disk and field.
    """
    wanted = tuple(
        _read(f"logical_disks[{number}]", document, levels, maker, shares=shares, error=error)
        for number, document in enumerate(documents)
    )
    named: dict[str, LogicalDisk[_Level]] = {}
    for one in wanted:
        if one.name is not None and named.setdefault(one.name, one) is not one:
            raise one.refusal("volume_name", f"{one.name!r} is {named[one.name].place}'s already")
    return wanted


def _read(
    place: str,
    document: Mapping[str, Any],
    levels: Mapping[str, _Level],
    maker: str,
    *,
    shares: bool,
    error: Callable[[str], Exception],
) -> LogicalDisk[_Level]:
    level, size, kind = document["raid_level"], document["size_gb"], document.get("disk_type")
    if level not in levels:
        has = ", ".join(levels)
        raise error(f"{place}.raid_level: {maker} does not make {level!r}; it has {has}")
    idents, hints = _members(place, document.get("physical_disks") or (), error)
    wanted = LogicalDisk(
        place=place,
        controller=document.get("controller"),
        level=levels[level],
        size_bytes=None if size == "MAX" else size * GIB,
        name=document.get("volume_name"),
        is_root=document.get("is_root_volume") or False,
        shares=document.get("share_physical_disks", shares),
        is_rotational=None if kind is None else kind == "hdd",
        interface=document.get("interface_type"),
        count=document.get("number_of_physical_disks"),
        idents=idents,
        hints=hints,
        error=error,
    )
    if wanted.size_bytes == 0:
        raise wanted.refusal("size_gb", "is 0; give GiB above 0, or MAX")
    if wanted.count not in (None, wanted.members):
        raise wanted.refusal(
            "number_of_physical_disks",
            f"is {wanted.count}, but physical_disks names {wanted.members}; leave one of them out",
        )
    return wanted


def _members(
    place: str, entries: Sequence[Any], error: Callable[[str], Exception]
) -> tuple[tuple[str, ...], tuple[tuple[Hint, ...], ...]]:
    """Return the names of the members, or the hints of each."""
    if all(isinstance(entry, str) for entry in entries):
        return tuple(entries), ()
    try:
        return (), tuple(parse_hints(entry) for entry in entries)
    except Refusal as refusal:
        raise error(f"{place}.physical_disks: {refusal}") from refusal
