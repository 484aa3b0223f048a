"""Bodies of requests: of known length, or in chunks that are passed on as they come."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cheroot.server import KnownLengthRFile
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, RequestTimeout

_PIECE_BYTES = 64 * 1024
_LINE_BYTES = 1024
_TRAILER_LINES = 64


class PlainBody(KnownLengthRFile):
    """A body whose length was given."""

    def read(self, size: int | None = None) -> bytes:
        """Return what was asked for, or what is left; ``RequestTimeout`` if it does not come in time."""
        with _patience():
            return bytes(super().read(size))


class ChunkedBody(io.RawIOBase):
    """A body in chunks (RFC 9112 section 7.1), passed on as it comes."""

    def __init__(self, source: Any, most_bytes: int) -> None:
        """Read from ``source``, a buffered stream after the head, at most ``most_bytes``."""
        self.is_at_end = False
        self._source = source
        self._left_bytes = most_bytes
        self._chunk_bytes = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next piece.

        Raises:
            BadRequest: These are no chunks, or the connection has ended between them.
            RequestEntityTooLarge: The body is larger than allowed.
            RequestTimeout: It takes too long.
        """
        with _patience():
            return self._read_into(buffer)

    def _read_into(self, buffer: Any) -> int:
        if not self._chunk_bytes and not self.is_at_end:
            self._begin_chunk()
        if self.is_at_end:
            return 0
        piece = self._source.read(min(len(buffer), self._chunk_bytes, _PIECE_BYTES))
        if not piece:
            raise BadRequest("The connection ended in the middle of a chunk")
        buffer[: len(piece)] = piece
        self._chunk_bytes -= len(piece)
        if not self._chunk_bytes and self._line():
            raise BadRequest("A chunk is longer than it says")
        return len(piece)

    def _begin_chunk(self) -> None:
        size = self._line().partition(b";")[0].strip()
        try:
            self._chunk_bytes = int(size, 16) if size.isalnum() else -1
        except ValueError:
            self._chunk_bytes = -1
        if self._chunk_bytes < 0:
            raise BadRequest("A chunk begins without its size")
        self._left_bytes -= self._chunk_bytes
        if self._left_bytes < 0:
            raise RequestEntityTooLarge
        if not self._chunk_bytes:
            self._skip_trailer()

    def _skip_trailer(self) -> None:
        for _ in range(_TRAILER_LINES):
            if not self._line():
                self.is_at_end = True
                return
        raise BadRequest("The body's trailer is too long")

    def _line(self) -> bytes:
        line: bytes = self._source.readline(_LINE_BYTES)
        if not line.endswith(b"\r\n"):
            raise BadRequest("A line between chunks is too long or does not end")
        return line[:-2]


@contextmanager
def _patience() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise RequestTimeout("The body does not come, or comes too slowly") from error
