"""What strangers' bytes go through, as functions of bytes alone: for the fuzzer and for a short run in the unit tests.

Each either returns or raises an error of :mod:`agent.errors`; anything else, a write outside the disk, a read outside the
file or more output than the disk holds is a find.
"""

import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from agent.disks.partition_table import PartitionTable
from agent.errors import AgentError, ImageError
from agent.images.flow.buffers import BUFFER_BYTES, Buffer, BufferPool
from agent.images.flow.qcow2_sink import Qcow2Sink, TableWatch
from agent.images.flow.target import ImageTarget
from agent.images.formats import first_look, qcow2_header, qcow2_map, recognition
from agent.images.formats.content import Content
from agent.images.formats.recognition import ImageFormat
from agent.protocol import checksum_file
from agent.protocol.refusal import Refusal

MIB = 1 << 20
DISK_BYTES = 2 * MIB
PACKED = (ImageFormat.GZIP, ImageFormat.XZ, ImageFormat.ZSTD, ImageFormat.BZIP2)
_PIECES = (1 << 20, 4096, 1000, 61)


class CheckedDisk:
    """A disk in memory, full of noise, that fails on whatever a real one would not survive."""

    path = Path("/dev/checked")
    size_bytes = DISK_BYTES

    def __init__(self, sector_bytes: int = 512) -> None:
        self.sector_bytes = sector_bytes
        self.content = bytearray(b"\xa5" * DISK_BYTES)

    def write(self, data: memoryview, start_byte: int) -> None:
        self._check(start_byte, start_byte + len(data))
        self.content[start_byte : start_byte + len(data)] = data

    def zero(
        self, start_byte: int, end_byte: int, watch: Callable[[int], None] = lambda _done: None
    ) -> None:
        self._check(start_byte, end_byte)
        self.content[start_byte:end_byte] = bytes(end_byte - start_byte)

    def _check(self, start_byte: int, end_byte: int) -> None:
        assert 0 <= start_byte <= end_byte <= DISK_BYTES, "outside of the disk"
        assert start_byte % self.sector_bytes == end_byte % self.sector_bytes == 0, "not on sectors"


def whole(target: ImageTarget, disk: CheckedDisk) -> bytes:
    """Return what the disk holds when head and tail are written."""
    middle = disk.content[len(target.head) : target.tail_from]
    return bytes(target.head + middle + target.tail)


def make_target(disk: CheckedDisk) -> ImageTarget:
    stand_in: Any = disk  # has what ImageTarget uses of an OpenDisk
    return ImageTarget(stand_in)


def feed(data: bytes, piece_bytes: int, take: Callable[[Buffer], None], pool: BufferPool) -> None:
    """Cut ``data`` into buffers and hand them over."""
    for start in range(0, len(data), piece_bytes):
        buffer = pool.take(start)
        piece = data[start : start + piece_bytes]
        buffer.used_bytes = len(piece)
        buffer.view[: len(piece)] = piece
        try:
            take(buffer)
        finally:
            buffer.release()


def unpack(data: bytes, found: ImageFormat, piece_bytes: int = BUFFER_BYTES) -> bytes:
    """Write a compressed image and return what is on the disk of it.

    Raises:
        ImageError: It is damaged or does not fit.
    """
    disk = CheckedDisk()
    target = make_target(disk)
    content = Content(target, found, "fuzz")
    try:
        unpacker = content.unpacker(BufferPool(4))
        feed(data, piece_bytes, unpacker.feed, BufferPool(4))
        unpacker.finish()
        size = content.finish()
        return whole(target, disk)[:size]
    finally:
        content.stop()


def reader(file: bytes) -> qcow2_map.ReadAt:
    """Return a function that reads ``file`` and insists on staying inside of it."""

    def read(start: int, size: int) -> bytes:
        assert start >= 0
        assert size >= 0
        assert start + size <= len(file), "read beyond the file's end"
        return file[start : start + size]

    return read


def read_map(file: bytes) -> qcow2_map.Map:
    """Read a qcow2 file's tables and check that every byte of its disk has one place.

    Raises:
        ImageError: It is refused.
    """
    found = qcow2_map.read_map(qcow2_header.read_header(file[:65536], len(file)), reader(file))
    step, end = found.header.cluster_bytes, found.header.virtual_bytes
    covered = sorted(
        [(disk, disk + size) for _, disk, size in found.plain]
        + [(disk, min(disk + step, end)) for _, disk, _ in found.compressed]
        + list(found.gaps())
    )
    assert covered[0][0] == 0
    assert covered[-1][1] == end
    assert all(left[1] == right[0] for left, right in pairwise(covered))
    return found


def write_qcow2(file: bytes, sector_bytes: int = 512, piece_bytes: int = BUFFER_BYTES) -> bytes:
    """Write a qcow2 image and return what is on the disk of it.

    Raises:
        ImageError: It is refused, damaged or does not fit.
    """
    image = read_map(file)
    if image.header.virtual_bytes > DISK_BYTES or image.header.cluster_bytes < sector_bytes:
        raise ImageError("does not fit")  # checked by the writer before
    first_look.head_of_qcow2(image, reader(file))
    disk = CheckedDisk(sector_bytes)
    target = make_target(disk)
    for start, end in image.gaps():
        target.zero(start, end)
    watch = TableWatch(reader(file))
    watch.begin()
    sink = Qcow2Sink(image, target, watch)
    try:
        feed(file, piece_bytes, sink.work, BufferPool(4))
        sink.finish()
    finally:
        sink.stop()
    return whole(target, disk)[: image.header.virtual_bytes]


def fuzz_qcow2(data: bytes) -> None:
    """Any bytes as a qcow2 file; the first picks how the file is cut."""
    write_qcow2(data[1:], piece_bytes=_PIECES[data[0] % len(_PIECES)])


def fuzz_packed(data: bytes) -> None:
    """Any bytes as a compressed file; the first picks the format and how the file is cut."""
    piece_bytes = _PIECES[data[0] // len(PACKED) % len(_PIECES)]
    unpack(data[1:], PACKED[data[0] % len(PACKED)], piece_bytes)


def fuzz_xz(data: bytes) -> None:
    """Any bytes as an xz file in blocks; the first picks how the file is cut."""
    unpack(data[1:], ImageFormat.XZ, _PIECES[data[0] % len(_PIECES)])


def fuzz_detection(data: bytes) -> None:
    """Any bytes as the beginning of a file and as a partition table."""
    found = recognition.detect(data[: recognition.PROBE_BYTES], "fuzz")
    recognition.check_end(data[-recognition.END_BYTES :], "fuzz")
    sector_bytes = 512 if data[0] % 2 else 4096
    head = bytearray(data.ljust(MIB, b"\0")[:MIB])
    if found is ImageFormat.RAW:
        first_look.check(
            first_look.Head(content=bytes(head), is_whole=True), sector_bytes, DISK_BYTES, "fuzz"
        )
        PartitionTable(head, sector_bytes).partitions()


def fuzz_checksum_file(data: bytes) -> None:
    """Any bytes as a checksum file; what it gives is a digest that stands in it, and messages can be sent."""
    text = checksum_file.decode(data)
    try:
        found = checksum_file.find(text, "disk.raw", "fuzz")
    except Refusal as error:
        str(error).encode()
        raise
    assert found.digest in text.lower()
    assert len(found.digest) == checksum_file.DIGITS_OF[found.algorithm]


TARGETS: dict[str, Callable[[bytes], None]] = {
    "qcow2": fuzz_qcow2,
    "packed": fuzz_packed,
    "xz": fuzz_xz,
    "detection": fuzz_detection,
    "checksums": fuzz_checksum_file,
}


def run(name: str, data: bytes) -> bool:
    """Run one input; ``False`` = it was refused in the proper way."""
    if not data:
        return False
    try:
        TARGETS[name](data)
    except (AgentError, Refusal):
        return False
    return True


def small_qcow2(entries: list[int], clusters: int, **changes: int) -> bytes:
    """Return a version 3 file with clusters of 4 KiB: header, L1, one L2 table, and data of ones."""
    values = {
        "version": 3, "backing": 0, "backing_bytes": 0, "bits": 12, "virtual": 8 << 12, "crypt": 0,
        "l1_entries": 1, "l1_at": 1 << 12, "refcounts_at": 0, "refcount_clusters": 0, "snapshots": 0,
        "snapshots_at": 0, "incompatible": 0, "compatible": 0, "autoclear": 0, "order": 4,
        "header_bytes": 112,
    } | changes  # fmt: skip
    head = b"QFI\xfb" + struct.pack(">IQIIQIIQQIIQQQQII", *values.values())
    l1 = struct.pack(">Q", 2 << 12 | 1 << 63)
    l2 = struct.pack(f">{len(entries)}Q", *entries)
    return b"".join(part.ljust(1 << 12, b"\0") for part in (head, l1, l2)).ljust(
        clusters << 12, b"\1"
    )
