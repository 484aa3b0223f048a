"""Sends files to any number of slow readers with one thread: the kernel copies (sendfile(2)), nobody waits."""

import contextlib
import logging
import os
import selectors
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from agent.protocol.http_server.bounds import Bounds
from agent.protocol.http_server.wake import Wake

log = logging.getLogger(__name__)

_BLOCK_BYTES = 256 * 1024
_SENDFILE_BYTES = 1024 * 1024
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """How the sending of a file ended."""

    sent_bytes: int
    wanted_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of an open file; the same file may have several."""

    file: BinaryIO
    start_byte: int
    size_bytes: int


class FileParts:
    """Pieces of files as one WSGI answer; this server sends them by itself, others iterate over them."""

    def __init__(
        self, parts: Sequence[Part], on_end: Callable[[Transfer], None] | None = None
    ) -> None:
        """Take over open files.

        Args:
            parts: What is sent, in order; the files are closed with this object.
            on_end: Called once, when it was sent or broken off.
        """
        self._parts = deque(part for part in parts if part.size_bytes)
        self._files = {part.file for part in parts}
        self.size_bytes = sum(part.size_bytes for part in parts)
        self.sent_bytes = 0
        self._sent_before = 0
        self._on_end = on_end
        self._started = time.monotonic()

    def piece(self) -> tuple[int, int, int]:
        """Return what is to be sent next: file descriptor, first byte, and how many at most; 0 = nothing is left."""
        while self._parts:
            part = self._parts[0]
            done = self.sent_bytes - self._sent_before
            if done < part.size_bytes:
                return part.file.fileno(), part.start_byte + done, part.size_bytes - done
            self._sent_before += part.size_bytes
            self._parts.popleft()
        return -1, 0, 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            descriptor, start_byte, count = self.piece()
            block = os.pread(descriptor, min(_BLOCK_BYTES, count), start_byte) if count else b""
            if not block:
                return
            yield block
            self.sent_bytes += len(block)

    def close(self) -> None:
        """Close the files and tell how it ended."""
        for file in self._files:
            file.close()
        on_end, self._on_end = self._on_end, None
        if on_end:
            seconds = time.monotonic() - self._started
            on_end(
                Transfer(sent_bytes=self.sent_bytes, wanted_bytes=self.size_bytes, seconds=seconds)
            )


class FileRange(FileParts):
    """A part of one file."""

    def __init__(
        self,
        path: Path,
        start_byte: int,
        size_bytes: int,
        on_end: Callable[[Transfer], None] | None = None,
    ) -> None:
        """Open the file.

        Args:
            path: The file.
            start_byte: Where the part begins.
            size_bytes: How long it is.
            on_end: Called once, when it was sent or broken off.
        """
        part = Part(file=path.open("rb"), start_byte=start_byte, size_bytes=size_bytes)
        super().__init__((part,), on_end)


class Sender:
    """The thread that sends files."""

    def __init__(self, bounds: Bounds, on_end: Callable[[Any, bool], None]) -> None:
        """Prepare; ``on_end`` gets each connection back, and whether its file was sent to the end."""
        self._bounds, self._on_end = bounds, on_end
        self._selector = selectors.DefaultSelector()
        self._wake = Wake(self._selector)
        self._lock = threading.Lock()
        self._admitted: dict[Any, None] = {}
        self._new: deque[Any] = deque()
        self._unwanted: deque[Any] = deque()
        self._windows: dict[Any, tuple[float, int]] = {}
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="files", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Break off what is being sent."""
        self._is_stopping = True
        self._wake()
        if (
            self._thread.ident is not None
        ):  # a server that was stopped before it served has not started it
            self._thread.join(timeout_s)

    @property
    def transfers(self) -> int:
        """How many files are being sent."""
        with self._lock:
            return len(self._admitted)

    def admit(self, conn: Any) -> bool:
        """Say whether one more file may be sent; when all places are taken, the address with the most gives one up."""
        with self._lock:
            if self._is_stopping:
                return False
            if len(self._admitted) >= self._bounds.transfers:
                counts = Counter(each.party for each in self._admitted if each.party)
                (top, most), *_ = counts.most_common(1) or [(None, 0)]
                if most <= counts[conn.party] + 1:
                    return False
                victim = next(each for each in self._admitted if each.party == top)
                del self._admitted[victim]
                self._unwanted.append(victim)
                self._wake()
            self._admitted[conn] = None
            return True

    def add(self, conn: Any) -> None:
        """Send ``conn.transfer`` after what is left of the answer's head; it must be admitted."""
        self._new.append(conn)
        self._wake()

    def _run(self) -> None:
        while not self._is_stopping:
            for key, _ in self._selector.select(_LOOK_S):
                if key.data is not None:
                    self._go_on(key.data)
            self._wake.clear()
            while self._new:
                self._begin(self._new.popleft())
            self._drop_unwanted()
        for conn in [*self._windows, *self._new]:
            self._end(conn, is_whole=False)
        self._wake.close()
        self._selector.close()

    def _begin(self, conn: Any) -> None:
        with self._lock:
            is_admitted = conn in self._admitted
        if not is_admitted:  # it has given its place up already
            self._end(conn, is_whole=False)
            return
        self._selector.register(conn.channel, selectors.EVENT_WRITE, conn)
        self._windows[conn] = (time.monotonic(), 0)

    def _go_on(self, conn: Any) -> None:
        part = conn.transfer
        try:
            if not conn.wfile.push():
                return
            descriptor, start_byte, left_bytes = part.piece()
            if left_bytes:
                sent_bytes = os.sendfile(
                    conn.channel.fileno(),
                    descriptor,
                    start_byte,
                    min(left_bytes, _SENDFILE_BYTES),
                )
                part.sent_bytes += sent_bytes
                if not sent_bytes:  # the file has become shorter
                    self._end(conn, is_whole=False)
                    return
        except BlockingIOError:
            return
        except Exception as error:
            if not isinstance(error, OSError):
                log.exception("sending a file met a fault")
            self._end(conn, is_whole=False)
            return
        if part.sent_bytes == part.size_bytes:
            self._end(conn, is_whole=True)

    def _drop_unwanted(self) -> None:
        while self._unwanted:
            conn = self._unwanted.popleft()
            if conn in self._windows:
                self._end(conn, is_whole=False)
        now, bounds = time.monotonic(), self._bounds
        for conn, (began, before_bytes) in list(self._windows.items()):
            if now - began < bounds.transfer_s:
                continue
            sent_bytes = conn.transfer.sent_bytes
            if sent_bytes - before_bytes < bounds.transfer_rate * bounds.transfer_s:
                self._end(conn, is_whole=False)
            else:
                self._windows[conn] = (now, sent_bytes)

    def _end(self, conn: Any, *, is_whole: bool) -> None:
        with self._lock:
            self._admitted.pop(conn, None)
        if self._windows.pop(conn, None):
            with contextlib.suppress(KeyError, ValueError):  # closed meanwhile
                self._selector.unregister(conn.channel)
        self._on_end(conn, is_whole)
