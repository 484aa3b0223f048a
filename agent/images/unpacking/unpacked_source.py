"""What a compressed file holds, as a source that can only be read from its beginning: for a qcow2 image inside gzip or xz.

Its tables may lie anywhere, so they are read in passes over the file (:mod:`agent.images.sources.forward_reader`); nothing
is kept. Each pass hashes the published bytes, and the last one decides.
"""

import hashlib

from agent.errors import ImageError
from agent.images.flow.buffers import BUFFER_BYTES
from agent.images.formats.recognition import ImageFormat
from agent.images.sources.stream import ImageSource
from agent.images.unpacking.decompress import decoder_for

_HELPING_BYTES = 1 << 18


class UnpackedSource:
    """An :class:`agent.images.sources.stream.ImageSource` over a packed one; for one thread."""

    size_bytes: int | None = None
    has_ranges = False

    def __init__(self, packed: ImageSource, found: ImageFormat, algorithm: str) -> None:
        """Begin; ``algorithm`` hashes the packed bytes."""
        self._packed = packed
        self._found = found
        self._algorithm = algorithm
        self._room = memoryview(bytearray(_HELPING_BYTES))
        self._waiting = self._room[:0]
        self._scratch = memoryview(bytearray(BUFFER_BYTES))
        self.position = 0
        self._decoder = decoder_for(found)
        self._hash = hashlib.new(algorithm, usedforsecurity=False)

    @property
    def where(self) -> str:
        """Address of the compressed file."""
        return self._packed.where

    @property
    def packed_bytes(self) -> int:
        """How much of the compressed file has been read in this pass."""
        return self._packed.position

    def read_into(self, view: memoryview) -> int:
        """Fill ``view`` as far as the content goes and return the number of bytes.

        Raises:
            ImageError: The compressed data is damaged or cut off.
        """
        filled = 0
        while filled < len(view):
            consumed, produced = self._step(view[filled:])
            filled += produced
            if consumed or produced:
                continue
            if len(self._waiting):
                raise ImageError(
                    f"{self._found}: something else follows the data, near byte {self._packed.position}"
                    " of the compressed file"
                )
            if not self._refill():
                break
        self.position += filled
        return filled

    def read_at(self, start_byte: int, size_bytes: int) -> bytes:
        """Never to be asked for: ``has_ranges`` is false."""
        raise ImageError(
            f"{self.where}: {size_bytes} bytes at {start_byte} of a compressed file cannot be reached"
        )

    def seek(self, start_byte: int) -> None:
        """Begin a new pass and read up to ``start_byte``."""
        self._packed.seek(0)
        self._restart()
        while (left := start_byte - self.position) > 0:
            if not self.read_into(self._scratch[: min(left, BUFFER_BYTES)]):
                raise ImageError(f"{self.where}: holds less than before; start again")

    def disconnect(self) -> None:
        """Let go of the connection."""
        self._packed.disconnect()

    def digest(self) -> str:
        """Read what is left of the compressed file and return its digest.

        Raises:
            ImageError: More content follows.
        """
        while self.read_into(self._scratch):
            continue
        return self._hash.hexdigest()

    def _step(self, target: memoryview) -> tuple[int, int]:
        try:
            consumed, produced = self._decoder.step(self._waiting, target)
        except ImageError as error:
            raise ImageError(
                f"{error}, near byte {self._packed.position} of the compressed file"
            ) from error
        self._waiting = self._waiting[consumed:]
        return consumed, produced

    def _refill(self) -> bool:
        """Read more of the compressed file; false = that was all of it, and it ends where it should."""
        count = self._packed.read_into(self._room)
        self._hash.update(self._room[:count])
        self._waiting = self._room[:count]
        if not count and not self._decoder.is_complete():
            raise ImageError(
                f"{self._found}: the compressed image is cut off at byte {self._packed.position}; publish it again"
            )
        return count > 0

    def _restart(self) -> None:
        self._decoder = decoder_for(self._found)
        self._hash = hashlib.new(self._algorithm, usedforsecurity=False)
        self._waiting = self._room[:0]
        self.position = 0
