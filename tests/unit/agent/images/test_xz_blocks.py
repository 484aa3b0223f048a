"""Blocks of an xz file are unpacked in parallel, whatever lies between them, and damage anywhere is noticed."""

import lzma
import random
import threading
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ImageError
from agent.images.flow.buffers import BUFFER_BYTES, Buffer, BufferPool
from agent.images.unpacking import xz_format
from agent.images.unpacking.xz_blocks import XzUnpacker
from tests.fuzz.xz_files import sized_header, stream

MIB = 1 << 20
PATTERN = bytes(range(1, 252)) * 4200
CONTENT = b"".join(bytes([number]) * (MIB // 2) for number in range(1, 6)) + b"the end"


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


@given(
    st.lists(
        st.lists(
            st.sampled_from([0, 1, 511, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 512]), max_size=5
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([0, 4, 512]),
    st.lists(st.booleans(), min_size=3, max_size=3),
    st.sampled_from([4099, 100_000, BUFFER_BYTES]),
)
@settings(max_examples=40, deadline=None)
def test_blocks_of_any_sizes_come_out_as_lzma_unpacks_them(
    streams: list[list[int]], padding: int, sizes: list[bool], piece_bytes: int
) -> None:
    packed, whole, at = b"", b"", 0
    for number, blocks in enumerate(streams):
        contents = []
        for size in blocks:
            contents.append((PATTERN * 3)[at % 7 :][:size])
            at += size
        one = stream(contents, sizes=sizes[number])
        packed += one + bytes(padding)
        whole += lzma.decompress(one)
    assert unpack(packed, piece_bytes) == whole


@pytest.mark.parametrize("filters", ["delta", "dictionary"])
def test_a_block_with_other_filters_in_the_middle_is_unpacked_in_order(filters: str) -> None:
    chains = {
        "delta": [{"id": lzma.FILTER_DELTA, "dist": 4}, {"id": lzma.FILTER_LZMA2, "preset": 0}],
        "dictionary": [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 16 << 20}],
    }
    packed = stream(halves() + halves(), filters={1: chains[filters], 4: chains[filters]})
    assert lzma.decompress(packed) == CONTENT * 2
    assert unpack(packed) == CONTENT * 2


def test_damage_behind_an_odd_block_is_noticed() -> None:
    packed = stream([CONTENT[:MIB], b"odd", CONTENT[:MIB], CONTENT])
    assert unpack(packed) == CONTENT[:MIB] + b"odd" + CONTENT[:MIB] + CONTENT
    source = random.Random(4)
    for _ in range(30):
        wrong = bytearray(packed)
        wrong[source.randrange(len(packed))] ^= 1 << source.randrange(8)
        with pytest.raises(ImageError):
            unpack(bytes(wrong))
    for size in (source.randrange(1, len(packed)) for _ in range(20)):
        with pytest.raises(ImageError, match=r"cut off|damaged"):
            unpack(packed[:size])


def test_a_block_without_sizes_behind_one_with_sizes_is_refused_by_name() -> None:
    packed = stream([CONTENT[:MIB], CONTENT[:MIB]], unsized=frozenset({1}))
    assert lzma.decompress(packed) == CONTENT[:MIB] * 2
    with pytest.raises(ImageError, match=r"a block without sizes follows.*xz -T0"):
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
