"""A whole disk opened exclusively for direct I/O.

Direct I/O keeps an image out of the page cache (constant memory) and makes write errors appear at the write that caused
them. Nothing here decides what to write. Linux block device ioctls: ``include/uapi/linux/fs.h``.
"""

import ctypes
import errno
import fcntl
import logging
import mmap
import os
import stat
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.disks.busy import disk_layers, openers_of, uses_of
from agent.errors import DiskError, DiskInUse, NotFound

log = logging.getLogger(__name__)
MIB = 1 << 20
_BLKGETSIZE64 = 0x80081272
_BLKSSZGET = 0x1268
_BLKZEROOUT = 0x127F
_BLKRRPART = 0x125F
_FALLOC_PUNCH_HOLE_KEEP_SIZE = 0x03
_LOOP_MAJOR = 7
_ZERO_STEP_BYTES = 256 * MIB
"""Zeros are ordered in steps of this many bytes, so that a slow drive can be watched.

A whole step becomes a hole in a loop device's file; less does not, as later writes into a hole are slow.
"""
PLAIN_ZERO_BYTES = 128 << 10
"""Fewer zeros than this are written: that is cheaper than the command that orders them."""
_REREAD_TRIES = 50
_REREAD_PAUSE_S = 0.1

View = memoryview | mmap.mmap | bytes | bytearray


def require_whole_disk(path: Path, sys: Path = Path("/sys")) -> int:
    """Return the device number of ``path``.

    Raises:
        NotFound: There is no such path, or it is no block device, or a partition.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}; is the disk still there?") from error
    if not stat.S_ISBLK(status.st_mode):
        raise NotFound(f"{path}: not a block device; name a whole disk such as /dev/sda")
    number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    if (sys / "dev/block" / number / "partition").exists():
        raise NotFound(f"{path}: a partition; name the whole disk that holds it")
    return status.st_rdev


class OpenDisk:
    """An open disk; use as a context manager. Offsets and sizes are multiples of ``sector_bytes`` except in ``read``."""

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        """Open ``path``; exclusively if ``writable``.

        Raises:
            NotFound: It is no whole disk.
            DiskInUse: It is mounted, swapped to or part of another device; the message says of which.
            DiskError: It cannot be opened, such as for being write-protected.
        """
        self.path = path
        device = self._device = require_whole_disk(path)
        self._can_punch = True
        self._is_loop = os.major(device) == _LOOP_MAJOR
        if writable and (uses := uses_of(device)):
            raise DiskInUse(f"{path}: in use: {'; '.join(uses)}; release it first")
        self._writable = writable
        self._fd = self._open()
        self._bounce = mmap.mmap(-1, MIB)  # for one thread at a time: read and write_bytes
        self._zeros = mmap.mmap(-1, MIB)
        self.size_bytes: int = struct.unpack("Q", fcntl.ioctl(self._fd, _BLKGETSIZE64, bytes(8)))[0]
        self.sector_bytes: int = struct.unpack("i", fcntl.ioctl(self._fd, _BLKSSZGET, bytes(4)))[0]

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_EXCL if self._writable else os.O_RDONLY
        try:
            return os.open(self.path, flags | os.O_DIRECT | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise _refused(error, self.path, "open") from error
            message = f"{self.path}: the kernel says that it is in use; see lsblk and /proc/mounts"
            raise DiskInUse(message) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether it is held; not after ``left_to_programs`` if somebody else kept it."""
        return self._fd >= 0

    def close(self) -> None:
        """Let go of the disk; udev looks at it again then.

        The buffers go with their last user: the traceback of a failed write still holds a view of one.
        """
        if self._fd >= 0:
            os.close(self._fd)

    @contextmanager
    def left_to_programs(self) -> Iterator[None]:
        """Flush and let go of the disk, so that a program may open it exclusively; nothing may be read or written meanwhile.

        Raises:
            DiskInUse: Somebody kept it in the end.
        """
        self.flush()
        os.close(self._fd)
        self._fd = -1
        try:
            yield
        finally:
            self._fd = self._open_again()

    def _open_again(self) -> int:
        """Open the disk when those have left who look at every disk that was closed, such as RAID tools started by udev."""
        for _ in range(_REREAD_TRIES):
            with suppress(DiskInUse):
                return self._open()
            time.sleep(_REREAD_PAUSE_S)
        return self._open()

    def write(self, data: View, start_byte: int) -> None:
        """Write page-aligned memory of whole sectors; any thread may call this.

        Raises:
            DiskError: The disk refused; the message names the disk and the place.
        """
        view, done = memoryview(data), 0
        while done < len(view):
            try:
                done += os.pwrite(self._fd, view[done:], start_byte + done)
            except OSError as error:
                raise _refused(error, self.path, "write", start_byte + done) from error

    def write_bytes(self, data: bytes | bytearray, start_byte: int) -> None:
        """Write any memory; the last sector is filled up with zeros."""
        padding = -len(data) % self.sector_bytes
        for position in range(0, len(data), MIB):
            piece = bytes(data[position : position + MIB])
            if len(piece) < MIB:
                piece += bytes(padding)
            self._bounce[: len(piece)] = piece
            self.write(memoryview(self._bounce)[: len(piece)], start_byte + position)

    def read_into(self, room: memoryview, start_byte: int) -> None:
        """Fill page-aligned memory of whole sectors with what the disk itself holds; any thread may call this.

        Raises:
            DiskError: The disk cannot be read there, or ends before.
        """
        done = 0
        while done < len(room):
            try:
                got = os.preadv(self._fd, [room[done:]], start_byte + done)
            except OSError as error:
                raise _refused(error, self.path, "read", start_byte + done) from error
            if got == 0:
                raise DiskError(f"{self.path}: ends before byte {start_byte + len(room)}")
            done += got

    def read(self, start_byte: int, size_bytes: int) -> bytes:
        """Return what the disk itself holds (not the page cache); any offset and size.

        Raises:
            DiskError: The disk cannot be read there, or ends before.
        """
        parts = []
        position, end_byte = start_byte, start_byte + size_bytes
        while position < end_byte:
            base = position - position % self.sector_bytes
            wanted = min(MIB, -(-(end_byte - base) // self.sector_bytes) * self.sector_bytes)
            try:
                got = os.preadv(self._fd, [memoryview(self._bounce)[:wanted]], base)
            except OSError as error:
                raise _refused(error, self.path, "read", base) from error
            if got <= position - base:
                raise DiskError(f"{self.path}: ends before byte {end_byte}")
            parts.append(self._bounce[position - base : min(got, end_byte - base)])
            position = base + got
        return b"".join(parts)

    def zero(
        self, start_byte: int, end_byte: int, watch: Callable[[int], None] = lambda _done: None
    ) -> None:
        """Make a range read as zeros, by the drive's own command where it has one.

        Args:
            start_byte: First byte, on a sector.
            end_byte: One past the last byte, on a sector.
            watch: Called with the number of bytes of each finished piece.
        """
        if end_byte - start_byte < PLAIN_ZERO_BYTES:
            self.write(memoryview(self._zeros)[: end_byte - start_byte], start_byte)
            watch(end_byte - start_byte)
            return
        for position in range(start_byte, end_byte, _ZERO_STEP_BYTES):
            size = min(_ZERO_STEP_BYTES, end_byte - position)
            may_punch = self._can_punch and (not self._is_loop or size == _ZERO_STEP_BYTES)
            if not (may_punch and self._punch(position, size)):
                try:
                    fcntl.ioctl(self._fd, _BLKZEROOUT, struct.pack("QQ", position, size))
                except OSError as error:
                    raise _refused(error, self.path, "write zeros", position) from error
            watch(size)

    def _punch(self, start_byte: int, size_bytes: int) -> bool:
        """Deallocate with guaranteed zeros; on a block device the kernel does this in hardware or fails."""
        libc = ctypes.CDLL(None, use_errno=True)
        done: int = libc.fallocate(
            self._fd,
            _FALLOC_PUNCH_HOLE_KEEP_SIZE,
            ctypes.c_int64(start_byte),
            ctypes.c_int64(size_bytes),
        )
        if done == 0:
            return True
        code = ctypes.get_errno()
        if code not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV):
            raise _refused(OSError(code, os.strerror(code)), self.path, "write zeros", start_byte)
        self._can_punch = False
        return False

    @contextmanager
    def probed(self, start_byte: int, size_bytes: int) -> Iterator[tuple[Path, int]]:
        """Give the disk itself: programs look at the stretch where it is."""
        del size_bytes
        yield self.path, start_byte

    def flush(self) -> None:
        """Wait until the disk says that everything is on stable storage."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise _refused(error, self.path, "flush") from error

    def require_sole_use(self) -> None:
        """Make sure, while nothing is lost, that the kernel will accept a new partition table: nobody holds a partition now.

        Raises:
            DiskInUse: A program holds a partition open, or the whole disk for writing; the message names it.
        """
        for _ in range(_REREAD_TRIES):
            if not (openers := openers_of(disk_layers(self._device))):
                break
            time.sleep(_REREAD_PAUSE_S)  # udev may be probing a partition right now
        else:
            raise DiskInUse(f"{self.path}: {'; '.join(openers)}; end it first")
        self.reread_partitions()

    def reread_partitions(self) -> bool:
        """Have the kernel look at the partition table again.

        Returns:
            False if this device has no partition nodes at all (a loop device without partition scanning).

        Raises:
            DiskInUse: Something keeps a partition of the old table open.
        """
        for _ in range(_REREAD_TRIES):
            try:
                fcntl.ioctl(self._fd, _BLKRRPART)
            except OSError as error:
                if error.errno == errno.EINVAL:
                    return False
                if error.errno != errno.EBUSY:
                    raise _refused(error, self.path, "re-read the partition table") from error
                time.sleep(_REREAD_PAUSE_S)  # udev may be probing a partition right now
            else:
                return True
        users = (*uses_of(self._device), *openers_of(disk_layers(self._device)))
        message = f"{self.path}: the kernel kept its old partition table: a partition is in use"
        raise DiskInUse(f"{message} ({'; '.join(users) or 'by whom is not known'}); see lsblk")


def _refused(error: OSError, path: Path, action: str, start_byte: int | None = None) -> DiskError:
    place = "" if start_byte is None else f" at byte {start_byte}"
    return DiskError(
        f"{path}: {action}{place}: {error.strerror}; see dmesg, the disk may be faulty or write-protected"
    )
