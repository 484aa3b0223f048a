"""Thousands of damaged files end as they should: written within the disk, or refused by an error of ours."""

import bz2
import gzip
import lzma
import random
import struct

import pytest

from agent.errors import ImageError
from agent.images.formats.recognition import ImageFormat
from tests.fuzz import targets
from tests.fuzz.seeds import mutations, seeds

CONTENT = random.Random(3).randbytes(20_000) + bytes(1_050_000) + b"all work and no play " * 2000
COUNTS = {"qcow2": 250, "packed": 250, "detection": 200, "checksums": 300, "xz": 150}


@pytest.mark.parametrize("name", list(targets.TARGETS))
def test_the_seeds_are_good(name: str) -> None:
    assert sum(targets.run(name, data) for data in seeds(name)) >= 1


@pytest.mark.parametrize("name", list(targets.TARGETS))
def test_damaged_files_are_written_within_the_disk_or_refused(name: str) -> None:
    ended = [targets.run(name, data) for data in mutations(name, COUNTS[name], seed=15)]
    assert len(ended) == COUNTS[name]
    assert not all(ended)


def packed(found: ImageFormat, content: bytes = CONTENT) -> bytes:
    """Compress, with a check of the content in every format that has one, as several streams."""
    half = len(content) // 2
    parts = (content[:half], b"", content[half:])
    if found is ImageFormat.GZIP:
        return b"".join(gzip.compress(part, mtime=0) for part in parts)
    if found is ImageFormat.XZ:
        return b"".join(lzma.compress(part, preset=0) for part in parts)
    if found is ImageFormat.BZIP2:
        return b"".join(bz2.compress(part) for part in parts)
    frames = b""
    for part in parts:
        frames += b"\x28\xb5\x2f\xfd\x00\x58"
        for at in range(0, len(part), 1 << 16):
            block = part[at : at + (1 << 16)]
            frames += struct.pack("<I", len(block) << 3)[:3] + block
        frames += b"\1\0\0"
    return frames


@pytest.mark.parametrize("found", targets.PACKED)
def test_several_streams_an_empty_one_among_them_are_one_image(found: ImageFormat) -> None:
    for piece_bytes in (1 << 20, 4096, 333):
        assert targets.unpack(packed(found), found, piece_bytes) == CONTENT


@pytest.mark.parametrize("found", targets.PACKED)
def test_an_archive_cut_anywhere_is_refused_unless_a_stream_ends_there(found: ImageFormat) -> None:
    whole, source = packed(found), random.Random(5)
    refused = 0
    for size in (source.randrange(1, len(whole)) for _ in range(30)):
        try:
            assert CONTENT.startswith(targets.unpack(whole[:size], found))
        except ImageError:
            refused += 1
    assert refused >= 25


@pytest.mark.parametrize("found", [kind for kind in targets.PACKED if kind is not ImageFormat.ZSTD])
def test_an_archive_with_a_wrong_byte_never_becomes_another_image(found: ImageFormat) -> None:
    whole, source = packed(found), random.Random(6)
    for _ in range(30):
        wrong = bytearray(whole)
        wrong[source.randrange(len(wrong))] ^= 1 << source.randrange(8)
        try:
            assert targets.unpack(bytes(wrong), found) == CONTENT
        except ImageError:
            continue


@pytest.mark.parametrize("found", targets.PACKED)
@pytest.mark.parametrize("behind", [b"x", b"\1" * 100, CONTENT, b"QFI\xfb", b"\x1f"])
def test_bytes_behind_the_end_are_refused(found: ImageFormat, behind: bytes) -> None:
    with pytest.raises(ImageError, match=r"something else|damaged|cut off|follow"):
        targets.unpack(packed(found) + behind, found)


@pytest.mark.parametrize("found", targets.PACKED)
def test_more_content_than_the_disk_holds_is_refused(found: ImageFormat) -> None:
    part = packed(found, bytes(targets.MIB))
    with pytest.raises(ImageError, match="larger than /dev/checked"):
        targets.unpack(part * 9, found)
