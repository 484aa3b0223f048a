"""A whole disk as the image pipeline needs it: this machine's own, or another machine's over iSCSI."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """An open disk. Offsets and sizes are multiples of ``sector_bytes`` except in ``read``; see :class:`agent.disks.open_disk.OpenDisk`."""

    @property
    def path(self) -> Path:
        """Its device node, on the machine that has it."""

    @property
    def size_bytes(self) -> int:
        """Its capacity."""

    @property
    def sector_bytes(self) -> int:
        """Size of its logical sectors."""

    def write(self, data: memoryview, start_byte: int) -> None:
        """Write page-aligned memory of whole sectors; any thread may call this."""

    def write_bytes(self, data: bytes | bytearray, start_byte: int) -> None:
        """Write any memory; the last sector is filled up with zeros."""

    def read_into(self, room: memoryview, start_byte: int) -> None:
        """Fill page-aligned memory of whole sectors with what the disk itself holds; any thread may call this."""

    def read(self, start_byte: int, size_bytes: int) -> bytes:
        """Return what the disk itself holds; any offset and size."""

    def zero(
        self, start_byte: int, end_byte: int, watch: Callable[[int], None] = lambda _done: None
    ) -> None:
        """Make a range read as zeros."""

    def flush(self) -> None:
        """Wait until the disk says that everything is on stable storage."""

    def require_sole_use(self) -> None:
        """Make sure that nobody else of its machine uses it."""

    def reread_partitions(self) -> bool:
        """Have the kernel look at the partition table again; false = no kernel shows its partitions here."""

    def probed(self, start_byte: int, size_bytes: int) -> AbstractContextManager[tuple[Path, int]]:
        """Give a file in which programs can look at the beginning of a stretch, and the byte where it begins there."""
