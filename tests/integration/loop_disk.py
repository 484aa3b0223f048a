"""Disks for tests: loop devices over files that the test made itself."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.hardware.devices import BlockDevice

DISK_BYTES = 64 << 20
"""Size of the disk that most tests write to."""
NOISE = bytes(range(1, 256)) * 4112


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopDisk:
    """A loop device and the file behind it; read the file only after a flush."""

    path: Path
    file: Path
    size_bytes: int
    sector_bytes: int

    def device(self) -> BlockDevice:
        return BlockDevice(
            path=self.path,
            size_bytes=self.size_bytes,
            logical_sector_bytes=self.sector_bytes,
            physical_sector_bytes=self.sector_bytes,
            is_rotational=False,
        )

    def read(self, start_byte: int, size_bytes: int) -> bytes:
        with self.file.open("rb") as file:
            file.seek(start_byte)
            return file.read(size_bytes)

    def run(self, *argv: str) -> str:
        """Run a program on the device and return what it prints."""
        done = subprocess.run([*argv, str(self.path)], check=True, capture_output=True, text=True)
        return done.stdout

    def partition_lines(self) -> list[str]:
        return [
            line
            for line in self.run("sgdisk", "--print").splitlines()
            if line[:4].strip().isdigit()
        ]


@contextmanager
def loop_disk(
    folder: Path, size_bytes: int, *, sector_bytes: int = 512, noise: bool = True
) -> Iterator[LoopDisk]:
    """Make a disk, full of noise unless told otherwise, and take it away again."""
    file = folder / f"disk-{os.urandom(4).hex()}.img"
    with file.open("wb") as out:
        if noise:
            for start in range(0, size_bytes, len(NOISE)):
                out.write(NOISE[: size_bytes - start])
        out.truncate(size_bytes)
    setup = ["losetup", "--find", "--show", "--sector-size", str(sector_bytes), str(file)]
    path = subprocess.run(setup, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield LoopDisk(path=Path(path), file=file, size_bytes=size_bytes, sector_bytes=sector_bytes)
    finally:
        subprocess.run(["losetup", "--detach", path], check=True)
        file.unlink()
