"""The disk image that is written, in all its forms; made once per size and kept in build/bench/images."""

import array
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.options import MIB
from tests.lab.program import run

_VERSION = 2
"""Of the content's recipe; another number makes the files anew."""
_SECTOR_BYTES = 512
_TOOL_TIMEOUT_S = 3600
_EXTENTS = (16 << 10, 64 << 10, 256 << 10, MIB, 4 * MIB)
_TEXT_SHARE = 0.6

QCOW2_OPTIONS = {
    "qcow2": (),
    "qcow2-zlib": ("-c",),
    "qcow2-zstd": ("-c", "-o", "compression_type=zstd"),
}
PACKERS = {
    "raw.gz": ("gzip", "-k", "-f"),
    "raw.xz": ("xz", "-k", "-f", "-T0"),
    "raw.zst": ("zstd", "-k", "-f", "-q"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One file on the web server; ``content_sha256`` is what the disk's own digest is when it was written."""

    name: str
    size_bytes: int
    sha256: str
    content_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """A stretch of the image that is not zero."""

    start_byte: int
    size_bytes: int
    is_text: bool


def plan_extents(virtual_bytes: int, data_bytes: int, seed: int = 7) -> tuple[Extent, ...]:
    """Spread ``data_bytes`` over an image as a filesystem does: groups of extents with gaps between them.

    Returns:
        Extents in order, from 1 MiB on, not overlapping, ending at least 1 MiB before the end; their sizes add up to
        ``data_bytes`` within 4 MiB unless the image is nearly full.
    """
    source = random.Random(seed)
    gap_share = max(0.0, 1 - data_bytes / (virtual_bytes - 2 * MIB))
    extents: list[Extent] = []
    position, left = MIB, data_bytes
    while left > 0 and position < virtual_bytes - MIB:
        size = min(source.choice(_EXTENTS), left, virtual_bytes - MIB - position)
        size = -(-size // _SECTOR_BYTES) * _SECTOR_BYTES
        extents.append(
            Extent(start_byte=position, size_bytes=size, is_text=source.random() < _TEXT_SHARE)
        )
        left -= size
        # gaps as long as the data times zeros/data on average, in multiples of 64 KiB
        gap = size * gap_share / (1 - gap_share) * source.uniform(0, 2)
        position += size + int(gap) // (64 << 10) * (64 << 10)
    return tuple(extents)


def vocabulary(source: random.Random, count: int = 1 << 16) -> list[bytes]:
    """Return words for text whose compression is that of logs and scripts: few words are frequent, many are rare."""
    letters = b"etaoinshrdlcumwfgypbvkjxqz"
    words = [bytes(source.choices(letters, k=source.randint(2, 11))) + b" " for _ in range(8192)]
    return [words[min(int(source.paretovariate(0.6)), len(words)) - 1] for _ in range(count)]


def fill(extent: Extent, words: list[bytes], source: random.Random) -> bytes:
    """Return the content of an extent: text, or noise as in files that are compressed already."""
    if not extent.is_text:
        return source.randbytes(extent.size_bytes)
    picks = array.array("H", source.randbytes(extent.size_bytes // 3 * 2))
    return b"".join(map(words.__getitem__, picks))[: extent.size_bytes]


def make_images(
    folder: Path, cases: tuple[str, ...], virtual_bytes: int, data_bytes: int
) -> dict[str, Published]:
    """Make what is missing and return every case's file; ``raw`` is always there."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / "image.raw"
    published = {}
    for case in dict.fromkeys(("raw", *cases)):
        file = folder / f"image.{case}"
        note = folder / f"image.{case}.json"
        if note.exists():
            published[case] = Published(**json.loads(note.read_text()))
            continue
        if case == "raw":
            _write_raw(file, virtual_bytes, data_bytes)
        elif case in PACKERS:
            run(*PACKERS[case], str(raw), timeout_s=_TOOL_TIMEOUT_S)
        else:
            convert = ("qemu-img", "convert", "-f", "raw", "-O", "qcow2", *QCOW2_OPTIONS[case])
            run(*convert, str(raw), str(file), timeout_s=_TOOL_TIMEOUT_S)
        published[case] = publish(file, published["raw"].sha256 if case != "raw" else "")
        note.write_text(json.dumps(asdict(published[case])))
    return published


def publish(file: Path, content_sha256: str = "") -> Published:
    """Describe a file; without a digest of its content it is its own content."""
    digest = _sha256(file)
    return Published(
        name=file.name,
        size_bytes=file.stat().st_size,
        sha256=digest,
        content_sha256=content_sha256 or digest,
    )


def image_folder(root: Path, virtual_bytes: int, data_bytes: int) -> Path:
    """Return where the images of a size are kept."""
    return root / f"images-{virtual_bytes // MIB}-{data_bytes // MIB}-v{_VERSION}"


def _write_raw(file: Path, virtual_bytes: int, data_bytes: int) -> None:
    with file.open("wb") as out:
        out.truncate(virtual_bytes)
        for position, piece in _pieces(virtual_bytes, data_bytes):
            out.seek(position)
            out.write(piece)
    run("sgdisk", "--clear", "-n", "1:2048:0", "-c", "1:root", str(file), timeout_s=60)


def _pieces(virtual_bytes: int, data_bytes: int) -> Iterator[tuple[int, bytes]]:
    source = random.Random(11)
    words = vocabulary(source)
    for extent in plan_extents(virtual_bytes, data_bytes):
        yield extent.start_byte, fill(extent, words, source)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
