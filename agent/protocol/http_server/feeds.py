"""Sends answers without an end (event streams) to many readers with one thread; nobody waits for anybody.

A feed is asked for its next piece when its reader has taken the last one. So a reader that is behind costs one piece of memory, and
what it missed meanwhile is the feed's business. A reader that takes nothing for ``_STUCK_S`` seconds is cut off, and one that has gone
is noticed by its socket, or by the sign of life that is sent into silence.
"""

import contextlib
import logging
import selectors
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

from agent.protocol.http_server.bounds import Bounds
from agent.protocol.http_server.wake import Wake

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_QUIET_S = 15.0
"""A sign of life is sent when there was nothing else for so long."""
_STUCK_S = 60.0
_PIECE_BYTES = 4096


class Feed:
    """A WSGI answer that goes on until its source ends; this server sends it by itself, others iterate over it."""

    def __init__(
        self,
        pull: Callable[[], bytes | None],
        subscribe: Callable[[Callable[[], None]], Callable[[], None]],
        sign_of_life: bytes,
    ) -> None:
        """Take a source.

        Args:
            pull: Returns the next piece, empty = nothing now, ``None`` = nothing any more. Returns at once.
            subscribe: Is given what to call when there is something new, from any thread; returns what ends that.
            sign_of_life: What is sent into silence and means nothing.
        """
        self.sign_of_life = sign_of_life
        self.pull = pull
        self._subscribe = subscribe
        self._unsubscribe: Callable[[], None] | None = None

    def begin(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when there is something new."""
        self._unsubscribe = self._subscribe(wake)

    def __iter__(self) -> Iterator[bytes]:
        woken = threading.Event()
        self.begin(woken.set)
        while (piece := self.pull()) is not None:
            if piece:
                yield piece
            elif woken.wait(_QUIET_S):
                woken.clear()
            else:
                yield self.sign_of_life

    def close(self) -> None:
        """Let go of the source."""
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe:
            unsubscribe()


class _Reader:
    """One connection and its feed."""

    def __init__(self, conn: Any, wake: Callable[["_Reader"], None]) -> None:
        self.conn, self.feed = conn, conn.feed
        self.quiet_since = self.moved_at = time.monotonic()
        self._wake = wake

    def wake(self) -> None:
        """Have it looked at; from any thread."""
        self._wake(self)


class FeedSender:
    """The thread that sends feeds."""

    def __init__(self, bounds: Bounds, on_end: Callable[[Any], None]) -> None:
        """Prepare; ``on_end`` gets each connection back."""
        self._bounds, self._on_end = bounds, on_end
        self._selector = selectors.DefaultSelector()
        self._wake = Wake(self._selector)
        self._lock = threading.Lock()
        self._admitted: dict[Any, None] = {}
        self._new: deque[Any] = deque()
        self._woken: dict[_Reader, None] = {}
        self._readers: dict[_Reader, None] = {}
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="feeds", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Break all feeds off."""
        self._is_stopping = True
        self._wake()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def admit(self, conn: Any) -> bool:
        """Say whether one more feed may be sent; an address gets a quarter of the places at most."""
        with self._lock:
            counts = Counter(each.party for each in self._admitted if each.party)
            is_full = len(self._admitted) >= self._bounds.feeds
            if self._is_stopping or is_full or counts[conn.party] >= self._bounds.feeds_per_address:
                return False
            self._admitted[conn] = None
            return True

    def add(self, conn: Any) -> None:
        """Send ``conn.feed`` after the answer's head; it must be admitted."""
        self._new.append(conn)
        self._wake()

    def _run(self) -> None:
        looked_at = time.monotonic()
        while not self._is_stopping:
            try:
                for key, events in self._selector.select(_LOOK_S):
                    if isinstance(key.data, _Reader):
                        self._hear(key.data, events)
                self._wake.clear()
                while self._new:
                    self._begin(self._new.popleft())
                for reader in self._take_woken():
                    self._go_on(reader)
                if time.monotonic() - looked_at >= _LOOK_S:
                    looked_at = time.monotonic()
                    self._look_after(looked_at)
            except Exception:
                log.exception("the sender of feeds met a fault")
        for reader in list(self._readers):
            self._end(reader)
        self._wake.close()
        self._selector.close()

    def _take_woken(self) -> list[_Reader]:
        with self._lock:
            woken, self._woken = list(self._woken), {}
        return [one for one in woken if one in self._readers]

    def _note(self, reader: _Reader) -> None:
        with self._lock:
            self._woken[reader] = None
        self._wake()

    def _begin(self, conn: Any) -> None:
        reader = _Reader(conn, self._note)
        self._readers[reader] = None
        self._selector.register(conn.channel, selectors.EVENT_READ, reader)
        try:
            reader.feed.begin(reader.wake)
        except Exception:
            log.exception("a feed could not be begun")
            self._end(reader)
            return
        self._go_on(reader)

    def _hear(self, reader: _Reader, events: int) -> None:
        """Notice a reader that has gone, or can take more; whoever sends another request into an answer is not answered."""
        try:
            if events & selectors.EVENT_READ:
                said = reader.conn.channel.receive(_PIECE_BYTES)
                if said is not None:
                    self._end(reader)
                    return
        except OSError:
            self._end(reader)
            return
        self._go_on(reader)

    def _go_on(self, reader: _Reader) -> None:
        """Send what the reader takes, one piece ahead of it."""
        conn = reader.conn
        before_bytes = conn.wfile.pending_bytes
        try:
            while conn.wfile.push():
                piece = reader.feed.pull()
                if piece is None:
                    conn.wfile.add(b"0\r\n\r\n")
                    self._end(reader, is_whole=True)
                    return
                if not piece:
                    self._listen(reader, selectors.EVENT_READ)
                    reader.moved_at = time.monotonic()
                    return
                self._put(reader, piece)
            self._listen(reader, selectors.EVENT_READ | selectors.EVENT_WRITE)
            if conn.wfile.pending_bytes != before_bytes:
                reader.moved_at = time.monotonic()
        except Exception as error:
            if not isinstance(error, OSError):
                log.exception("a feed met a fault")
            self._end(reader)

    def _put(self, reader: _Reader, piece: bytes) -> None:
        """Add a piece as a chunk (RFC 9112, section 7.1)."""
        reader.conn.wfile.add(b"%x\r\n%b\r\n" % (len(piece), piece))
        reader.quiet_since = time.monotonic()

    def _listen(self, reader: _Reader, events: int) -> None:
        if self._selector.get_key(reader.conn.channel).events != events:
            self._selector.modify(reader.conn.channel, events, reader)

    def _look_after(self, now: float) -> None:
        for reader in list(self._readers):
            is_pending = reader.conn.wfile.pending_bytes > 0
            if is_pending and now - reader.moved_at > _STUCK_S:
                self._end(reader)
            elif not is_pending and now - reader.quiet_since >= _QUIET_S:
                self._put(reader, reader.feed.sign_of_life)
                self._go_on(reader)

    def _end(self, reader: _Reader, *, is_whole: bool = False) -> None:
        if reader not in self._readers:
            return
        del self._readers[reader]
        conn = reader.conn
        with self._lock:
            self._admitted.pop(conn, None)
            self._woken.pop(reader, None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(conn.channel)
        with contextlib.suppress(Exception):
            reader.feed.close()
        conn.is_last, conn.feed = True, None
        if not is_whole:
            conn.channel.cut()
        self._on_end(conn)
