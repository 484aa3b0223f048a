"""The same image at several addresses: when one is given up, in the middle too, the next one goes on at the same byte.

Whether the two files are really the same is not judged here: the checksum over everything is.
"""

from collections.abc import Callable, Sequence

from agent.errors import ImageDownloadError
from agent.images.sources.stream import ImageSource

Opener = Callable[[str], ImageSource]
"""Connects to an address or raises ``ImageDownloadError``."""


class Mirrors:
    """Several sources as one, an :class:`agent.images.sources.stream.ImageSource`; they are opened in order and only when needed."""

    def __init__(self, urls: Sequence[str], connect: Opener, notify: Callable[[str], None]) -> None:
        """Connect to the first address that answers; one that is there twice is tried twice.

        Raises:
            ImageDownloadError: None of them can be used; the message has the reason of each.
        """
        self._rest = list(urls)
        self._connect = connect
        self._url = ""
        self._notify = notify
        self._failures: list[str] = []
        self._current = self._next(lambda _source: None)

    @property
    def url(self) -> str:
        """The address in use, as it was given."""
        return self._url

    @property
    def where(self) -> str:
        """Address of the source in use."""
        return self._current.where

    @property
    def size_bytes(self) -> int | None:
        """Size of the file; ``None`` = not known."""
        return self._current.size_bytes

    @property
    def has_ranges(self) -> bool:
        """Whether the source in use has Range."""
        return self._current.has_ranges

    @property
    def position(self) -> int:
        """The byte that the next read begins at."""
        return self._current.position

    def read_into(self, view: memoryview) -> int:
        """Fill ``view``, if need be from the next source; see :class:`agent.images.sources.stream.ByteStream`."""
        start = self._current.position
        while True:
            filled = self._current.position - start
            try:
                return filled + self._current.read_into(view[filled:])
            except ImageDownloadError as error:
                self._go_on(error)

    def read_at(self, start_byte: int, size_bytes: int) -> bytes:
        """Return a stretch of the file, if need be from the next source."""
        while True:
            try:
                return self._current.read_at(start_byte, size_bytes)
            except ImageDownloadError as error:
                self._go_on(error)

    def seek(self, start_byte: int) -> None:
        """Go on at another byte."""
        self._current.seek(start_byte)

    def disconnect(self) -> None:
        """Let go of the connection."""
        self._current.disconnect()

    def _go_on(self, error: ImageDownloadError) -> None:
        """Replace the source in use after ``error``.

        Raises:
            ImageDownloadError: No other one can go on at this byte.
        """
        given_up, position = self._current, self._current.position
        given_up.disconnect()
        self._failures.append(str(error))
        self._current = self._next(lambda source: _require_same_size(given_up, source))
        self._current.seek(position)
        self._notify(
            f"{given_up.where} was given up at byte {position}; {self._current.where} goes on there"
        )

    def _next(self, check: Callable[[ImageSource], None]) -> ImageSource:
        while self._rest:
            self._url = self._rest.pop(0)
            try:
                source = self._connect(self._url)
                check(source)
            except ImageDownloadError as error:
                self._failures.append(str(error))
            else:
                return source
        raise ImageDownloadError("; ".join(self._failures))


def _require_same_size(before: ImageSource, source: ImageSource) -> None:
    """Refuse to go on with a file that cannot be the same.

    Raises:
        ImageDownloadError: Its size is not known or another, or it has no Range.
    """
    if (
        source.has_ranges
        and source.size_bytes is not None
        and source.size_bytes == before.size_bytes
    ):
        return
    source.disconnect()
    raise ImageDownloadError(
        f"{source.where}: cannot go on in the middle: {source.size_bytes} bytes"
        f" {'with' if source.has_ranges else 'without'} Range, the one before has {before.size_bytes}"
    )
