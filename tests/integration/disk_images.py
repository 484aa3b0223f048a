"""Small whole-disk images for tests, made by the usual tools, and a program that writes one."""

import bz2
import gzip
import hashlib
import lzma
import random
import subprocess
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile

MIB = 1 << 20
WRITE_PROGRAM = """
import re, sys
from pathlib import Path
from agent.hardware.devices import BlockDevice
from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner

url, digest, path, size = sys.argv[1:]
disk = BlockDevice(
    path=Path(path), size_bytes=int(size), logical_sector_bytes=512, physical_sector_bytes=512, is_rotational=False
)
image = ImageInfo(id="big", urls=[url], checksum=digest)
StreamingImageWriter(HostRunner()).write_image(image, None, disk, lambda _report: None)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
"""Writes an image in a process of its own (URL, sha256, disk, its size) and prints the most memory it took, in KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawImage:
    """A raw image in a file."""

    file: Path
    content: bytes


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def run(*argv: str, stdin: bytes | None = None) -> bytes:
    return subprocess.run(argv, check=True, capture_output=True, input=stdin).stdout


def gpt_image(folder: Path, *, size_bytes: int = 48 * MIB + 512 * 7) -> RawImage:
    """Make a GPT image with two partitions: data, text, holes and a ragged end; always the same in one run."""
    file, content = folder / "image.raw", _gpt_content(size_bytes)
    file.write_bytes(content)
    return RawImage(file=file, content=content)


@cache
def _gpt_content(size_bytes: int) -> bytes:
    arguments = ("-n", "1:2048:+8M", "-t", "1:EF00", "-n", "2:0:+36M", "-c", "2:root")
    with NamedTemporaryFile() as file:
        file.write(_content(size_bytes))
        file.flush()
        run("sgdisk", "--clear", *arguments, file.name)
        return Path(file.name).read_bytes()


def mbr_image(folder: Path, *, partitions: int = 1, size_bytes: int = 24 * MIB) -> RawImage:
    """Make an MBR image with primary partitions of 4 MiB."""
    file = folder / "mbr.raw"
    file.write_bytes(_content(size_bytes))
    table = "label: dos\nlabel-id: 0x12345678\n" + "size=4MiB, type=83\n" * partitions
    run("sfdisk", "--quiet", str(file), stdin=table.encode())
    return RawImage(file=file, content=file.read_bytes())


def _content(size_bytes: int) -> bytes:
    """Return a repeatable mixture of noise, text and zeros."""
    source = random.Random(7)  # content of a test disk
    content = bytearray(size_bytes)
    position = MIB
    while position < size_bytes:
        length = source.choice((4096, 65536, 300_000, 1_500_000))
        kind = source.random()
        if kind < 0.4:
            piece = source.randbytes(length)
        elif kind < 0.7:
            piece = (b"all work and no play " * (length // 21 + 1))[:length]
        else:
            piece = bytes(length)
        piece = piece[: size_bytes - position]
        content[position : position + len(piece)] = piece
        position += length
    return bytes(content)


def qcow2(raw: RawImage, *options: str) -> bytes:
    """Convert with ``qemu-img convert`` and its options."""
    file = raw.file.with_suffix(".qcow2")
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", *options, str(raw.file), str(file))
    content = file.read_bytes()
    file.unlink()
    return content


@lru_cache(maxsize=8)
def packed(content: bytes, kind: str) -> bytes:
    """Compress, each content once in a run, as gzip, xz, bzip2 or zstd, the first three as several streams, or with ``xz -T0`` as many blocks."""
    half = len(content) // 2
    if kind == "gzip":
        return gzip.compress(content[:half], 1) + gzip.compress(content[half:], 1)
    if kind == "xz":
        return (
            lzma.compress(content[:half], preset=0)
            + bytes(8)
            + lzma.compress(content[half:], preset=0)
        )
    if kind == "bzip2":
        return bz2.compress(content[:half], 1) + bz2.compress(content[half:], 1)
    if kind == "xz -T0":
        return run("xz", "-0", "-T0", "--block-size=4MiB", "-c", stdin=content)
    return run("zstd", "-q", "-c", stdin=content)
