"""Compares a disk with an image that is streamed, without writing: what ``--verify-only`` does.

A deployment changes a disk in three places on purpose: the partition table is fitted to the disk (its backup lies at the
disk's end), a config drive may have a partition of its own, and the content of that partition. Those are understood.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from mmap import mmap

from agent.disks.open_disk import MIB, OpenDisk
from agent.disks.partition_table import Partition, PartitionTable
from agent.errors import ImageError
from agent.images.config_drives import config_drive
from agent.images.flow.target import ImageTarget
from agent.system.runner import Runner

_ROOM_BYTES = 2 * MIB + 8192
_ROOMS = 3
_STEP_BYTES = MIB
_TABLE_OF_MBR = (446, 510)
"""Four entries of 16 bytes; before them boot code and the disk's signature, behind them the mark."""
_MBR_ENTRY_BYTES = 16
_GPT_DISK_ID_AT = 56
"""Of the disk's GUID in the GPT header; UEFI specification 2.10, table 5.5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first byte that differs; ``what`` says where it lies."""

    byte: int
    what: str


class ComparedDisk(ImageTarget):
    """Takes an image as :class:`ImageTarget` does and compares where that one writes; any thread may call."""

    def __init__(self, disk: OpenDisk, ignored: Sequence[Partition]) -> None:
        super().__init__(disk)
        self.first: int | None = None
        self._ignored = tuple((p.start_byte, p.start_byte + p.size_bytes) for p in ignored)
        self._rooms: queue.SimpleQueue[mmap] = queue.SimpleQueue()
        for _ in range(_ROOMS):
            self._rooms.put(mmap(-1, _ROOM_BYTES))
        self._first_lock = threading.Lock()

    def _write_between(self, view: memoryview, start_byte: int) -> None:
        self._compare(bytes(view), start_byte)

    def _zero_between(self, start_byte: int, end_byte: int, watch: Callable[[int], None]) -> None:
        for step in range(start_byte, end_byte, _STEP_BYTES):
            size = min(_STEP_BYTES, end_byte - step)
            self._compare(bytes(size), step)
            watch(size)

    def _compare(self, wanted: bytes, start_byte: int) -> None:
        sector = self.disk.sector_bytes
        base = start_byte - start_byte % sector
        end_byte = start_byte + len(wanted)
        room = self._rooms.get()
        try:
            view = memoryview(room)[: end_byte + -end_byte % sector - base]
            self.disk.read_into(view, base)
            found = bytes(view[start_byte - base : end_byte - base])
        finally:
            self._rooms.put(room)
        if found != wanted:
            self._note(found, wanted, start_byte)

    def _note(self, found: bytes, wanted: bytes, start_byte: int) -> None:
        for low, high in self._outside_ignored(start_byte, start_byte + len(wanted)):
            cut = slice(low - start_byte, high - start_byte)
            place = first_difference(found[cut], wanted[cut])
            if place is not None:
                with self._first_lock:
                    if self.first is None or low + place < self.first:
                        self.first = low + place
                return

    def _outside_ignored(self, start_byte: int, end_byte: int) -> list[tuple[int, int]]:
        left = [(start_byte, end_byte)]
        for low, high in self._ignored:
            left = [
                piece
                for start, end in left
                for piece in ((start, min(end, low)), (max(start, high), end))
                if piece[0] < piece[1]
            ]
        return left


def first_difference(found: bytes, wanted: bytes) -> int | None:
    """Return the index of the first byte that differs; ``None`` = none does. Both have the same size."""
    if found == wanted:
        return None
    low, high = 0, len(wanted)
    while high - low > 1:
        middle = (low + high) // 2
        if found[low:middle] == wanted[low:middle]:
            low = middle
        else:
            high = middle
    return low


def config_partitions(disk: OpenDisk, runner: Runner) -> tuple[Partition, ...]:
    """Return the disk's own partitions that hold a config drive; none if it has no table that can be read."""
    try:
        parts = PartitionTable(bytearray(disk.read(0, MIB)), disk.sector_bytes).partitions()
    except ImageError:
        return ()
    labels = config_drive.read_labels(disk, parts, runner)
    pairs = zip(parts, labels, strict=True)
    return tuple(p for p, label in pairs if config_drive.LABEL in (p.name.lower(), label.lower()))


def compare_tables(target: ComparedDisk, extra: Sequence[Partition]) -> Difference | None:
    """Compare what :class:`ImageTarget` keeps back: the first MiB and the end of the disk.

    Args:
        target: After the whole image went through it.
        extra: Partitions that a deployment may have added.

    Raises:
        ImageError: The image itself has no usable partition table.
    """
    disk = target.disk
    wanted = PartitionTable(target.head, disk.sector_bytes)
    wanted.fit(disk.size_bytes)
    found = bytearray(disk.read(0, MIB))
    try:
        table = PartitionTable(found, disk.sector_bytes)
    except ImageError as error:
        first = first_difference(bytes(found), bytes(wanted.head)) or 0
        return Difference(byte=first, what=f"the partition table of the disk: {error}")
    missing = _table_difference(wanted, table, extra)
    if missing is not None:
        return missing
    for low, high in _outside_table(wanted):
        place = first_difference(bytes(found[low:high]), bytes(wanted.head[low:high]))
        if place is not None:
            return Difference(
                byte=low + place, what="boot code or space before the first partition"
            )
    return _compare_tail(target, table)


def _table_difference(
    wanted: PartitionTable, table: PartitionTable, extra: Sequence[Partition]
) -> Difference | None:
    """Compare the partitions; those in ``extra`` may be there in addition."""
    added = {part.number for part in extra}
    if wanted.gpt is None or table.gpt is None:
        if wanted.gpt is not None or table.gpt is not None:
            return Difference(byte=table.sector_bytes, what="one has a GPT, the other an MBR")
        return _entry_difference(wanted.head, table.head, added)
    if wanted.gpt.disk_id != table.gpt.disk_id:
        return Difference(byte=table.sector_bytes + _GPT_DISK_ID_AT, what="the GUID of the disk")
    ours, theirs = set(wanted.partitions()), set(table.partitions())
    for part in sorted(ours - theirs, key=lambda part: part.number):
        return Difference(byte=part.start_byte, what=f"partition {part.number} is not in the table")
    for part in sorted(theirs - ours, key=lambda part: part.number):
        if part.number not in added:
            what = f"partition {part.number} is not of the image"
            return Difference(byte=part.start_byte, what=what)
    return None


def _entry_difference(wanted: bytearray, found: bytearray, added: set[int]) -> Difference | None:
    low, high = _TABLE_OF_MBR
    for number, start in enumerate(range(low, high, _MBR_ENTRY_BYTES), 1):
        entry = slice(start, start + _MBR_ENTRY_BYTES)
        place = first_difference(bytes(found[entry]), bytes(wanted[entry]))
        is_new = number in added and not any(wanted[entry])
        if place is not None and not is_new:
            return Difference(byte=start + place, what=f"partition {number} in the table")
    return None


def _outside_table(table: PartitionTable) -> list[tuple[int, int]]:
    """Return the ranges of the first MiB that the table does not take."""
    low, high = _TABLE_OF_MBR
    if table.gpt is None:
        return [(0, low), (high, MIB)]
    header_end = 2 * table.sector_bytes
    entries = table.gpt.entries_lba * table.sector_bytes
    entries_end = entries + table.gpt.entries_sectors * table.sector_bytes
    return [(0, low), (header_end, entries), (entries_end, MIB)]


def _compare_tail(target: ComparedDisk, table: PartitionTable) -> Difference | None:
    """Compare the end of the disk: the backup of a GPT must be that of the disk's own table."""
    disk, end_byte = target.disk, target.disk.size_bytes
    if (backup := table.backup()) is not None:
        end_byte = backup[0]
        place = first_difference(disk.read(backup[0], len(backup[1])), backup[1])
        if place is not None:
            return Difference(byte=backup[0] + place, what="the backup of the partition table")
    end_byte = min(end_byte, target.image_end)
    size = end_byte - target.tail_from
    if size > 0:
        place = first_difference(disk.read(target.tail_from, size), bytes(target.tail[:size]))
        if place is not None:
            return Difference(byte=target.tail_from + place, what="the end of the disk")
    return None
