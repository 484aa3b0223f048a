"""An image on a web server as a byte stream that survives broken connections.

The stream goes on by ``Range`` at the byte where it stopped. If the file changed meanwhile (size, ETag; its date where no
checksum is known) it ends with an error instead of a mixture of two images. RFC 9110, sections 13 and 14.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.errors import ImageDownloadError
from agent.images.sources.file_identity import Identity, identity_of, server_of, wrong_range
from agent.images.sources.http import HttpRefused, masked
from agent.images.sources.reply import Reply, TryAgain

log = logging.getLogger(__name__)
_OK, _PARTIAL, _CHANGED, _BEYOND = 200, 206, 412, 416
_NO_RANGES = (400, 403)
"""What servers answer to a request with ``Range`` that they would have granted without."""
_PROGRESS_BYTES = 1 << 16
"""So many new bytes make a try count as a success; a server that trickles must run out of tries."""


class Door(Protocol):
    """The way to a web server: :class:`agent.images.sources.http.Access`, or a registry with its tokens."""

    def get(self, url: str, headers: Mapping[str, str]) -> Reply:
        """Send a GET; see :func:`agent.images.sources.http.get`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long to hold on to a server that fails.

    ``tries`` in a row without real progress are allowed; the pauses between them double from ``first_pause_s`` up to
    ``longest_pause_s``.
    """

    tries: int = 10
    first_pause_s: float = 1.0
    longest_pause_s: float = 30.0
    sleep: Callable[[float], None] = time.sleep

    def pause_s(self, failures: int) -> float:
        """Return the pause after this many failures in a row, at least 1."""
        return float(min(self.longest_pause_s, self.first_pause_s * 2 ** (failures - 1)))


class HttpSource:
    """One image on a web server, an :class:`agent.images.sources.stream.ImageSource`; not for several threads at once."""

    def __init__(
        self,
        url: str,
        door: Door,
        retry: RetryPolicy,
        notify: Callable[[str], None] = lambda _text: None,
        *,
        is_verified: bool = True,
    ) -> None:
        """Connect.

        Args:
            url: Where the image is.
            door: How servers are reached.
            retry: How long to hold on to a server that fails.
            notify: Called with a sentence whenever the connection is lost.
            is_verified: Whether a checksum will tell a mixture of two files from one.

        Raises:
            ImageDownloadError: The server refuses, or cannot be reached within the tries allowed.
        """
        self.where = masked(url)
        self._url = url
        self._door = door
        self._retry = retry
        self._notify = notify
        self._by_date = not is_verified
        self._asks_ranges = True
        self.position = 0
        self._failures = 0
        self._progress = 0
        self._farthest = 0
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
                if self.position == self.size_bytes:
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
                if self._is_at_end():
                    break
                continue
            filled += count
            self._came(count)
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

    def seek(self, start_byte: int) -> None:
        """Go on at another byte; the next read connects there."""
        self.disconnect()
        self.position = start_byte

    def disconnect(self) -> None:
        """Close the connection; the next read opens a new one where this one stopped."""
        if self._reply is not None:
            self._reply.close()
            self._reply = None

    def _came(self, count: int) -> None:
        if self.size_bytes is not None and self.position + count > self.size_bytes:
            raise ImageDownloadError(
                f"{self.where}: sent more than the {self.size_bytes} bytes it announced; repair the server"
            )
        self.position += count
        if self.position > self._farthest:
            self._progress += self.position - self._farthest
            self._farthest = self.position
            if self._progress >= _PROGRESS_BYTES or self.position == self.size_bytes:
                self._failures = 0

    def _is_at_end(self) -> bool:
        """Whether the end of a body is the end of the file: a server may send less than was asked for."""
        if self.size_bytes is None or self.position >= self.size_bytes:
            return True
        self.disconnect()
        self._failed(TryAgain(f"the body ended before byte {self.size_bytes}, the announced end"))
        return False

    def _read_once(self, start_byte: int, size_bytes: int) -> bytes:
        with self._get(start_byte, start_byte + size_bytes) as reply:
            if reply.status != _PARTIAL or reply.is_packed:
                raise ImageDownloadError(
                    f"{self.where}: the server stopped answering Range requests at byte {start_byte};"
                    " start again"
                )
            body = reply.read(size_bytes)
        if len(body) != size_bytes:
            raise TryAgain(f"{len(body)} instead of {size_bytes} bytes for a range")
        return body

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except TryAgain as reason:
            self.disconnect()
            self._failed(reason)

    def _failed(self, reason: TryAgain) -> None:
        """Wait before the next try, or give up."""
        self._failures += 1
        self._progress = 0
        if self._failures >= self._retry.tries:
            raise ImageDownloadError(
                f"{self.where}: gave up at byte {self.position} after {self._failures} tries"
                f" without a new byte or hardly one; the last: {reason};"
                " look at the server and the network, then deploy again"
            ) from reason
        pause_s = self._retry.pause_s(self._failures)
        text = (
            f"lost at byte {self.position}: {reason};"
            f" try {self._failures + 1} of {self._retry.tries} in {pause_s:g} s"
        )
        log.warning("image download interrupted", extra={"url": self.where, "reason": text})
        self._notify(text)
        self._retry.sleep(pause_s)

    def _open(self) -> None:
        """Connect for the stream at the current position."""
        reply = self._get(self.position, None)
        self._reply = reply
        if self._identity is None:
            self.has_ranges = reply.status == _PARTIAL and not reply.is_packed
            self._identity = identity_of(reply)
        if reply.is_packed:
            self._asks_ranges = False  # they would be of what is packed
        if self.position and (reply.status == _OK or reply.is_packed):
            self._skip(reply, self.position)

    def _get(self, start_byte: int, end_byte: int | None) -> Reply:
        """Ask for a range and check that the answer is of the same file; a server that minds ``Range`` is asked without."""
        asked_range = self._asks_ranges or end_byte is not None
        try:
            reply = self._door.get(self._url, self._headers(start_byte, end_byte))
        except HttpRefused as error:
            if end_byte is not None or not asked_range or error.answered not in _NO_RANGES:
                raise
            return self._get_whole(f"HTTP status {error.answered}")
        if asked_range and end_byte is None:
            if reply.status == _BEYOND and not start_byte:
                reply.close()
                return self._get_whole("HTTP status 416")
            if reply.is_packed and reply.status == _PARTIAL and start_byte:
                reply.close()
                return self._get_whole("a part of what it packed on the way")
        return self._checked(reply, start_byte)

    def _get_whole(self, answer: str) -> Reply:
        """Ask without ``Range``, from now on."""
        self._asks_ranges = self.has_ranges = False
        self._notify(f"the server answers Range with {answer}; asking without")
        return self._checked(self._door.get(self._url, {}), 0)

    def _headers(self, start_byte: int, end_byte: int | None) -> dict[str, str]:
        if not self._asks_ranges and end_byte is None:
            return {}
        last = "" if end_byte is None else str(end_byte - 1)
        headers = {"Range": f"bytes={start_byte}-{last}"}
        validator = None
        if self._identity is not None:
            validator = self._identity.if_range(server_of(self._url), by_date=self._by_date)
        return headers if validator is None else headers | {"If-Range": validator}

    def _checked(self, reply: Reply, start_byte: int) -> Reply:
        try:
            self._check_same(reply, start_byte)
        except BaseException:
            reply.close()
            raise
        return reply

    def _check_same(self, reply: Reply, start_byte: int) -> None:
        changed = f"{self.where}: the file changed during the download, before byte {start_byte}"
        if reply.status in (_CHANGED, _BEYOND):
            raise ImageDownloadError(
                f"{changed}, or the server announced more than it has (HTTP status {reply.status});"
                " start again"
            )
        if reply.status == _PARTIAL and (wrong := wrong_range(reply, start_byte)):
            raise ImageDownloadError(
                f"{self.where}: asked for the bytes from {start_byte} on, the server answered {wrong};"
                " repair the server or turn Range off there"
            )
        if self._identity and (
            difference := self._identity.differs_from(identity_of(reply), by_date=self._by_date)
        ):
            raise ImageDownloadError(f"{changed} ({difference}); start again")

    def _skip(self, reply: Reply, size_bytes: int) -> None:
        """Read away what is there already; the server has no ranges."""
        self._notify(f"the server has no Range; reading {size_bytes} bytes again")
        rest = memoryview(bytearray(1 << 18))
        while size_bytes:
            count = reply.read_into(rest[:size_bytes])
            if count == 0:
                raise TryAgain("the server sent less than before")
            size_bytes -= count
