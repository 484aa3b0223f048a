"""What the pipeline reads from: one shape for web servers, local files and registries."""

from typing import Protocol


class ByteStream(Protocol):
    """A stream that fills buffers; less than asked for = the end."""

    def read_into(self, view: memoryview) -> int:
        """Fill ``view`` as far as the stream goes and return the number of bytes."""


class ImageSource(ByteStream, Protocol):
    """A published file that is read from front to back, and in pieces if ``has_ranges``."""

    @property
    def where(self) -> str:
        """Where it is, fit for messages: without secrets."""

    @property
    def size_bytes(self) -> int | None:
        """Size of the file; ``None`` = not known."""

    @property
    def has_ranges(self) -> bool:
        """Whether any byte can be reached without reading those before it."""

    @property
    def position(self) -> int:
        """The byte that the next ``read_into`` begins at."""

    def read_at(self, start_byte: int, size_bytes: int) -> bytes:
        """Return a stretch of the file, exactly; only if ``has_ranges``; ``position`` stays."""

    def seek(self, start_byte: int) -> None:
        """Go on at another byte; without ``has_ranges`` everything before it is read again."""

    def disconnect(self) -> None:
        """Let go of connections and files; the next read opens them again."""
