"""Writes a raw image that comes in order; zeros are ordered from the drive instead of written."""

from agent.images.buffers import Buffer
from agent.images.target import ImageTarget

_BLOCK_BYTES = 1 << 16
_ZERO_BLOCK = bytes(_BLOCK_BYTES)


class RawSink:
    """Takes buffers whose ``start_byte`` is their place on the disk, one after the other, up to ``end_byte``."""

    def __init__(self, target: ImageTarget) -> None:
        self._target = target
        self._zero_from = 0
        self._zero_to = 0
        self.end_byte = 0

    def work(self, buffer: Buffer) -> None:
        """Write what is not zero and remember what is."""
        self.end_byte = buffer.end_byte
        run_from = 0
        view = buffer.view
        for block in range(0, buffer.used_bytes, _BLOCK_BYTES):
            end = min(block + _BLOCK_BYTES, buffer.used_bytes)
            if view[block] == 0 and bytes(view[block:end]) == _ZERO_BLOCK[: end - block]:
                self._write(buffer, run_from, block)
                self._add_zeros(buffer.start_byte + block, buffer.start_byte + end)
                run_from = end
        self._write(buffer, run_from, buffer.used_bytes)

    def finish(self) -> None:
        """Write the zeros that came last."""
        self._target.zero(self._zero_from, self._zero_to)
        self._zero_from = self._zero_to

    def _write(self, buffer: Buffer, start: int, end: int) -> None:
        if end > start:
            self._target.write(buffer.view[start:end], buffer.start_byte + start)

    def _add_zeros(self, start_byte: int, end_byte: int) -> None:
        if start_byte != self._zero_to:
            self.finish()
            self._zero_from = start_byte
        self._zero_to = end_byte
