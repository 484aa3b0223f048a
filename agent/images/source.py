"""An image on a web server as a byte stream that survives broken connections.

The stream goes on by ``Range`` at the byte where it stopped. If the file changed meanwhile (ETag, Last-Modified, size) it
ends with an error instead of a mixture of two images. RFC 9110, sections 13 and 14.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import ImageDownloadError
from agent.images.http import Access, Reply, TryAgain, get, masked

log = logging.getLogger(__name__)
_CONTENT_RANGE = re.compile(r"bytes (?P<start>\d+)-(?P<last>\d+)/(?P<total>\d+|\*)$")
_OK, _PARTIAL, _CHANGED, _BEYOND = 200, 206, 412, 416


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long to hold on to a server that fails.

    ``tries`` in a row without a single new byte are allowed; the pauses between them double from ``first_pause_s`` up to
    ``longest_pause_s``.
    """

    tries: int = 10
    first_pause_s: float = 1.0
    longest_pause_s: float = 30.0
    sleep: Callable[[float], None] = time.sleep

    def pause_s(self, failures: int) -> float:
        """Return the pause after this many failures in a row, at least 1."""
        return float(min(self.longest_pause_s, self.first_pause_s * 2 ** (failures - 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What tells one version of a file from another; ``None`` = the server does not say."""

    size_bytes: int | None
    etag: str | None
    last_modified: str | None

    def if_range(self) -> str | None:
        """Return the value for ``If-Range``; weak validators are not allowed there (RFC 9110, 13.1.5)."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified

    def differs_from(self, other: "Identity") -> str | None:
        """Return what differs, in words; only what both sides know is compared."""
        pairs = (
            ("size", self.size_bytes, other.size_bytes),
            ("ETag", self.etag, other.etag),
            ("Last-Modified", self.last_modified, other.last_modified),
        )
        for name, old, new in pairs:
            if old is not None and new is not None and old != new:
                return f"{name} was {old} and is now {new}"
        return None


class HttpSource:
    """One image on a web server, read from front to back; not for several threads at once."""

    def __init__(
        self,
        url: str,
        access: Access,
        retry: RetryPolicy,
        notify: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """Connect.

        Args:
            url: Where the image is.
            access: How servers are reached.
            retry: How long to hold on to a server that fails.
            notify: Called with a sentence whenever the connection is lost.

        Raises:
            ImageDownloadError: The server refuses, or cannot be reached within the tries allowed.
        """
        self.url = url
        self._access = access
        self._retry = retry
        self._notify = notify
        self._position = 0
        self._failures = 0
        self._reply: Reply | None = None
        self._identity: Identity | None = None
        self.has_ranges = False
        while self._reply is None:
            self._attempt(self._open)

    @property
    def size_bytes(self) -> int | None:
        """Size of the file; ``None`` = the server does not say."""
        return None if self._identity is None else self._identity.size_bytes

    def read_into(self, view: memoryview) -> int:
        """Fill ``view`` as far as the stream goes and return the number of bytes; less than its size = the end.

        Raises:
            ImageDownloadError: The server failed for good, or the file changed.
        """
        filled = 0
        while filled < len(view):
            if self._reply is None:
                if self._position == self.size_bytes:
                    break  # a server answers 416 to a range that begins at the end
                self._attempt(self._open)
                continue
            try:
                count = self._reply.read_into(view[filled:])
            except TryAgain as reason:
                self.disconnect()
                self._failed(reason)
                continue
            if count == 0:
                break
            filled += count
            self._position += count
            self._failures = 0
        return filled

    def read_at(self, start_byte: int, size_bytes: int) -> bytes:
        """Return a stretch of the file over a connection of its own; only if ``has_ranges``.

        Raises:
            ImageDownloadError: The server failed for good, or the file changed.
        """
        while True:
            try:
                body = self._read_once(start_byte, size_bytes)
            except TryAgain as reason:
                self._failed(reason)
            else:
                self._failures = 0
                return body

    def _read_once(self, start_byte: int, size_bytes: int) -> bytes:
        with self._get(start_byte, start_byte + size_bytes) as reply:
            if reply.status != _PARTIAL:
                raise ImageDownloadError(
                    f"{masked(self.url)}: the server stopped answering Range requests"
                )
            body = reply.read(size_bytes)
        if len(body) != size_bytes:
            raise TryAgain(f"{len(body)} instead of {size_bytes} bytes for a range")
        return body

    def disconnect(self) -> None:
        """Close the connection; the next read opens a new one where this one stopped."""
        if self._reply is not None:
            self._reply.close()
            self._reply = None

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except TryAgain as reason:
            self.disconnect()
            self._failed(reason)

    def _failed(self, reason: TryAgain) -> None:
        """Wait before the next try, or give up."""
        self._failures += 1
        if self._failures >= self._retry.tries:
            raise ImageDownloadError(
                f"{masked(self.url)}: gave up at byte {self._position} after {self._failures} tries"
                f" without a new byte; the last: {reason}"
            ) from reason
        pause_s = self._retry.pause_s(self._failures)
        text = (
            f"lost at byte {self._position}: {reason};"
            f" try {self._failures + 1} of {self._retry.tries} in {pause_s:g} s"
        )
        log.warning("image download interrupted", extra={"url": masked(self.url), "reason": text})
        self._notify(text)
        self._retry.sleep(pause_s)

    def _open(self) -> None:
        """Connect for the stream at the current position."""
        reply = self._get(self._position, None)
        self._reply = reply
        if self._identity is None:
            self.has_ranges = reply.status == _PARTIAL
            self._identity = _identity(reply)
        if reply.status == _OK and self._position:
            self._skip(reply, self._position)

    def _get(self, start_byte: int, end_byte: int | None) -> Reply:
        """Ask for a range and check that the answer is of the same file."""
        last = "" if end_byte is None else str(end_byte - 1)
        headers = {"Range": f"bytes={start_byte}-{last}"}
        if self._identity is not None and (validator := self._identity.if_range()):
            headers["If-Range"] = validator
        reply = get(self.url, self._access, headers)
        try:
            self._check_same(reply, start_byte)
        except BaseException:
            reply.close()
            raise
        return reply

    def _check_same(self, reply: Reply, start_byte: int) -> None:
        where = masked(self.url)
        if reply.status == _BEYOND and not start_byte:
            raise ImageDownloadError(f"{where}: the file is empty")
        if reply.status in (_CHANGED, _BEYOND):
            raise ImageDownloadError(
                f"{where}: the file changed or shrank during the download; start again"
            )
        if reply.status == _PARTIAL:
            given = _CONTENT_RANGE.match(reply.headers.get("Content-Range", ""))
            if given is None or int(given["start"]) != start_byte:
                raise ImageDownloadError(
                    f"{where}: asked for the bytes from {start_byte} on, the server answered"
                    f" Content-Range {reply.headers.get('Content-Range')!r}"
                )
        if self._identity and (difference := self._identity.differs_from(_identity(reply))):
            raise ImageDownloadError(
                f"{where}: the file changed during the download ({difference}); start again"
            )

    def _skip(self, reply: Reply, size_bytes: int) -> None:
        """Read away what is there already; the server has no ranges."""
        self._notify(f"the server has no Range; reading {size_bytes} bytes again")
        rest = memoryview(bytearray(1 << 18))
        while size_bytes:
            count = reply.read_into(rest[:size_bytes])
            if count == 0:
                raise TryAgain("the server sent less than before")
            size_bytes -= count


def _identity(reply: Reply) -> Identity:
    size = reply.body_bytes
    if reply.status == _PARTIAL:
        given = _CONTENT_RANGE.match(reply.headers.get("Content-Range", ""))
        size = int(given["total"]) if given and given["total"] != "*" else None
    return Identity(
        size_bytes=size,
        etag=reply.headers.get("ETag"),
        last_modified=reply.headers.get("Last-Modified"),
    )
