"""Writes a raw image that comes in order; zeros are ordered from the drive instead of written."""

from agent.disks.open_disk import PLAIN_ZERO_BYTES
from agent.images.flow.buffers import Buffer
from agent.images.flow.disk_writers import DiskWriters
from agent.images.flow.target import ImageTarget
from agent.images.formats.recognition import END_BYTES

_BLOCK_BYTES = 1 << 16


def runs(buffer: Buffer) -> list[tuple[int, int, bool]]:
    """Split a buffer into (start, end, whether all of it is zero), in order and without gaps.

    Zeros that are cheaper to write with what is around them count as data, unless they may go on in the next buffer.
    """
    used = buffer.used_bytes
    if used and buffer.is_zero(0, used):
        return [(0, used, True)]
    found: list[tuple[int, int, bool]] = []
    for start in range(0, used, _BLOCK_BYTES):
        end = min(start + _BLOCK_BYTES, used)
        is_zero = buffer.is_zero(start, end)
        if found and found[-1][2] == is_zero:
            found[-1] = (found[-1][0], end, is_zero)
            continue
        if len(found) > 1 and found[-1][2] and start - found[-1][0] < PLAIN_ZERO_BYTES:
            del found[-1]
            found[-1] = (found[-1][0], end, False)
        else:
            found.append((start, end, is_zero))
    return found


class RawSink:
    """Takes buffers whose ``start_byte`` is their place on the disk, one after the other, up to ``end_byte``.

    ``end`` is the last sector of the last buffer that has one.
    """

    def __init__(self, target: ImageTarget, writers: DiskWriters | None = None) -> None:
        """``writers`` take the data; without them it is written before :meth:`work` returns."""
        self._target = target
        self._writers = writers
        self._zero_from = 0
        self._zero_to = 0
        self.end_byte = 0
        self.end = b""

    def work(self, buffer: Buffer) -> None:
        """Write what is not zero and remember what is."""
        self.end_byte = buffer.end_byte
        if buffer.used_bytes >= END_BYTES:
            self.end = bytes(buffer.view[buffer.used_bytes - END_BYTES : buffer.used_bytes])
        for start, end, is_zero in runs(buffer):
            if is_zero:
                self._add_zeros(buffer.start_byte + start, buffer.start_byte + end)
            else:
                self._write(buffer, start, end)

    def finish(self) -> None:
        """Write the zeros that came last."""
        self._target.zero(self._zero_from, self._zero_to)
        self._zero_from = self._zero_to

    def _write(self, buffer: Buffer, start: int, end: int) -> None:
        if self._writers is not None:
            self._writers.write(buffer, start, end, buffer.start_byte + start)
        else:
            self._target.write(buffer.view[start:end], buffer.start_byte + start)

    def _add_zeros(self, start_byte: int, end_byte: int) -> None:
        if start_byte != self._zero_to:
            self.finish()
            self._zero_from = start_byte
        self._zero_to = end_byte
