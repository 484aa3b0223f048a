"""What the xz program makes, with any layout of blocks, streams and padding, is unpacked as ``xz -dc`` unpacks it."""

import random
import subprocess

import pytest

from agent.errors import ImageError
from agent.images.formats.recognition import ImageFormat
from tests.fuzz import targets

MIB = 1 << 20


def xz(data: bytes, *options: str) -> bytes:
    """Run xz over ``data``."""
    done = subprocess.run(
        ["xz", *options], input=data, capture_output=True, check=True, timeout=120
    )
    return done.stdout


def layout(source: random.Random) -> list[str]:
    """Return options for one stream."""
    sizes = [source.choice((1, 511, 4096, 300_000, MIB - 1, MIB, MIB, MIB)) for _ in range(4)]
    blocks = source.choice(
        ([], [f"--block-size={MIB}"], [f"--block-list={','.join(map(str, sizes))}"])
    )
    check = f"--check={source.choice(('none', 'crc32', 'crc64', 'sha256'))}"
    filters = source.choice(
        ([], [], ["--delta=dist=4", "--lzma2=preset=0"], ["--x86", "--lzma2=preset=1"])
    )
    return [*blocks, check, f"-T{source.choice((1, 2))}", *(filters or [f"-{source.choice('06')}"])]


@pytest.mark.parametrize("seed", range(24))
def test_a_file_of_streams_is_unpacked_as_xz_unpacks_it(seed: int) -> None:
    source = random.Random(seed)
    packed = b""
    for _ in range(source.randrange(1, 4)):
        size = source.choice((0, 5, MIB // 2, 600_000))
        content = source.randbytes(size // 3) + bytes(size // 3) + b"text " * (size // 15)
        packed += xz(content, *layout(source)) + bytes(source.choice((0, 4, 512)))
    assert targets.unpack(packed, ImageFormat.XZ, source.choice((1000, 65536, MIB))) == xz(
        packed, "-dc"
    )


@pytest.mark.parametrize("sizes", ["1048576,3,1048576", "1048576,1048575,1,0", "1048576,512,0"])
def test_an_odd_block_in_the_middle_is_unpacked(sizes: str) -> None:
    content = random.Random(1).randbytes(7000) * 280
    packed = xz(content, "-0", "-T2", f"--block-list={sizes}")
    assert targets.unpack(packed, ImageFormat.XZ) == content


def test_a_dictionary_that_is_too_large_is_named_and_not_called_damage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.images.unpacking.decompress.free_memory_bytes", lambda: 0)
    packed = xz(b"small" * 1000, "--lzma2=preset=0,dict=512MiB")
    with pytest.raises(
        ImageError, match=r"dictionary of 512 MiB.*room for 256 MiB.*xz -9"
    ) as refused:
        targets.unpack(packed, ImageFormat.XZ)
    assert "damaged" not in str(refused.value)


def test_a_zstd_window_that_is_too_large_is_named_and_not_called_damage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = random.Random(2).randbytes(5000) * 200
    done = subprocess.run(
        ["zstd", "--ultra", "-20", "--long=31", "-c"],
        input=content,
        capture_output=True,
        check=True,
        timeout=300,
    )
    monkeypatch.setattr("agent.images.unpacking.decompress.free_memory_bytes", lambda: 0)
    with pytest.raises(ImageError, match=r"window of 2048 MiB.*room for 128 MiB") as refused:
        targets.unpack(done.stdout, ImageFormat.ZSTD)
    assert "damaged" not in str(refused.value)
    monkeypatch.setattr("agent.images.unpacking.decompress.free_memory_bytes", lambda: 5 << 30)
    assert targets.unpack(done.stdout, ImageFormat.ZSTD) == content
