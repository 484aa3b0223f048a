"""Blocks of an xz file are unpacked in parallel, whatever lies between them, and damage anywhere is noticed."""

import lzma
import random
import threading
import zlib
from itertools import pairwise

import pytest

from agent.errors import ImageError
from agent.images.flow.buffers import BUFFER_BYTES, Buffer, BufferPool
from agent.images.unpacking import xz_format
from agent.images.unpacking.xz_blocks import XzUnpacker

MIB = 1 << 20
CONTENT = b"".join(bytes([number]) * (MIB // 2) for number in range(1, 6)) + b"the end"


def stream(blocks: list[bytes], *, sizes: bool = True) -> bytes:
    """Return an xz stream with these blocks as ``xz -T0`` makes it: lzma makes one block a stream, joined here."""
    header, body, records = lzma.compress(b"")[:12], b"", b""
    for content in blocks:
        packed = lzma.compress(content, preset=0)
        header, header_bytes = packed[:12], xz_format.block_header_bytes(packed[12])
        index_bytes = (int.from_bytes(packed[-8:-4], "little") + 1) * 4
        data = packed[12 + header_bytes : -12 - index_bytes]
        unpadded = xz_format._read_varint(packed, len(packed) - 12 - index_bytes + 2)[0]
        data_bytes = unpadded - header_bytes - xz_format.check_bytes(header)
        block = packed[12 : 12 + header_bytes]
        if sizes:
            block = sized_header(block, data_bytes, len(content))
        record_unpadded = len(block) + data_bytes + xz_format.check_bytes(header)
        body += block + data
        records += xz_format._varint(record_unpadded) + xz_format._varint(len(content))
    index = xz_format.index(records, len(blocks))
    return header + body + index + xz_format.footer(header, len(index))


def sized_header(plain: bytes, packed_bytes: int, content_bytes: int) -> bytes:
    """Add both sizes to a block header of lzma, which has none."""
    sizes = xz_format._varint(packed_bytes) + xz_format._varint(content_bytes)
    fields = bytes([0xC0]) + sizes + plain[2:5]
    fields += bytes(-(len(fields) + 1) % 4)
    body = bytes([(len(fields) + 1) // 4]) + fields
    return body + zlib.crc32(body).to_bytes(4, "little")


def unpack(packed: bytes, piece_bytes: int = BUFFER_BYTES) -> bytes:
    content: dict[int, bytes] = {}
    lock = threading.Lock()

    def write(buffer: Buffer) -> None:
        with lock:
            content[buffer.start_byte] = bytes(buffer.view[: buffer.used_bytes])

    def emit(buffer: Buffer) -> None:
        write(buffer)
        buffer.release()

    unpacker = XzUnpacker(BufferPool(4), emit, lambda: write)
    pool = BufferPool(2)
    try:
        for start in range(0, len(packed), piece_bytes):
            buffer = pool.take(start)
            buffer.used_bytes = len(packed[start : start + piece_bytes])
            buffer.view[: buffer.used_bytes] = packed[start : start + piece_bytes]
            unpacker.feed(buffer)
            buffer.release()
        size = unpacker.finish()
    finally:
        unpacker.stop()
    ends = [(start, start + len(data)) for start, data in sorted(content.items()) if data]
    assert all(left[1] == right[0] for left, right in pairwise(ends))
    whole = b"".join(data for _, data in sorted(content.items()))
    assert size == len(whole)
    return whole


def halves(content: bytes = CONTENT) -> list[bytes]:
    return [content[:MIB], content[MIB : 2 * MIB], content[2 * MIB :]]


def test_the_streams_made_here_are_ones_that_lzma_accepts() -> None:
    assert lzma.decompress(stream(halves())) == CONTENT


@pytest.mark.parametrize("piece_bytes", [1, 7, 500, BUFFER_BYTES])
def test_blocks_come_out_in_their_places(piece_bytes: int) -> None:
    assert unpack(stream(halves()), piece_bytes) == CONTENT


@pytest.mark.parametrize("padding", [0, 4, 512])
@pytest.mark.parametrize("sizes", [True, False])
def test_another_stream_may_follow_on_an_odd_byte(padding: int, sizes: bool) -> None:
    packed = stream(halves()) + bytes(padding) + stream(halves(), sizes=sizes) + bytes(padding)
    assert unpack(packed) == CONTENT * 2


def test_a_stream_with_an_odd_first_block_goes_through_one_decoder() -> None:
    assert unpack(stream([b"odd", *halves()])) == b"odd" + CONTENT


def test_streams_without_blocks_are_nothing() -> None:
    empty = lzma.compress(b"")
    assert unpack(empty * 3000) == b""
    assert unpack(stream([]) + stream(halves())) == CONTENT


def test_a_block_of_another_kind_in_the_middle_is_refused_by_name() -> None:
    packed = stream([CONTENT[:MIB], b"odd", CONTENT[:MIB]])
    with pytest.raises(ImageError, match=r"block of another kind begins near byte.*xz -T0"):
        unpack(packed)


def test_a_cut_at_any_place_is_noticed() -> None:
    packed = stream(halves())
    source = random.Random(1)
    for size in [12, 13, len(packed) - 1, *(source.randrange(1, len(packed)) for _ in range(20))]:
        with pytest.raises(ImageError, match=r"cut off|damaged"):
            unpack(packed[:size])


def test_a_changed_byte_at_any_place_is_noticed() -> None:
    packed = stream(halves())
    source = random.Random(2)
    for _ in range(30):
        wrong = bytearray(packed)
        wrong[source.randrange(len(packed))] ^= 1 << source.randrange(8)
        with pytest.raises(ImageError):
            unpack(bytes(wrong))


@pytest.mark.parametrize("change", [-1, 1])
def test_sizes_that_are_not_those_of_the_block_are_noticed(change: int) -> None:
    packed = bytearray(stream([CONTENT[:MIB] * 3, CONTENT[:MIB]]))
    header_bytes = xz_format.block_header_bytes(packed[12])
    header = bytes(packed[12 : 12 + header_bytes])
    block = xz_format.parse_block(header, 8)
    assert block is not None
    data_bytes = block.unpadded_bytes - header_bytes - 8
    plain = lzma.compress(b"x", preset=0)[12:24]
    lie = sized_header(plain, data_bytes, (3 + change) * MIB)
    assert len(lie) == header_bytes
    packed[12 : 12 + header_bytes] = lie
    with pytest.raises(ImageError, match=r"damaged near byte \d+"):
        unpack(bytes(packed))
