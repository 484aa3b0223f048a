"""Reads the log of a disk's writes and flushes that QEMU's ``blklogwrites`` keeps.

The format is that of Linux' dm-log-writes (kernel documentation, "dm-log-writes"; ``drivers/md/dm-log-writes.c``): a block with
the head, then for each operation a block with its place and flags, followed by what was written. Pure.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag

from tests.lab.errors import LabError

_MAGIC = 0x6A736677736872
_VERSION = 1
_HEAD = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")


class _Flag(IntFlag):
    FLUSH = 1
    FUA = 2
    DISCARD = 4


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that were written to a place of the disk."""

    start_byte: int
    data: memoryview

    @property
    def end_byte(self) -> int:
        """One past the last byte."""
        return self.start_byte + len(self.data)


@dataclass(frozen=True, slots=True)
class Epoch:
    """Writes between two flushes, in the order in which the disk got them: a power cut may lose any part of them."""

    writes: tuple[Write, ...]


def read_epochs(log: memoryview) -> tuple[Epoch, ...]:
    """Return the writes of a log; the last epoch holds what no flush followed and may be empty.

    Raises:
        LabError: It is no such log, or holds an operation whose effect is not defined (a discard).
    """
    epochs: list[Epoch] = []
    writes: list[Write] = []
    for write, is_flush in _entries(log):
        if is_flush:
            epochs.append(Epoch(tuple(writes)))
            writes = []
        if len(write.data):
            writes.append(write)
    return (*epochs, Epoch(tuple(writes)))


def _entries(log: memoryview) -> Iterator[tuple[Write, bool]]:
    """Yield each write with whether a flush came before it."""
    magic, version, count, block_bytes = _HEAD.unpack_from(log)
    if (magic, version) != (_MAGIC, _VERSION):
        raise LabError(f"no log of writes: magic {magic:#x}, version {version}")
    position = block_bytes
    for _ in range(count):
        sector, sectors, flags, _size = _ENTRY.unpack_from(log, position)
        if flags & (_Flag.DISCARD | _Flag.FUA):
            raise LabError(f"log of writes: flags {flags} at byte {position} are not supported")
        start, size = sector * block_bytes, sectors * block_bytes
        position += block_bytes
        yield Write(start, log[position : position + size]), bool(flags & _Flag.FLUSH)
        position += size
