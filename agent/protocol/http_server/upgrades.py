"""Connections that go on in another protocol after an answer 101 (RFC 9110, section 7.8): who asked for that has them to the end.

The server counts them among its open connections, as before, and asks nothing of them: what bounds them in time and bytes is whose they are.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any


class HandedOver:
    """A connection that no part of the server reads or writes any more; one thread works with it."""

    def __init__(self, conn: Any, on_end: Callable[[Any], None]) -> None:
        """Take it; ``on_end`` gets it back."""
        self._conn, self._on_end = conn, on_end
        self._lock = threading.Lock()
        self._has_ended = False

    def fileno(self) -> int:
        """Return the descriptor; -1 = closed."""
        descriptor: int = self._conn.channel.fileno()
        return descriptor

    @property
    def pending_bytes(self) -> int:
        """How much was added and is not sent yet."""
        pending: int = self._conn.wfile.pending_bytes
        return pending

    def receive(self, most_bytes: int) -> bytes | None:
        """Return what has come; ``None`` = nothing now, empty = nothing will. Raises ``OSError``."""
        if self._conn.rfile.has_data():
            early: bytes = self._conn.rfile.read(min(most_bytes, len(self._conn.rfile.data)))
            return early
        received: bytes | None = self._conn.channel.receive(most_bytes)
        return received

    def add(self, data: bytes) -> None:
        """Keep ``data`` for :meth:`push`; who adds looks at ``pending_bytes``."""
        self._conn.wfile.add(data)

    def push(self) -> bool:
        """Send what can be sent now; say whether nothing is left. Raises ``OSError``."""
        is_empty: bool = self._conn.wfile.push()
        return is_empty

    def end(self) -> None:
        """End the connection; twice is fine, and from any thread."""
        with self._lock:
            if self._has_ended:
                return
            self._has_ended = True
        self._conn.channel.cut()
        self._on_end(self._conn)


class Upgrade:
    """A WSGI answer after which the connection is somebody else's; only this server can give it away."""

    def __init__(self, head: bytes, begin: Callable[[HandedOver], None]) -> None:
        """Take what is answered (status line and headers, with the empty line), and who has the connection then; ``begin`` returns at once."""
        self.head = head
        self._begin: Callable[[HandedOver], None] | None = begin

    def begin(self, connection: HandedOver) -> None:
        """Give the connection away."""
        begin, self._begin = self._begin, None
        if begin is None:
            connection.end()
        else:
            begin(connection)

    def __iter__(self) -> Iterator[bytes]:
        """Say nothing: under another server there is no connection to give away."""
        return iter(())
