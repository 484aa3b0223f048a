"""The last resort for a qcow2 image on a server without Range: the whole file in memory, if there is room."""

import os
from pathlib import Path
from typing import Protocol

from agent.errors import ImageDownloadError
from agent.images.buffers import BUFFER_BYTES
from agent.images.http import masked
from agent.images.meter import Meter


class ByteStream(Protocol):
    """A stream that fills buffers; less than asked for = the end."""

    def read_into(self, view: memoryview) -> int:
        """Fill ``view`` as far as the stream goes and return the number of bytes."""


def available_memory_bytes(proc: Path = Path("/proc")) -> int:
    """Return how much memory programs can still take; proc_meminfo(5), ``MemAvailable``."""
    for line in (proc / "meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


class SpooledFile:
    """A file in memory with the first piece of the stream already read; the rest is fetched at once."""

    def __init__(
        self, url: str, size_bytes: int | None, first: memoryview, rest: ByteStream, meter: Meter
    ) -> None:
        """Fetch everything.

        Raises:
            ImageDownloadError: The size is not known, or half of the free memory is less than it.
        """
        where = f"{masked(url)}: the server answers no Range requests, which a qcow2 image needs"
        if size_bytes is None:
            raise ImageDownloadError(
                f"{where}, nor tells its size; enable Range or publish raw or raw.zst"
            )
        room = available_memory_bytes() // 2
        if size_bytes > room:
            raise ImageDownloadError(
                f"{where}; keeping its {size_bytes} bytes in memory is not possible ({room} are free"
                " for this); enable Range on the server or publish raw or raw.zst"
            )
        meter.begin(
            "connect", size_bytes, "the server has no Range: fetching the image into memory"
        )
        self._fd = os.memfd_create("image")
        self._position = len(first)
        self.size_bytes = os.write(self._fd, first)
        piece = memoryview(bytearray(BUFFER_BYTES))
        while count := rest.read_into(piece):
            self.size_bytes += os.write(self._fd, piece[:count])
            meter.advance(count)

    def close(self) -> None:
        """Give the memory back."""
        os.close(self._fd)

    def read_into(self, view: memoryview) -> int:
        """Go on behind the first piece; see :class:`ByteStream`."""
        count = os.preadv(self._fd, [view], self._position)
        self._position += count
        return count

    def read_at(self, start_byte: int, size_bytes: int) -> bytes:
        """Return a stretch of the file."""
        return os.pread(self._fd, size_bytes, start_byte)
