"""DEFLATE, by Intel's ISA-L where its Python package is installed, else by zlib: the same result, half as fast.

ISA-L (package ``isal``) has wheels for x86-64 and ARM64. Both release the interpreter lock.
"""

import zlib
from typing import Protocol

from agent.errors import ImageError

try:
    from isal import igzip_lib, isal_zlib
except ImportError:  # no wheel for this kind of machine
    HAS_ISAL = False
    GZIP_ERRORS: tuple[type[Exception], ...] = (zlib.error,)
else:
    HAS_ISAL = True
    GZIP_ERRORS = (zlib.error, isal_zlib.IsalError)  # type: ignore[assignment]  # a class, the stub says

_RAW_WINDOW = -15
_GZIP_WINDOW = 31


class OneStream(Protocol):
    """What the decompressors of :mod:`lzma`, :mod:`bz2` and isal have in common; each ends with its stream."""

    @property
    def eof(self) -> bool:
        """The end of the stream was reached."""

    @property
    def needs_input(self) -> bool:
        """Nothing more comes out without input."""

    @property
    def unused_data(self) -> bytes:
        """What was found behind the end."""

    def decompress(self, data: bytes | memoryview, max_length: int = -1, /) -> bytes:
        """Return at most ``max_length`` bytes; input that was not used up is kept."""


class ZlibGzipMember:
    """One gzip member (RFC 1952); implements :class:`OneStream`."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_WINDOW)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """The end of the member was reached."""
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        """What was found behind the end."""
        return self._inflate.unused_data

    def decompress(self, data: bytes | memoryview, max_length: int = -1, /) -> bytes:
        """See :class:`OneStream`."""
        kept = self._inflate.unconsumed_tail
        piece = self._inflate.decompress(kept + bytes(data) if kept else data, max(max_length, 0))
        self.needs_input = not self._inflate.unconsumed_tail and len(piece) != max_length
        return piece


def gzip_member() -> OneStream:
    """Return a decompressor for one gzip member; it checks the member's CRC."""
    if HAS_ISAL:
        return igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
    return ZlibGzipMember()


def inflate_raw(source: memoryview, size_bytes: int) -> bytes:
    """Return the first ``size_bytes`` of raw DEFLATE data (RFC 1951), or less if it ends before.

    Raises:
        ImageError: The data is damaged.
    """
    make = isal_zlib.decompressobj if HAS_ISAL else zlib.decompressobj
    try:
        return make(_RAW_WINDOW).decompress(source, size_bytes)
    except GZIP_ERRORS as error:
        raise ImageError(f"the compressed data is damaged: {error}") from error
