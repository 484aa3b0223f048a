"""The disk as the pipeline sees it: the first MiB is kept back in memory until everything else is right."""

import threading
from collections.abc import Callable
from contextlib import suppress
from mmap import mmap

from agent.disks.disk import Disk
from agent.disks.open_disk import MIB
from agent.errors import DiskError, ImageError
from agent.images.proof.witness import Verification, Witness, make_witness

HEAD_BYTES = MIB
"""Kept back: it holds the boot code, the partition table and the primary GPT."""
_TAIL_SECTORS = 34
"""A backup GPT of 128 entries with 512-byte sectors, and a little more with larger ones."""


class ImageTarget:
    """A disk that receives an image; any thread may write, to places of its own.

    The head and the tail of the disk, where partition tables live, stay in memory (``head``, ``tail``) until the caller
    writes them: firmware repairs a GPT from its backup, so a tail alone can make a disk bootable.
    """

    left_as = "was left without a partition table"
    """What a message says of a disk whose image was not finished."""

    def __init__(self, disk: Disk, witness: Witness | None = None) -> None:
        self.disk = disk
        self.witness = witness or make_witness(Verification.NONE)
        """Hears of everything that goes to the disk between head and tail."""
        self.tail_from = disk.size_bytes - _TAIL_SECTORS * disk.sector_bytes
        if self.tail_from <= HEAD_BYTES:
            raise ImageError(f"{disk.path}: a disk of {disk.size_bytes} bytes holds no system")
        self.head = bytearray(HEAD_BYTES)
        self.tail = bytearray(disk.size_bytes - self.tail_from)
        self._last_sector = mmap(-1, 4096)
        self._lock = threading.Lock()
        self.written_bytes = 0
        self.zeroed_bytes = 0
        self.image_end = 0

    def make_unbootable(self) -> None:
        """Wipe the boot code and both partition tables and flush: from here on a failure leaves nothing to boot."""
        self.disk.zero(0, HEAD_BYTES)
        self.disk.zero(self.tail_from, self.disk.size_bytes)
        self.disk.flush()

    def make_bootable(self) -> None:
        """Write the head, its first sector last: a power cut before it leaves a disk that no firmware starts.

        A disk writes one sector wholly or not at all, and a GPT without the protective MBR in the first sector is none (UEFI
        specification 2.10, 5.2.3).

        Raises:
            DiskError: The disk refused; what it took of the head was wiped again, as far as it let that happen.
            ImageError: The head reads back differently; it was wiped again.
        """
        sector_bytes = self.disk.sector_bytes
        try:
            self.disk.write_bytes(self.head[sector_bytes:], sector_bytes)
            self.disk.flush()
            self.disk.write_bytes(self.head[:sector_bytes], 0)
            self.disk.flush()
            is_same = self.disk.read(0, HEAD_BYTES) == self.head
        except DiskError:
            with suppress(DiskError):
                self.make_unbootable()
            raise
        if not is_same:
            self.make_unbootable()
            raise ImageError(
                f"{self.disk.path}: the first MiB reads back differently; the disk is faulty"
            )

    def write(self, view: memoryview, start_byte: int) -> None:
        """Write page-aligned memory to its place; only the last piece of an image may be no multiple of the sector.

        Raises:
            ImageError: The place lies beyond the disk's end.
        """
        end_byte = start_byte + len(view)
        if end_byte > self.disk.size_bytes:
            raise ImageError(
                f"the image is larger than {self.disk.path} ({self.disk.size_bytes} bytes);"
                " choose a larger disk or a smaller image"
            )
        for kept, kept_from in ((self.head, 0), (self.tail, self.tail_from)):
            low, high = max(start_byte, kept_from), min(end_byte, kept_from + len(kept))
            if low < high:
                kept[low - kept_from : high - kept_from] = view[
                    low - start_byte : high - start_byte
                ]
        low, high = max(start_byte, HEAD_BYTES), min(end_byte, self.tail_from)
        if low < high:
            self._write_between(view[low - start_byte : high - start_byte], low)
        with self._lock:
            self.written_bytes += len(view)
            self.image_end = max(self.image_end, end_byte)

    def _write_between(self, view: memoryview, start_byte: int) -> None:
        self.witness.saw_write(view, start_byte)
        whole = len(view) - len(view) % self.disk.sector_bytes
        self.disk.write(view[:whole], start_byte)
        if whole < len(view):
            with self._lock:
                self._last_sector[:] = bytes(len(self._last_sector))
                self._last_sector[: len(view) - whole] = bytes(view[whole:])
                padded = memoryview(self._last_sector)[: self.disk.sector_bytes]
                self.disk.write(padded, start_byte + whole)

    def zero(
        self, start_byte: int, end_byte: int, watch: Callable[[int], None] = lambda _done: None
    ) -> None:
        """Make a stretch of the image read as zeros, rounded up to the sector at its end.

        Raises:
            ImageError: The stretch lies beyond the disk's end.
        """
        if end_byte > self.disk.size_bytes:
            raise ImageError(f"the image is larger than {self.disk.path}; choose a larger disk")
        low, high = max(start_byte, HEAD_BYTES), min(end_byte, self.tail_from)
        if low < high:  # the head and the tail began as zeros
            self._zero_between(low, high, watch)
        with self._lock:
            self.zeroed_bytes += end_byte - start_byte
            self.image_end = max(self.image_end, end_byte)

    def _zero_between(self, start_byte: int, end_byte: int, watch: Callable[[int], None]) -> None:
        end_byte += -end_byte % self.disk.sector_bytes
        self.disk.zero(start_byte, end_byte, watch)
        self.witness.saw_zeros(start_byte, end_byte)

    @property
    def done_bytes(self) -> int:
        """Bytes of the image that have their place by now, those of head and tail included."""
        return self.written_bytes + self.zeroed_bytes
