"""Reads the tables of a qcow2 image from a server without Range: in passes over the stream, and keeps nothing of it.

A pass goes forwards and reads over what is not wanted; only a stretch behind the current one begins a new pass. The tables
are asked for in the order of the file, so one pass or two are enough, whatever the size.
"""

from agent.errors import ImageDownloadError
from agent.images.flow.buffers import BUFFER_BYTES
from agent.images.flow.meter import Meter
from agent.images.sources.stream import ImageSource


class ForwardReader:
    """``read_at`` over a source that can only be read from its beginning."""

    def __init__(self, source: ImageSource, meter: Meter, why: tuple[str, str]) -> None:
        """Read nothing yet; ``why`` says why there are passes, and what would save them."""
        self._source = source
        self._why, self._remedy = why
        self._meter = meter
        self._scratch = memoryview(bytearray(BUFFER_BYTES))
        self._passes = 0
        self._last = (0, b"")

    def measure(self) -> int:
        """Return the size of the file: what the server says, or the end of a pass of its own."""
        if self._source.size_bytes is not None:
            return self._source.size_bytes
        self._begin("to find its size")
        while count := self._source.read_into(self._scratch):
            self._meter.advance(count)
        return self._source.position

    def read_at(self, start_byte: int, size_bytes: int) -> bytes:
        """Return a stretch of the file, exactly.

        Raises:
            ImageDownloadError: The file ends before it, or the server failed for good.
        """
        last_start, last = self._last
        offset = start_byte - last_start
        if offset >= 0 and offset + size_bytes <= len(last):
            return last[offset : offset + size_bytes]
        if not self._passes or start_byte < self._source.position:
            self._begin("to read its tables")
        self._fill(start_byte - self._source.position, None)
        room = bytearray(size_bytes)
        self._fill(size_bytes, memoryview(room))
        self._last = (start_byte, bytes(room))
        return self._last[1]

    def _begin(self, purpose: str) -> None:
        """Start a pass over the file."""
        self._passes += 1
        self._source.seek(0)
        self._meter.begin(
            "tables",
            self._source.size_bytes,
            f"{self._why}: pass {self._passes} over the image {purpose}, nothing is kept;"
            f" {self._remedy} to save it",
        )

    def _fill(self, size_bytes: int, view: memoryview | None) -> None:
        """Read ``size_bytes`` into ``view``, or past everybody."""
        done = 0
        while done < size_bytes:
            piece = min(len(self._scratch), size_bytes - done)
            target = self._scratch[:piece] if view is None else view[done : done + piece]
            count = self._source.read_into(target)
            if count == 0:
                raise ImageDownloadError(
                    f"{self._source.where}: ended at byte {self._source.position}, the tables of the qcow2 image"
                    " go on; the file is cut off or changed, start again"
                )
            self._meter.advance(count)
            done += count
