"""An image of 100 GiB with a few MiB of data, and a disk for it that takes no room: memory must not grow with the image."""

import hashlib
import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.images.content import Published, publish
from tests.bench.images.disk import go_direct
from tests.bench.options import GIB, MIB, SPARSE_CASES
from tests.lab.program import run

_SIZE_BYTES = 100 * GIB
_PIECES = 25
_PIECE_BYTES = 4 * MIB
_NOISE_PLACES = 200
_TIMEOUT_S = 600


def make_sparse(folder: Path, cases: tuple[str, ...]) -> dict[str, Published]:
    """Make what is missing and return every case's file."""
    published = {}
    raw = folder / "sparse.raw"
    for case in cases:
        file, note = folder / case, folder / f"{case}.json"
        if not note.exists():
            if not raw.exists():
                _write_raw(raw)
            if case == SPARSE_CASES[0]:
                convert = ("qemu-img", "convert", "-f", "raw", "-O", "qcow2")
                run(*convert, str(raw), str(file), timeout_s=_TIMEOUT_S)
            else:
                _pack(raw, file)
            note.write_text(json.dumps(asdict(publish(file, data_digest(raw)))))
        published[case] = Published(**json.loads(note.read_text()))
    return published


def _write_raw(file: Path) -> None:
    source = random.Random(13)
    with file.open("wb") as out:
        out.truncate(_SIZE_BYTES)
        for number in range(_PIECES):
            out.seek(2 * MIB + number * (_SIZE_BYTES // _PIECES) // MIB * MIB)
            out.write(source.randbytes(_PIECE_BYTES))
    run("sgdisk", "--clear", "-n", "1:2048:0", "-c", "1:root", str(file), timeout_s=_TIMEOUT_S)


def _pack(raw: Path, file: Path) -> None:
    """Compress frame by frame: the same frame stands for every GiB of zeros, which would take minutes otherwise."""
    scratch = file.with_suffix(".part")
    with file.open("wb") as out, raw.open("rb") as content:
        zeros: dict[int, bytes] = {}
        for start, size, is_data in _stretches(raw):
            if is_data:
                content.seek(start)
                scratch.write_bytes(content.read(size))
                out.write(_zstd(scratch))
                continue
            for piece in (GIB,) * (size // GIB) + ((size % GIB,) if size % GIB else ()):
                if piece not in zeros:
                    with scratch.open("wb") as hole:
                        hole.truncate(piece)
                    zeros[piece] = _zstd(scratch)
                out.write(zeros[piece])
    scratch.unlink()


def _zstd(file: Path) -> bytes:
    packed = file.with_suffix(".zst.part")
    run("zstd", "-q", "-f", str(file), "-o", str(packed), timeout_s=_TIMEOUT_S)
    data = packed.read_bytes()
    packed.unlink()
    return data


def _stretches(file: Path) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, size, whether it may hold data) for the whole file, in order; lseek(2), SEEK_DATA."""
    with file.open("rb") as stream:
        position, end = 0, file.stat().st_size
        while position < end:
            try:
                data = os.lseek(stream.fileno(), position, os.SEEK_DATA)
            except OSError:  # ENXIO: nothing but a hole is left
                data = end
            if data > position:
                yield position, data - position, False
            if data == end:
                return
            position = os.lseek(stream.fileno(), data, os.SEEK_HOLE)
            yield data, position - data, True


def data_digest(file: Path) -> str:
    """Return a digest of every MiB that is not zero, and of its place; holes are not read."""
    digest, zeros, seen_to = hashlib.sha256(), bytes(MIB), 0
    with file.open("rb") as stream:
        for start, size, is_data in _stretches(file):
            if not is_data:
                continue
            first = max(start // MIB * MIB, seen_to)
            for at in range(first, start + size, MIB):
                stream.seek(at)
                piece = stream.read(MIB)
                if piece != zeros[: len(piece)]:
                    digest.update(at.to_bytes(8, "big") + piece)
                seen_to = at + MIB
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseDisk:
    """A loop device over a file of holes; implements :class:`tests.bench.images.disk.Disk`."""

    path: Path
    file: Path
    is_direct: bool
    size_bytes: int = _SIZE_BYTES

    def reset(self, state: str) -> None:
        """Make holes of everything, and put noise into some places unless ``state`` is ``zeros``."""
        run("blockdev", "--flushbufs", str(self.path), timeout_s=_TIMEOUT_S)
        hole = ("fallocate", "--punch-hole", "--length", str(self.size_bytes))
        run(*hole, str(self.file), timeout_s=_TIMEOUT_S)
        if state != "zeros":
            with self.file.open("r+b") as out:
                for number in range(_NOISE_PLACES):
                    out.seek(number * (self.size_bytes // _NOISE_PLACES) // MIB * MIB)
                    out.write(os.urandom(MIB))
        run("sync", str(self.file), timeout_s=_TIMEOUT_S)

    def sha256(self) -> str:
        """Return the digest of what the disk holds."""
        return data_digest(self.file)


@contextmanager
def sparse_disk(folder: Path) -> Iterator[SparseDisk]:
    """Make a disk and take it away again."""
    file = folder / f"sparse-{os.getpid()}.img"
    with file.open("wb") as out:
        out.truncate(_SIZE_BYTES)
    path = run("losetup", "--find", "--show", str(file)).strip()
    try:
        yield SparseDisk(path=Path(path), file=file, is_direct=go_direct(path))
    finally:
        run("losetup", "--detach", path)
        file.unlink()
