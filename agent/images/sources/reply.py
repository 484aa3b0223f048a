"""A web server's answer, whose body is read piece by piece."""

import http.client
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

import urllib3.exceptions

from agent.errors import ImageDownloadError, ImageError
from agent.images.formats.recognition import ImageFormat
from agent.images.unpacking.decompress import decoder_for
from agent.protocol.web_address import shown_url

_PIECE_BYTES = 1 << 17
_GZIP_MAGIC = b"\x1f\x8b\x08"


class TryAgain(Exception):
    """The server or the road to it failed in a way that may pass."""


class _Body(Protocol):
    def read_into(self, view: memoryview) -> int:
        """Read at least one byte; 0 = the end."""


class Reply:
    """A response; use as a context manager."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, url: str
    ) -> None:
        self._connection = connection
        self._response = response
        self.url = url
        self.status = response.status
        self.reason = response.reason
        self.headers = response.headers
        self.body_bytes: int | None = response.length
        """Size of the body; ``None`` = the server does not say."""
        self.is_packed = False
        """The server packs the body for the way; what is read is unpacked."""
        self._body: _Body = _PlainBody(response)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection."""
        self._response.close()
        self._connection.close()

    def unpack(self) -> None:
        """Read a body of ``Content-Encoding: gzip`` as what it was before; its size is not known then."""
        self._body = _PackedBody(self._body)
        self.body_bytes = None
        self.is_packed = True

    def unpack_if_packed_twice(self) -> None:
        """Do that for a gzip file only if it was packed once more: most servers say gzip of the file itself.

        Raises:
            TryAgain: The connection broke.
        """
        room = memoryview(bytearray(_PIECE_BYTES))
        first = room[: self._body.read_into(room)]
        self._body = _BegunBody(first, self._body)
        if _holds_gzip(first):
            self.unpack()

    def read_into(self, view: memoryview) -> int:
        """Read at least one byte and at most what one read of the socket gives; 0 = the body's end.

        Raises:
            TryAgain: The connection broke, stalled or ended early.
        """
        return self._body.read_into(view)

    def read(self, limit_bytes: int) -> bytes:
        """Return the rest of the body.

        Raises:
            ImageDownloadError: It is longer than ``limit_bytes``.
            TryAgain: The connection broke.
        """
        body = bytearray()
        piece = memoryview(bytearray(1 << 16))
        while count := self.read_into(piece):
            body += piece[:count]
            if len(body) > limit_bytes:
                raise ImageDownloadError(
                    f"{shown_url(self.url)}: longer than the {limit_bytes} bytes that are allowed"
                )
        return bytes(body)


class _PlainBody:
    """The body as it comes: without a copy where its length is known."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self._left = response.length

    def read_into(self, view: memoryview) -> int:
        """See :meth:`Reply.read_into`."""
        try:
            if self._left is None:
                piece = self._response.read1(len(view))
                view[: len(piece)] = piece
                return len(piece)
            if self._left == 0:
                return 0
            count = int(self._response.fp.readinto1(view[: self._left]))
        except (OSError, http.client.HTTPException) as error:
            raise TryAgain(reason_of(error)) from error
        if count == 0:
            raise TryAgain(f"the server closed the connection {self._left} bytes too early")
        self._left -= count
        return count


class _PackedBody:
    """A body that the server packs with gzip on the way, RFC 9110, section 8.4.1.3."""

    def __init__(self, packed: _Body) -> None:
        self._packed = packed
        self._decoder = decoder_for(ImageFormat.GZIP)
        self._room = memoryview(bytearray(_PIECE_BYTES))
        self._waiting = self._room[:0]

    def read_into(self, view: memoryview) -> int:
        """See :meth:`Reply.read_into`."""
        while True:
            try:
                consumed, produced = self._decoder.step(self._waiting, view)
            except ImageError as error:
                raise TryAgain(f"what the server packed on the way is damaged: {error}") from error
            self._waiting = self._waiting[consumed:]
            if produced:
                return produced
            if consumed:
                continue
            count = self._packed.read_into(self._room)
            if not count and not self._decoder.is_complete():
                raise TryAgain("what the server packed on the way is cut off")
            if not count:
                return 0
            self._waiting = self._room[:count]


class _BegunBody:
    """A body of which ``first`` was read before."""

    def __init__(self, first: memoryview, rest: _Body) -> None:
        self._first = first
        self._rest = rest

    def read_into(self, view: memoryview) -> int:
        """See :meth:`Reply.read_into`."""
        if not len(self._first):
            return self._rest.read_into(view)
        count = min(len(view), len(self._first))
        view[:count] = self._first[:count]
        self._first = self._first[count:]
        return count


def _holds_gzip(packed: memoryview) -> bool:
    """Say whether gzip data begins with another gzip file."""
    decoder, start = decoder_for(ImageFormat.GZIP), memoryview(bytearray(len(_GZIP_MAGIC)))
    filled = 0
    with suppress(ImageError):
        while filled < len(start):
            consumed, produced = decoder.step(packed, start[filled:])
            if not consumed and not produced:
                break
            packed, filled = packed[consumed:], filled + produced
    return bytes(start[:filled]) == _GZIP_MAGIC


def reason_of(error: Exception) -> str:
    """Return what went wrong with a connection, in words."""
    if isinstance(error, urllib3.exceptions.HTTPError) and isinstance(error.__cause__, OSError):
        error = error.__cause__
    if isinstance(error, TimeoutError):
        return "nothing came for the whole time limit"
    return str(error) or type(error).__name__
