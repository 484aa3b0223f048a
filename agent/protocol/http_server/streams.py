"""What cheroot reads a request from and writes an answer to."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from agent.protocol.http_server.channel import Channel, Patience

_PIECE_BYTES = 256 * 1024
_TAIL_BYTES = 64 * 1024
"""So much of an answer may be left for the event loop to send; the thread is free then."""


class Reader:
    """What has come of a request already, then what still comes."""

    def __init__(self, channel: Channel) -> None:
        self.data = bytearray()
        """What was received and not yet read."""
        self.patience = Patience()
        self.closed = False
        self.bytes_read = 0
        self._channel = channel

    def read(self, size: int | None = None) -> bytes:
        """Return ``size`` bytes, all that is here without it; fewer if the connection ends before.

        Raises:
            TimeoutError: They do not come in time.
        """
        wanted = len(self.data) if size is None else size
        while len(self.data) < wanted and self._fetch():
            pass
        return self._take(wanted)

    def readline(self, size: int | None = None) -> bytes:
        """Return a line with its end, or its first ``size`` bytes.

        Raises:
            TimeoutError: It does not come in time.
        """
        start = 0
        while (end := self.data.find(b"\n", start) + 1) == 0:
            start = len(self.data)
            if (size is not None and start >= size) or not self._fetch():
                end = start
                break
        return self._take(end if size is None else min(end, size))

    def has_data(self) -> bool:
        """Say whether something is here that was not read."""
        return bool(self.data)

    def close(self) -> None:
        """Forget what is here."""
        self.closed = True
        self.data.clear()

    def _fetch(self) -> bool:
        while (piece := self._channel.receive(_PIECE_BYTES)) is None:
            self._channel.wait(self.patience.left_s)
        self.data += piece
        return bool(piece)

    def _take(self, size: int) -> bytes:
        with memoryview(self.data) as view:
            taken = bytes(view[:size])
        del self.data[:size]
        self.bytes_read += len(taken)
        return taken


class Writer:
    """Sends what the client takes and keeps a short rest; waits for slow readers for a bounded time."""

    def __init__(self, channel: Channel, reply_s: float, reply_rate: float) -> None:
        self.bytes_written = 0
        self._pending = bytearray()
        self._channel = channel
        self._reply_s, self._reply_rate = reply_s, reply_rate
        self._allowed_s = reply_s
        self._is_holding = False

    def begin(self) -> None:
        """Begin an answer: what was waited for others does not count."""
        self._allowed_s = self._reply_s

    def write(self, data: bytes) -> int:
        """Send ``data`` and what is kept before it, all but a short rest.

        Raises:
            TimeoutError: The client reads too slowly.
            OSError: It is gone.
        """
        if self._is_holding:
            self.add(data)
            return len(data)
        size_bytes = len(data)
        self.bytes_written += size_bytes
        if self._pending and len(self._pending) + len(data) <= _PIECE_BYTES:
            data = bytes(self._pending) + data
            self._pending.clear()
        self._allowed_s += len(data) / self._reply_rate
        with memoryview(data) as whole:
            sent_bytes = 0
            while True:
                if self.push():
                    sent_bytes += self._send(whole[sent_bytes:])
                if len(self._pending) + len(data) - sent_bytes <= _TAIL_BYTES:
                    break
                began = time.monotonic()
                self._channel.wait(self._allowed_s)
                self._allowed_s -= time.monotonic() - began
            self._pending += whole[sent_bytes:]
        return size_bytes

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep what is written in the block for what comes after it: a head and a short body are one packet, and one call."""
        self._is_holding = True
        try:
            yield
        finally:
            self._is_holding = False

    def add(self, data: bytes) -> None:
        """Keep ``data`` for :meth:`push`."""
        self._pending += data
        self.bytes_written += len(data)

    def push(self) -> bool:
        """Send what can be sent now; say whether nothing is left.

        Raises:
            OSError: The client is gone.
        """
        if self._pending:
            with memoryview(self._pending) as view:
                sent_bytes = self._send(view)
            del self._pending[:sent_bytes]
        return not self._pending

    def _send(self, data: memoryview) -> int:
        """Send what can be sent now, and return how much it was."""
        sent_bytes = 0
        while sent_bytes < len(data):
            with data[sent_bytes : sent_bytes + _PIECE_BYTES] as piece:
                step_bytes = self._channel.send(piece)
            if not step_bytes:
                break
            sent_bytes += step_bytes
        return sent_bytes

    @property
    def pending_bytes(self) -> int:
        """How much is not sent yet."""
        return len(self._pending)
