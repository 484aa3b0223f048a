"""Which TCP port a console gets: of the range alone, and never the one that another node's console has had; pure.

A node keeps its numbers as long as they are known (``number_file.py`` keeps them over a restart), also those that it had before another program took them or it asked for
others: who connects to an old address must not come to another owner's machine. Only when all others are kept, too, does a number go to somebody else: one that its node has
no more, else the one that was given first, and none that an open console has.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

_MOST_OF_NODE = 4
"""So many are kept for a node, the newest: who may change a node's ``ipmi_terminal_port`` must not use up the range."""


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
    """Who has, and has had, which numbers; not safe for several threads."""

    def __init__(self, ports: PortRange, owners: Mapping[int, str] | None = None) -> None:
        """Begin with those that were given before, UUIDs by number; of these, those in the range count."""
        self._ports = ports
        self._owners = {one: whose for one, whose in (owners or {}).items() if one in ports}

    @property
    def owners(self) -> Mapping[int, str]:
        """Whose the numbers are, in the order in which they were given: a node's last is its own now. Replaced when that changes."""
        return dict(self._owners)

    def give(self, uuid: str, number: int) -> None:
        """Keep a number for a node beside those that it had."""
        self._owners.pop(number, None)
        self._owners[number] = uuid
        for one in self._of(uuid)[_MOST_OF_NODE:]:
            del self._owners[one]

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
        first = [asked] if asked is not None and self.why_not(uuid, asked) is None else []
        free = [one for one in self._usual(uuid) if one not in self._owners]
        newest = {whose: one for one, whose in self._owners.items()}
        kept = sorted(self._owners, key=lambda one: newest[self._owners[one]] == one)
        for one in dict.fromkeys([*first, *self._of(uuid), *free, *kept]):
            if one not in open_numbers:
                yield one

    def _of(self, uuid: str) -> list[int]:
        """Return a node's numbers, the newest first."""
        return [one for one, whose in reversed(self._owners.items()) if whose == uuid]

    def _usual(self, uuid: str) -> Iterator[int]:
        """Give all numbers, beginning at one that follows from the UUID: it is the same after a restart."""
        size = self._ports.last - self._ports.first + 1
        begin = zlib.crc32(uuid.encode()) % size
        return (self._ports.first + (begin + step) % size for step in range(size))
