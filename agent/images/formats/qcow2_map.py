"""A small, careful reader of qcow2 tables (QEMU ``docs/interop/qcow2.txt``, versions 2 and 3).

It turns the tables into two lists of extents and does nothing else: it opens no other file, follows no backing file, and
checks every number against the size of the file before it uses it. An image from a stranger may be malicious.
"""

import bisect
import heapq
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator

from agent.errors import ImageError
from agent.images.formats.qcow2_header import HEADER_BYTES, PARTS, Header

_MAX_EXTENTS = 1 << 22
_MAX_TABLES_BYTES = 256 << 20
_READ_BYTES = 1 << 20
_OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00
_COMPRESSED = 1 << 62
_ZERO = 1
_ALL_PARTS = (1 << PARTS) - 1
_SECTOR_BYTES = 512
"""Compressed clusters are measured in these, and begin anywhere in one."""

ReadAt = Callable[[int, int], bytes]
"""``read(start_byte, size_bytes)`` returns exactly that many bytes of the file."""


class Extents:
    """Stretches of the file and where they belong, in the order of the file; packed, because there may be millions."""

    def __init__(self) -> None:
        self.file_bytes_at = array("Q")
        self.disk_bytes_at = array("Q")
        self.sizes = array("Q")

    def __len__(self) -> int:
        return len(self.sizes)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.file_bytes_at, self.disk_bytes_at, self.sizes, strict=True)

    def add(self, file_byte: int, disk_byte: int, size_bytes: int, *, merge: bool) -> None:
        """Append a stretch; with ``merge`` it may become part of the one before."""
        if (
            merge
            and self.sizes
            and self.file_bytes_at[-1] + self.sizes[-1] == file_byte
            and self.disk_bytes_at[-1] + self.sizes[-1] == disk_byte
        ):
            self.sizes[-1] += size_bytes
            return
        if len(self.sizes) >= _MAX_EXTENTS:
            raise ImageError(
                f"qcow2: more than {_MAX_EXTENTS} fragments; rewrite the image with qemu-img convert"
            )
        self.file_bytes_at.append(file_byte)
        self.disk_bytes_at.append(disk_byte)
        self.sizes.append(size_bytes)

    def sort(self) -> None:
        """Bring the extents into the order of the file."""
        keys = self.file_bytes_at
        order = sorted(range(len(keys)), key=keys.__getitem__)
        self.file_bytes_at = array("Q", (keys[i] for i in order))
        self.disk_bytes_at = array("Q", (self.disk_bytes_at[i] for i in order))
        self.sizes = array("Q", (self.sizes[i] for i in order))


class Map:
    """Where everything is.

    ``plain`` extents do not overlap in the file; ``compressed`` ones hold one cluster each. Every byte of the virtual disk
    that they do not cover is zero: ``gaps`` yields those stretches.
    """

    def __init__(self, header: Header) -> None:
        self.header = header
        self.plain = Extents()
        self.compressed = Extents()
        self._gap_starts = array("Q")
        self._gap_ends = array("Q")

    def add(self, file_byte: int, disk_byte: int, size_bytes: int, *, is_compressed: bool) -> None:
        """Add what belongs at ``disk_byte``; each place on the disk at most once, in any order."""
        extents = self.compressed if is_compressed else self.plain
        extents.add(file_byte, disk_byte, size_bytes, merge=not is_compressed)

    def add_gap(self, start_byte: int, end_byte: int) -> None:
        """Add a stretch of the virtual disk that no extent covers; empty ones and those behind the end are cut."""
        end_byte = min(end_byte, self.header.virtual_bytes)
        if end_byte > start_byte:
            self._gap_starts.append(start_byte)
            self._gap_ends.append(end_byte)

    def close(self, tables: Iterable[tuple[int, int]]) -> None:
        """Order the extents by their place in the file; nothing may be added afterwards.

        Args:
            tables: (start byte, size in bytes) of the header and the tables.

        Raises:
            ImageError: Something overlaps.
        """
        self.plain.sort()
        self.compressed.sort()
        _require_disjoint(self.plain, self.compressed, tables)

    def gaps(self) -> Iterator[tuple[int, int]]:
        """Yield (start byte, end byte) of what no extent covers, in order, neighbours as one."""
        starts, ends = self._gap_starts, self._gap_ends
        begin = end = 0
        for index in sorted(range(len(starts)), key=starts.__getitem__):
            if starts[index] != end and end > begin:
                yield begin, end
            begin, end = (begin if starts[index] == end else starts[index]), ends[index]
        if end > begin:
            yield begin, end


def read_map(header: Header, read: ReadAt) -> Map:
    """Read the L1 and L2 tables.

    Args:
        header: What the file's header says.
        read: Reads the file; called with stretches of at most 1 MiB or one table, the L2 tables in the order of the file.

    Raises:
        ImageError: A table is damaged or points outside of the file.
    """
    l1 = _entries(read(header.l1_start_byte, header.l1_needed * 8))
    tables = sorted(
        (start_byte, index)
        for index, entry in enumerate(l1)
        if (start_byte := entry & _OFFSET_MASK)
    )
    if len(tables) * header.cluster_bytes > _MAX_TABLES_BYTES:
        raise ImageError(
            f"qcow2: {len(tables)} L2 tables of {header.cluster_bytes} bytes are too many;"
            " rewrite the image with larger clusters"
        )
    for start_byte, _ in tables:
        header.require_inside(start_byte, header.cluster_bytes, "L2 table")
        if start_byte % header.cluster_bytes:
            raise ImageError(f"qcow2: L2 table at byte {start_byte} is not on a cluster")
    image = Map(header)
    disk_bytes_of_table = header.l2_covers_bytes
    for index, entry in enumerate(l1):
        if not entry & _OFFSET_MASK:
            image.add_gap(index * disk_bytes_of_table, (index + 1) * disk_bytes_of_table)
    for index, table in _read_tables(header, tables, read):
        _add_table(image, index * disk_bytes_of_table, _entries(table))
    header_and_l1 = ((0, HEADER_BYTES), (header.l1_start_byte, header.l1_needed * 8))
    image.close([*header_and_l1, *((at, header.cluster_bytes) for at, _ in tables)])
    return image


def _entries(table: bytes) -> "array[int]":
    entries = array("Q", table)
    if sys.byteorder == "little":
        entries.byteswap()
    return entries


def _read_tables(
    header: Header, tables: list[tuple[int, int]], read: ReadAt
) -> Iterator[tuple[int, bytes]]:
    """Yield (L1 index, L2 table); neighbours in the file are fetched with one read."""
    size = header.cluster_bytes
    first = 0
    while first < len(tables):
        last = first
        while (
            last + 1 < len(tables)
            and tables[last + 1][0] == tables[last][0] + size
            and tables[last + 1][0] + size - tables[first][0] <= max(_READ_BYTES, size)
        ):
            last += 1
        base = tables[first][0]
        block = read(base, tables[last][0] + size - base)
        for start_byte, index in tables[first : last + 1]:
            yield index, block[start_byte - base : start_byte - base + size]
        first = last + 1


def _add_table(image: Map, disk_byte: int, entries: "array[int]") -> None:
    """Add what one L2 table maps; ``disk_byte`` is where its first cluster belongs."""
    header = image.header
    step, stride = header.cluster_bytes, 2 if header.has_subclusters else 1
    covered_to = disk_byte
    for index in range(0, len(entries), stride):
        if disk_byte >= header.virtual_bytes:
            break
        entry, place = entries[index], disk_byte
        disk_byte += step
        if entry & _COMPRESSED:
            _add_compressed(image, entry, place)
        elif header.has_subclusters:
            covered_to = _add_subclusters(image, entry, entries[index + 1], place, covered_to)
            continue
        elif entry & _OFFSET_MASK and not entry & _ZERO:
            _add_plain(image, entry & _OFFSET_MASK, place, step)
        else:
            continue
        image.add_gap(covered_to, place)
        covered_to = disk_byte
    image.add_gap(covered_to, disk_byte)


def _add_compressed(image: Map, entry: int, place: int) -> None:
    header = image.header
    shift = 62 - (header.cluster_bits - 8)
    start = entry & ((1 << shift) - 1)
    sectors = ((entry & (_COMPRESSED - 1)) >> shift) + 1
    header.require_inside(start, 1, "compressed cluster")
    size = min(sectors * _SECTOR_BYTES - start % _SECTOR_BYTES, header.file_bytes - start)
    image.add(start, place, size, is_compressed=True)


def _add_plain(image: Map, start: int, place: int, size_bytes: int) -> None:
    header = image.header
    if start % min(size_bytes, header.cluster_bytes):
        raise ImageError(f"qcow2: cluster at byte {start} is not aligned")
    size = min(size_bytes, header.virtual_bytes - place)
    header.require_inside(start, size, "cluster")
    image.add(start, place, size, is_compressed=False)


def _add_subclusters(image: Map, entry: int, bitmap: int, place: int, covered_to: int) -> int:
    """Add the parts of a cluster that hold data; return where the disk is described to.

    The bitmap's low half says which of the 32 parts are there, its high half which read as zeros (section "Extended L2
    Entries").
    """
    start = entry & _OFFSET_MASK
    present, zero = bitmap & _ALL_PARTS, bitmap >> PARTS
    if present & zero:
        raise ImageError(f"qcow2: a part of the cluster at byte {start} is both there and zero")
    if start % image.header.cluster_bytes or (present and not start):
        raise ImageError(f"qcow2: cluster at byte {start} is not aligned")
    part_bytes = image.header.part_bytes
    for number in range(PARTS):
        offset = number * part_bytes
        if present >> number & 1 and place + offset < image.header.virtual_bytes:
            _add_plain(image, start + offset, place + offset, part_bytes)
            image.add_gap(covered_to, place + offset)
            covered_to = place + offset + part_bytes
    return covered_to


def _require_disjoint(
    plain: Extents, compressed: Extents, tables: Iterable[tuple[int, int]]
) -> None:
    """Refuse a file in which anything lies in two places at once; compressed clusters may share a sector."""
    end_byte = 0
    merged = heapq.merge(sorted(tables), zip(plain.file_bytes_at, plain.sizes, strict=True))
    for start_byte, size_bytes in merged:
        if start_byte < end_byte:
            raise _used_twice(start_byte)
        end_byte = start_byte + size_bytes
        before = bisect.bisect_left(compressed.file_bytes_at, end_byte) - 1
        if before >= 0:
            packed_from = compressed.file_bytes_at[before]
            if packed_from + compressed.sizes[before] > start_byte:
                raise _used_twice(packed_from)
    end_byte = 0
    for start_byte, size_bytes in zip(compressed.file_bytes_at, compressed.sizes, strict=True):
        if start_byte <= end_byte - _SECTOR_BYTES:
            raise _used_twice(start_byte)
        end_byte = start_byte + size_bytes


def _used_twice(start_byte: int) -> ImageError:
    return ImageError(
        f"qcow2: what lies at byte {start_byte} is used twice; rewrite the image with qemu-img convert"
    )
