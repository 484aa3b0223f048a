"""Decompression gives back what was compressed, however the stream is cut into buffers, and notices damage."""

import gzip
import lzma
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ImageError
from agent.images.buffers import Buffer, BufferPool
from agent.images.decompress import GzipDecoder, Unpacker, XzDecoder, decoder_for
from agent.images.formats import ImageFormat

PACKERS: dict[ImageFormat, Callable[[bytes], bytes]] = {
    ImageFormat.GZIP: lambda data: gzip.compress(data, 1),
    ImageFormat.XZ: lambda data: lzma.compress(data, preset=0),
}


def unpack(found: ImageFormat, packed: bytes, piece_bytes: int) -> bytes:
    content = bytearray()

    def emit(buffer: Buffer) -> None:
        assert buffer.start_byte == len(content)
        content.extend(buffer.view[: buffer.used_bytes])
        buffer.release()

    unpacker = Unpacker(decoder_for(found), BufferPool(2), emit)
    pool = BufferPool(1)
    for start in range(0, len(packed), piece_bytes):
        buffer = pool.take(start)
        piece = packed[start : start + piece_bytes]
        buffer.view[: len(piece)] = piece
        buffer.used_bytes = len(piece)
        unpacker.feed(buffer)
        buffer.release()
    assert unpacker.finish() == len(content)
    return bytes(content)


@settings(deadline=None)
@pytest.mark.parametrize("found", list(PACKERS))
@given(
    parts=st.lists(st.binary(max_size=3000), min_size=1, max_size=4),
    piece_bytes=st.integers(1, 5000),
    padding=st.sampled_from([0, 4, 512]),
)
def test_streams_behind_each_other_become_one(
    found: ImageFormat, parts: list[bytes], piece_bytes: int, padding: int
) -> None:
    pack = PACKERS[found]
    packed = b"".join(pack(part) + bytes(padding) for part in parts)
    assert unpack(found, packed, piece_bytes) == b"".join(parts)


@pytest.mark.parametrize("found", list(PACKERS))
def test_a_small_file_that_unpacks_to_a_lot_goes_through_a_few_buffers(found: ImageFormat) -> None:
    content = bytes(37 << 20) + b"end"
    assert unpack(found, PACKERS[found](content), 1 << 20) == content


@pytest.mark.parametrize("found", list(PACKERS))
def test_a_cut_stream_is_noticed(found: ImageFormat) -> None:
    packed = PACKERS[found](b"content " * 1000)
    for size in (len(packed) - 1, len(packed) // 2, 12):
        with pytest.raises(ImageError, match="cut off"):
            unpack(found, packed[:size], 100)


@pytest.mark.parametrize("found", list(PACKERS))
def test_damage_is_noticed(found: ImageFormat) -> None:
    packed = bytearray(PACKERS[found](bytes(range(256)) * 100))
    packed[len(packed) // 2] ^= 0x55
    with pytest.raises(ImageError, match=r"damaged|cannot be read"):
        unpack(found, bytes(packed), 1000)


def test_garbage_behind_a_stream_is_noticed() -> None:
    with pytest.raises(ImageError, match="damaged"):
        unpack(ImageFormat.GZIP, gzip.compress(b"x") + b"garbage", 1000)


def test_the_decoders_never_write_more_than_there_is_room_for() -> None:
    target = memoryview(bytearray(10))
    assert GzipDecoder().step(memoryview(zlib.compress(bytes(1000), wbits=31)), target)[1] == 10
    assert XzDecoder().step(memoryview(lzma.compress(bytes(1000))), target)[1] == 10
