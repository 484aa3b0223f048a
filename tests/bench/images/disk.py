"""The disk that images are written to: a loop device over a file below build/bench, without the page cache between them."""

import hashlib
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bench.options import MIB
from tests.lab.program import run

_PIECE_BYTES = 4 * MIB
_TIMEOUT_S = 300


class Disk(Protocol):
    """What the runs need of a disk."""

    @property
    def path(self) -> Path:
        """The device."""

    @property
    def size_bytes(self) -> int:
        """Its capacity."""

    @property
    def is_direct(self) -> bool:
        """No page cache lies below it."""

    def reset(self, state: str) -> None:
        """Bring the disk into the state before a run: ``zeros`` or ``noise``."""

    def sha256(self) -> str:
        """Return the digest of what the disk holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchDisk:
    """A loop device and the file behind it; implements :class:`Disk`."""

    path: Path
    file: Path
    size_bytes: int
    is_direct: bool

    def reset(self, state: str) -> None:
        """Bring the disk into the state before a run: all ``zeros`` as after a discard, or full of ``noise``."""
        run("blockdev", "--flushbufs", str(self.path), timeout_s=_TIMEOUT_S)
        zero = ("fallocate", "--zero-range", "--length", str(self.size_bytes))
        run(*zero, str(self.file), timeout_s=_TIMEOUT_S)
        if state == "noise":
            self._fill(os.urandom(MIB))
        run("sync", str(self.file), timeout_s=_TIMEOUT_S)

    def _fill(self, noise: bytes) -> None:
        with mmap.mmap(-1, MIB) as room:
            room[:] = noise
            fd = os.open(self.path, os.O_WRONLY | os.O_DIRECT)
            try:
                for position in range(0, self.size_bytes, MIB):
                    os.pwrite(fd, room, position)
                os.fsync(fd)
            finally:
                os.close(fd)

    def sha256(self) -> str:
        """Return the digest of what the disk itself holds, not of the page cache."""
        digest = hashlib.sha256()
        with mmap.mmap(-1, _PIECE_BYTES) as room, memoryview(room) as view:
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECT)
            try:
                for position in range(0, self.size_bytes, _PIECE_BYTES):
                    digest.update(view[: os.preadv(fd, [view], position)])
            finally:
                os.close(fd)
        return digest.hexdigest()


@contextmanager
def bench_disk(folder: Path, size_bytes: int) -> Iterator[BenchDisk]:
    """Make a disk and take it away again."""
    file = folder / f"disk-{os.getpid()}.img"
    with file.open("wb") as out:
        os.posix_fallocate(out.fileno(), 0, size_bytes)
    path = run("losetup", "--find", "--show", str(file)).strip()
    try:
        yield BenchDisk(
            path=Path(path), file=file, size_bytes=size_bytes, is_direct=go_direct(path)
        )
    finally:
        run("losetup", "--detach", path)
        file.unlink()


def go_direct(path: str) -> bool:
    """Let the loop device go past the page cache of its file, as a real disk has none; ``False`` = not possible here."""
    setting = Path("/sys/block") / Path(path).name / "loop/dio"
    run("losetup", "--direct-io=on", path)
    return setting.read_text().strip() == "1"
