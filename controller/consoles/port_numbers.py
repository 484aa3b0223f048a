"""Which TCP port a console gets: of the range alone, and never the one that another node's console has had; pure.

A node keeps its number as long as that is known (``number_file.py`` keeps it over a restart): who is connected to by an old address must not come to another owner's
machine. Only when all others are kept, too, does a number go to somebody else: the one that was given first and that no open console has.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRange:
    """Where consoles get their ports."""

    address: str
    first: int
    last: int
    idle_s: float = 0.0
    """A connection on which nothing moves for so long is ended; 0 = none is."""

    def __contains__(self, number: int) -> bool:
        """Say whether a port may be a console's."""
        return self.first <= number <= self.last


class PortNumbers:
    """Who has which number, one each; not safe for several threads."""

    def __init__(self, ports: PortRange, owners: Mapping[int, str] | None = None) -> None:
        """Begin with those that were given before, UUIDs by number; of these, those in the range count."""
        self._ports = ports
        self._owners = {one: whose for one, whose in (owners or {}).items() if one in ports}

    @property
    def owners(self) -> Mapping[int, str]:
        """Who has which number, in the order in which they were given; replaced when that changes."""
        return dict(self._owners)

    def give(self, uuid: str, number: int) -> None:
        """Keep a number for a node, and the one that it had no more."""
        self._owners = {one: whose for one, whose in self._owners.items() if whose != uuid}
        self._owners[number] = uuid

    def reserve(self, uuids: Collection[str]) -> None:
        """Keep the usual numbers of these nodes for them, before any other one may ask for them."""
        having = set(self._owners.values())
        for uuid in sorted(set(uuids) - having):
            number = next((one for one in self._usual(uuid) if one not in self._owners), None)
            if number is not None:
                self._owners[number] = uuid

    def uuids(self) -> frozenset[str]:
        """Return the nodes that numbers are kept for."""
        return frozenset(self._owners.values())

    def forget(self, gone: Collection[str]) -> None:
        """Keep nothing for these nodes."""
        self._owners = {one: whose for one, whose in self._owners.items() if whose not in gone}

    def why_not(self, uuid: str, number: int) -> str | None:
        """Say why a node cannot have the number that it asks for; ``None`` = it can."""
        if number not in self._ports:
            return f"it is not in console_port_range, {self._ports.first}:{self._ports.last}"
        if self._owners.get(number, uuid) != uuid:
            return "another node's console has it, or has had it"
        return None

    def candidates(
        self, uuid: str, asked: int | None, open_numbers: Collection[int]
    ) -> Iterator[int]:
        """Give the numbers that a node may have, the best first; ``open_numbers`` are in use now."""
        own = [one for one, whose in self._owners.items() if whose == uuid]
        first = [asked] if asked is not None and self.why_not(uuid, asked) is None else []
        free = [one for one in self._usual(uuid) if one not in self._owners]
        kept = [one for one, whose in self._owners.items() if whose != uuid]
        for one in dict.fromkeys([*first, *own, *free, *kept]):
            if one not in open_numbers:
                yield one

    def _usual(self, uuid: str) -> Iterator[int]:
        """Give all numbers, beginning at one that follows from the UUID: it is the same after a restart."""
        size = self._ports.last - self._ports.first + 1
        begin = zlib.crc32(uuid.encode()) % size
        return (self._ports.first + (begin + step) % size for step in range(size))
