"""Decompression gives back what was compressed, however the stream is cut into buffers, and notices damage."""

import bz2
import gzip
import lzma
import random
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ImageError
from agent.images.flow.buffers import Buffer, BufferPool
from agent.images.formats.recognition import ImageFormat
from agent.images.unpacking import inflate
from agent.images.unpacking.decompress import decoder_for
from agent.images.unpacking.unpacker import Unpacker
from agent.images.unpacking.zstd import ZstdDecoder, window_bytes, window_log_for


def zstd_frame(data: bytes) -> bytes:
    """Return a frame of raw blocks, the way a compressor writes noise; RFC 8878, 3.1.1."""
    blocks = [data[at : at + (1 << 16)] for at in range(0, len(data), 1 << 16)] or [b""]
    packed = b"\x28\xb5\x2f\xfd\x00\x58"
    for number, block in enumerate(blocks):
        head = len(block) << 3 | (number == len(blocks) - 1)
        packed += head.to_bytes(3, "little") + block
    return packed


PACKERS: dict[ImageFormat, Callable[[bytes], bytes]] = {
    ImageFormat.GZIP: lambda data: gzip.compress(data, 1),
    ImageFormat.XZ: lambda data: lzma.compress(data, preset=0),
    ImageFormat.BZIP2: bz2.compress,
}

ALL_PACKERS = PACKERS | {ImageFormat.ZSTD: zstd_frame}


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


@settings(max_examples=50)
@pytest.mark.parametrize("found", list(ALL_PACKERS))
@given(
    parts=st.lists(st.binary(max_size=3000), min_size=1, max_size=4),
    piece_bytes=st.integers(1, 5000),
    padding=st.sampled_from([0, 4, 512]),
)
def test_streams_behind_each_other_become_one(
    found: ImageFormat, parts: list[bytes], piece_bytes: int, padding: int
) -> None:
    pack = ALL_PACKERS[found]
    padding = 0 if found is ImageFormat.ZSTD else padding  # its format knows no padding
    packed = b"".join(pack(part) + bytes(padding) for part in parts)
    assert unpack(found, packed, piece_bytes) == b"".join(parts)


@pytest.mark.parametrize("found", list(PACKERS))
def test_a_small_file_that_unpacks_to_a_lot_goes_through_a_few_buffers(found: ImageFormat) -> None:
    content = bytes(37 << 20) + b"end"
    assert unpack(found, PACKERS[found](content), 1 << 20) == content


@pytest.mark.parametrize("has_isal", [False, True])
def test_a_buffer_that_is_full_when_the_input_is_used_up_is_not_the_end(
    has_isal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inflate, "HAS_ISAL", has_isal)
    content = random.Random(4).randbytes(3000)
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(content[:1000]) + packer.flush(zlib.Z_SYNC_FLUSH)
    first_bytes = len(packed)
    packed += packer.compress(content[1000:]) + packer.flush()
    decoder, target = decoder_for(ImageFormat.GZIP), memoryview(bytearray(4000))
    source = memoryview(bytearray(packed))
    assert decoder.step(source[:first_bytes], target[:1000]) == (first_bytes, 1000)
    assert decoder.step(source[first_bytes:], target[1000:]) == (len(packed) - first_bytes, 2000)
    assert target[:3000] == content
    assert decoder.is_complete()


@pytest.mark.parametrize("found", list(ALL_PACKERS))
def test_a_cut_stream_is_noticed(found: ImageFormat) -> None:
    packed = ALL_PACKERS[found](b"content " * 1000)
    for size in (len(packed) - 1, len(packed) // 2, 12):
        with pytest.raises(ImageError, match="cut off"):
            unpack(found, packed[:size], 100)


@pytest.mark.parametrize("found", list(PACKERS))
def test_damage_is_noticed(found: ImageFormat) -> None:
    packed = bytearray(PACKERS[found](bytes(range(256)) * 100))
    packed[len(packed) // 2] ^= 0x55
    with pytest.raises(ImageError, match=r"damaged|cannot be read"):
        unpack(found, bytes(packed), 1000)


@pytest.mark.parametrize("found", list(ALL_PACKERS))
@pytest.mark.parametrize("garbage", [b"garbage", b"\1", bytes(8) + b"x"])
def test_garbage_behind_a_stream_is_noticed(found: ImageFormat, garbage: bytes) -> None:
    with pytest.raises(ImageError, match=r"something else follows|damaged|cut off"):
        unpack(found, ALL_PACKERS[found](b"x") + garbage, 1000)


def test_the_decoders_never_write_more_than_there_is_room_for() -> None:
    target = memoryview(bytearray(10))
    for found, pack in ALL_PACKERS.items():
        assert decoder_for(found).step(memoryview(bytearray(pack(bytes(1000)))), target)[1] <= 10


@pytest.mark.parametrize(
    ("header", "size_bytes"),
    [
        ("28b52ffd04580000", 2 << 20),
        ("28b52ffd04880000", 128 << 20),
        ("28b52ffd04a00000", 1 << 30),
        ("28b52ffd04a80000", 2 << 30),
        ("28b52ffd20ff00", 255),
        ("28b52ffd600001", 512),
        ("28b52ffd04", None),
        ("502a4d1804000000", None),
    ],
)
def test_a_zstd_frame_tells_its_window(header: str, size_bytes: int | None) -> None:
    assert window_bytes(bytes.fromhex(header)) == size_bytes


def test_the_window_grows_with_the_free_memory_and_is_never_below_the_usual_one() -> None:
    assert [window_log_for(free) for free in (0, 512 << 20, 1 << 30, 4 << 30, 1 << 40)] == [
        27, 28, 29, 31, 31,
    ]  # fmt: skip


def test_a_window_that_is_too_large_is_named_and_not_called_damage() -> None:
    source = memoryview(bytearray.fromhex("28b52ffd04a80000" + "00" * 8))
    with pytest.raises(
        ImageError, match=r"window of 2048 MiB.*room for 128 MiB: compress"
    ) as caught:
        ZstdDecoder(27).step(source, memoryview(bytearray(16)))
    assert "damaged" not in str(caught.value)
