"""Decompression of a stream into buffers, with bounded memory whatever the stream claims."""

import lzma
import zlib
from collections.abc import Callable
from typing import Protocol

from agent.errors import ImageError
from agent.images.buffers import BUFFER_BYTES, Buffer, BufferPool
from agent.images.formats import ImageFormat
from agent.images.zstd import ZstdDecoder

_XZ_MEMORY_BYTES = 256 << 20
_FEED_BYTES = 1 << 17
"""zlib copies what it did not consume; small helpings keep that cheap."""


class Decoder(Protocol):
    """A decompressor for concatenated streams of one format."""

    def step(self, source: memoryview, target: memoryview) -> tuple[int, int]:
        """Consume some of ``source``, fill some of ``target``; return both counts. (0, 0) = wants more."""

    def is_complete(self) -> bool:
        """Tell whether the input ended where a stream ends."""


class GzipDecoder:
    """gzip, RFC 1952, several members allowed."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)
        self._is_fresh = True

    def step(self, source: memoryview, target: memoryview) -> tuple[int, int]:
        """See :class:`Decoder`."""
        if self._member.eof:
            padding = _zeros(source)
            if padding or not len(source):
                return padding, 0
            self._member = zlib.decompressobj(31)
        feed = source[:_FEED_BYTES]
        try:
            piece = self._member.decompress(feed, len(target))
        except zlib.error as error:
            raise ImageError(f"gzip: the compressed data is damaged: {error}") from error
        target[: len(piece)] = piece
        rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        self._is_fresh = self._is_fresh and not len(source)
        return len(feed) - len(rest), len(piece)

    def is_complete(self) -> bool:
        """See :class:`Decoder`."""
        return self._is_fresh or self._member.eof


class XzDecoder:
    """xz, several streams and padding allowed."""

    def __init__(self) -> None:
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)
        self._rest = b""  # what the last stream had swallowed of the next one

    def step(self, source: memoryview, target: memoryview) -> tuple[int, int]:
        """See :class:`Decoder`."""
        if self._stream.eof and not self._rest:
            padding = _zeros(source)
            if padding or not len(source):
                return padding, 0
        feed: bytes | memoryview = b""
        consumed = 0
        if self._stream.eof:
            self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)
            feed, self._rest = self._rest, b""
        if self._stream.needs_input and not feed:
            feed, consumed = source, len(source)
        try:
            piece = self._stream.decompress(feed, len(target))
        except lzma.LZMAError as error:
            raise ImageError(f"xz: the compressed data cannot be read: {error}") from error
        target[: len(piece)] = piece
        if self._stream.eof:
            self._rest = self._stream.unused_data.lstrip(b"\x00")
            if not piece and not consumed:
                return self.step(source, target)
        return consumed, len(piece)

    def is_complete(self) -> bool:
        """See :class:`Decoder`."""
        return self._stream.eof and not self._rest


class ZstdStreamDecoder:
    """Zstandard, RFC 8878, several frames allowed."""

    def __init__(self) -> None:
        self._decoder = ZstdDecoder()

    def step(self, source: memoryview, target: memoryview) -> tuple[int, int]:
        """See :class:`Decoder`."""
        return self._decoder.step(source, target)

    def is_complete(self) -> bool:
        """See :class:`Decoder`."""
        return self._decoder.at_frame_end


def decoder_for(found: ImageFormat) -> Decoder:
    """Return a decoder for a compressed format."""
    makers: dict[ImageFormat, Callable[[], Decoder]] = {
        ImageFormat.GZIP: GzipDecoder,
        ImageFormat.XZ: XzDecoder,
        ImageFormat.ZSTD: ZstdStreamDecoder,
    }
    return makers[found]()


def _zeros(source: memoryview) -> int:
    """Return how many zero bytes ``source`` begins with."""
    data = bytes(source)
    return len(data) - len(data.lstrip(b"\x00"))


class Unpacker:
    """Turns buffers of a compressed stream into buffers of its content and hands them on, in order."""

    def __init__(self, decoder: Decoder, pool: BufferPool, emit: Callable[[Buffer], None]) -> None:
        self._decoder = decoder
        self._pool = pool
        self._emit = emit
        self._room: Buffer | None = None
        self._position = 0

    def feed(self, buffer: Buffer) -> None:
        """Unpack one buffer.

        Raises:
            ImageError: The data is damaged.
        """
        self._unpack(buffer.view[: buffer.used_bytes])

    def finish(self) -> int:
        """Hand on what is left and return the size of the content in bytes.

        Raises:
            ImageError: The compressed data is cut off.
        """
        self._unpack(memoryview(bytearray(1))[:0])
        if not self._decoder.is_complete():
            raise ImageError("the compressed image is cut off: its last stream has no end")
        if self._room is not None:
            self._hand_on(self._room)
        return self._position

    def _unpack(self, source: memoryview) -> None:
        while True:
            room = self._room = self._room or self._pool.take(self._position)
            consumed, produced = self._decoder.step(source, room.view[room.used_bytes :])
            source = source[consumed:]
            room.used_bytes += produced
            self._position += produced
            if room.used_bytes == BUFFER_BYTES:
                self._hand_on(room)
            if not produced and not consumed:
                if len(source):
                    raise ImageError("the compressed data is followed by something else")
                return

    def _hand_on(self, room: Buffer) -> None:
        self._room = None
        self._emit(room)
