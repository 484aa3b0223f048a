"""Decompression of a stream into buffers, with bounded memory whatever the stream claims."""

import bz2
import lzma
from collections.abc import Callable
from typing import Protocol

from agent.errors import ImageError
from agent.images.formats.recognition import ImageFormat
from agent.images.unpacking import xz_format
from agent.images.unpacking.inflate import GZIP_ERRORS, OneStream, gzip_member
from agent.images.unpacking.zstd import ZstdDecoder, free_memory_bytes, window_log_for

XZ_MEMORY_BYTES = 256 << 20
"""At least; the largest dictionary of ``xz -9`` takes a quarter of it."""
_OUT_OF_LIMIT = "Memory usage limit exceeded"
"""What :mod:`lzma` says of ``LZMA_MEMLIMIT_ERROR``."""
_LONGEST_XZ_HEADERS = 12 + 1024
HELPING_BYTES = 1 << 16
"""The decompressors copy what they did not consume; small helpings keep that cheap."""


class Decoder(Protocol):
    """A decompressor for concatenated streams of one format."""

    def step(self, source: memoryview, target: memoryview) -> tuple[int, int]:
        """Consume some of ``source``, fill some of ``target``; return both counts. (0, 0) = wants more."""

    def is_complete(self) -> bool:
        """Tell whether the input ended where a stream ends."""


class StreamsDecoder:
    """Streams behind each other, with zeros between them or without."""

    def __init__(
        self,
        name: str,
        magic: bytes,
        make: Callable[[], OneStream],
        errors: tuple[type[Exception], ...],
    ) -> None:
        """Begin.

        Args:
            name: Of the format, for messages.
            magic: How a stream begins.
            make: Makes a decompressor for one stream.
            errors: What it raises for damaged data.
        """
        self._name = name
        self._magic = magic
        self._make = make
        self._errors = errors
        self._stream = make()
        self._rest = b""  # what the last stream had swallowed of the next one

    def step(self, source: memoryview, target: memoryview) -> tuple[int, int]:
        """See :class:`Decoder`."""
        while True:
            if self._stream.eof:
                if not self._rest:
                    padding = _zeros(source)
                    if padding or not len(source):
                        return padding, 0
                self._check_magic(self._rest or source)
                self._stream = self._make()
            feed: bytes | memoryview = self._rest
            consumed, self._rest = 0, b""
            if not feed and self._stream.needs_input:
                feed = source[:HELPING_BYTES]
                consumed = len(feed)
            elif not feed:
                feed = b""
            piece = self._decompress(feed, len(target))
            target[: len(piece)] = piece
            if self._stream.eof:
                self._rest = self._stream.unused_data.lstrip(b"\0")
            can_go_on = self._stream.eof or (self._stream.needs_input and len(source) > 0)
            if consumed or piece or not can_go_on:
                return consumed, len(piece)

    def _check_magic(self, start: bytes | memoryview) -> None:
        if not self._magic.startswith(bytes(start[: len(self._magic)])):
            raise ImageError(f"{self._name}: something else follows the compressed data")

    def _decompress(self, feed: bytes | memoryview, room_bytes: int) -> bytes:
        try:
            return self._stream.decompress(feed, room_bytes)
        except self._errors as error:
            if str(error) == _OUT_OF_LIMIT:
                raise _too_large(bytes(feed[:_LONGEST_XZ_HEADERS])) from error
            raise ImageError(f"{self._name}: the compressed data is damaged: {error}") from error

    def is_complete(self) -> bool:
        """See :class:`Decoder`."""
        return self._stream.eof and not self._rest


class ZstdStreamDecoder:
    """Zstandard, RFC 8878, several frames allowed."""

    def __init__(self) -> None:
        self._decoder = ZstdDecoder(window_log_for(free_memory_bytes()))

    def step(self, source: memoryview, target: memoryview) -> tuple[int, int]:
        """See :class:`Decoder`."""
        return self._decoder.step(source, target)

    def is_complete(self) -> bool:
        """See :class:`Decoder`."""
        return self._decoder.at_frame_end


def xz_stream() -> lzma.LZMADecompressor:
    """Return a decompressor for one xz stream with bounded memory."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_xz_memory_bytes())


def _xz_memory_bytes() -> int:
    """Return what a decompressor may take: half of the free memory, as for zstd."""
    return max(XZ_MEMORY_BYTES, free_memory_bytes() // 2)


def _too_large(start: bytes) -> ImageError:
    """Return what to say of a stream, by its first bytes if they are those."""
    dictionary_bytes = xz_format.first_dictionary_bytes(start)
    size = "" if dictionary_bytes is None else f" of {dictionary_bytes >> 20} MiB"
    return ImageError(
        f"xz: compressed with a dictionary{size}, which takes as much memory to unpack; this machine has room for"
        f" {_xz_memory_bytes() >> 20} MiB: compress the image anew with xz -9 or less, or a smaller --lzma2=dict="
    )


def decoder_for(found: ImageFormat) -> Decoder:
    """Return a decoder for a compressed format."""
    makers: dict[ImageFormat, Callable[[], Decoder]] = {
        ImageFormat.GZIP: lambda: StreamsDecoder("gzip", b"\x1f\x8b", gzip_member, GZIP_ERRORS),
        ImageFormat.XZ: lambda: StreamsDecoder("xz", xz_format.MAGIC, xz_stream, (lzma.LZMAError,)),
        ImageFormat.BZIP2: lambda: StreamsDecoder("bzip2", b"BZh", bz2.BZ2Decompressor, (OSError,)),
        ImageFormat.ZSTD: ZstdStreamDecoder,
    }
    return makers[found]()


def _zeros(source: memoryview) -> int:
    """Return how many zero bytes ``source`` begins with; looks at the first few only."""
    if not len(source) or source[0]:
        return 0
    data = bytes(source[:HELPING_BYTES])
    return len(data) - len(data.lstrip(b"\0"))
