"""Who has connections open and who waits for what to come over them, counted by party; and who gives way when there are too many.

A party is an address, as ``Connection.party`` says. Only the thread of the loop works with it.
"""

import contextlib
import selectors
from collections import Counter, OrderedDict

from agent.protocol.http_server.bounds import Bounds
from agent.protocol.http_server.connection import Connection, Phase


class Crowd:
    """All connections, those in threads too; ``selector`` watches the ones that wait."""

    def __init__(self, selector: selectors.BaseSelector, bounds: Bounds) -> None:
        self._selector, self._bounds = selector, bounds
        self._open: Counter[str | None] = Counter()
        self._waiting: dict[str | None, OrderedDict[Connection, None]] = {}
        """By party; who waits longest is first."""
        self._known: set[Connection] = set()
        self.arriving_bytes = 0
        """What is held of requests that are not complete."""

    @property
    def count(self) -> int:
        """How many are open."""
        return self._open.total()

    def add(self, conn: Connection) -> bool:
        """Take a new connection in; say whether there is room for it, maybe because another one gave way."""
        has_room = True
        if conn.party and self._open[conn.party] >= self._bounds.connections_per_address:
            has_room = self._give_way(conn.party)
        elif self.count >= self._bounds.connections:
            has_room = self.make_room()
        self._open[conn.party] += 1
        self._known.add(conn)
        return has_room

    def make_room(self) -> bool:
        """Close a connection of whoever has most, this machine's last of all; say whether there was one."""
        counted = ((self._open[party], party) for party in self._waiting if party)
        return self._give_way(max(counted, default=(0, None))[1])

    def wait(self, conn: Connection) -> None:
        """Have the selector say when to go on."""
        row = self._waiting.setdefault(conn.party, OrderedDict())
        if conn not in row:
            row[conn] = None
            self._selector.register(conn.channel, conn.channel.events, conn)
        elif conn.registered_events != conn.channel.events:
            self._selector.modify(conn.channel, conn.channel.events, conn)
        conn.registered_events = conn.channel.events

    def late(self, now: float) -> list[Connection]:
        """Return those that have waited beyond their deadline."""
        return [conn for row in self._waiting.values() for conn in row if conn.deadline <= now]

    def count_arriving(self, conn: Connection, more_bytes: int) -> None:
        """Hold only so much of requests that are not complete; whoever holds most gives way."""
        if conn.phase is not Phase.REQUEST or more_bytes <= 0:
            return
        self.arriving_bytes += more_bytes
        conn.counted_bytes += more_bytes
        while self.arriving_bytes > self._bounds.arriving_bytes:
            held: Counter[str | None] = Counter({conn.party: conn.counted_bytes})
            for party, row in self._waiting.items():
                held[party] += sum(each.counted_bytes for each in row if each is not conn)
            top = max(held, key=lambda party: held[party])
            rows = [*self._waiting.get(top, ()), *([conn] if conn.party == top else [])]
            self.close(max(rows, key=lambda each: each.counted_bytes))

    def let_go(self, conn: Connection) -> None:
        """Wait no more for a connection that a pool gets, or that is closed."""
        self.arriving_bytes -= conn.counted_bytes
        conn.counted_bytes = 0
        row = self._waiting.get(conn.party)
        if row and conn in row:
            del row[conn]
            with contextlib.suppress(KeyError, ValueError, OSError):
                self._selector.unregister(conn.channel)
            if not row:
                del self._waiting[conn.party]

    def close(self, conn: Connection) -> None:
        """End a connection, if it has not ended yet."""
        if conn.channel.fileno() < 0:
            return
        self.let_go(conn)
        conn.rfile.close()
        conn.channel.close()
        self._known.discard(conn)
        self._open[conn.party] -= 1
        if not self._open[conn.party]:
            del self._open[conn.party]

    def close_waiting(self) -> None:
        """End all that no thread has."""
        for row in list(self._waiting.values()):
            for conn in list(row):
                self.close(conn)

    def close_all(self) -> None:
        """End what is left, wherever it is."""
        for conn in list(self._known):
            self.close(conn)

    def _give_way(self, party: str | None) -> bool:
        """Close the connection of ``party`` that has waited longest; say whether there was one."""
        for conn in self._waiting.get(party, ()):
            self.close(conn)
            return True
        return False
