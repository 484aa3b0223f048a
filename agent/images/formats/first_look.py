"""A look at the partition table of a whole-disk image before the disk is touched.

An image for the other sector size, a single filesystem, or partitions that do not fit would otherwise be found when the
disk is overwritten already. Nothing here is trusted later: the table is parsed again when it was streamed and verified.
"""

from dataclasses import dataclass

from agent.disks import gpt, mbr
from agent.disks.partition_table import PartitionTable
from agent.errors import ImageError
from agent.images.flow.buffers import BUFFER_BYTES, Buffer
from agent.images.formats.qcow2_cluster import ClusterInflater
from agent.images.formats.qcow2_map import Extents, Map, ReadAt
from agent.images.formats.recognition import PROBE_BYTES, ImageFormat, detect
from agent.images.unpacking.decompress import decoder_for

HEAD_BYTES = 1 << 20
_MAX_READS = 64
"""More requests than this are not worth it; what is wrong is then found at the end."""
_MAX_READ_BYTES = 2 << 20
_CLOSE_BYTES = 64 << 10
_SECTOR_SIZES = (512, 4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The beginning of the image's content, of 1 MiB if ``is_whole``, else as much as could be had."""

    content: bytes
    is_whole: bool


def inner_format(first: Buffer, found: ImageFormat, name: str) -> ImageFormat:
    """Return the format of what is packed in a file of the format ``found``; ``raw`` for a raw file.

    Raises:
        ImageError: The beginning is damaged, or something that cannot be written from there.
    """
    if found in (ImageFormat.RAW, ImageFormat.QCOW2):
        return found
    content = _unpacked(first, found, PROBE_BYTES)
    inner = detect(content, name) if content else ImageFormat.RAW
    if inner not in (ImageFormat.RAW, ImageFormat.QCOW2):
        raise ImageError(f"{name}: a {inner} file inside {found}; publish it packed once")
    return inner


def head_of_stream(first: Buffer, found: ImageFormat) -> Head:
    """Return the head of a raw image, packed or not, from the first buffer of its file.

    Raises:
        ImageError: The beginning is damaged.
    """
    is_all = first.used_bytes < BUFFER_BYTES
    if found is ImageFormat.RAW:
        return _head(bytes(first.view[: first.used_bytes]), is_all=is_all)
    return _head(_unpacked(first, found, HEAD_BYTES), is_all=is_all)


def _unpacked(first: Buffer, found: ImageFormat, most_bytes: int) -> bytes:
    """Return the beginning of the content of a packed file, as far as its first buffer goes."""
    start = first.view[: first.used_bytes]
    decoder, room, filled = decoder_for(found), memoryview(bytearray(most_bytes)), 0
    while filled < most_bytes:
        consumed, produced = decoder.step(start, room[filled:])
        if not consumed and not produced:
            break
        start, filled = start[consumed:], filled + produced
    return bytes(room[:filled])


def _head(content: bytes, *, is_all: bool) -> Head:
    return Head(
        content=content.ljust(HEAD_BYTES, b"\0")[:HEAD_BYTES],
        is_whole=is_all or len(content) >= HEAD_BYTES,
    )


def head_of_qcow2(image: Map, read: ReadAt) -> Head:
    """Return the head of a qcow2 image; ``read`` reads its file.

    Raises:
        ImageError: A cluster is damaged.
    """
    room = bytearray(HEAD_BYTES)
    plain = _within_head(image.plain)
    packed = _within_head(image.compressed)
    reads = _join(sorted((at, size) for at, _, size in (*plain, *packed)))
    if len(reads) > _MAX_READS:
        return Head(content=bytes(room), is_whole=False)
    pieces = [(at, read(at, size)) for at, size in reads]
    for file_byte, disk_byte, size in plain:
        room[disk_byte : disk_byte + size] = _cut(pieces, file_byte, size)
    inflater = ClusterInflater(image.header)
    cluster = memoryview(bytearray(image.header.cluster_bytes))
    for file_byte, disk_byte, size in packed:
        source = memoryview(bytearray(_cut(pieces, file_byte, size)))
        inflater.inflate(source, cluster, file_byte)
        end_byte = min(disk_byte + len(cluster), HEAD_BYTES)
        room[disk_byte:end_byte] = cluster[: end_byte - disk_byte]
    return Head(content=bytes(room), is_whole=True)


def _within_head(extents: Extents) -> list[tuple[int, int, int]]:
    """Return the extents of the head; a run that goes on behind it is cut."""
    return [
        (file_byte, disk_byte, min(size, max(HEAD_BYTES - disk_byte, 0)))
        for file_byte, disk_byte, size in extents
        if disk_byte < HEAD_BYTES
    ]


def _join(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join sorted stretches (start, size) of the file that lie close together."""
    joined: list[tuple[int, int]] = []
    for start, size in stretches:
        if joined:
            before, before_size = joined[-1]
            end = max(start + size, before + before_size)
            if start - before - before_size <= _CLOSE_BYTES and end - before <= _MAX_READ_BYTES:
                joined[-1] = (before, end - before)
                continue
        joined.append((start, size))
    return joined


def _cut(pieces: list[tuple[int, bytes]], start_byte: int, size_bytes: int) -> bytes:
    """Return a stretch of the file from the piece that holds it."""
    for at, data in pieces:
        if at <= start_byte and start_byte + size_bytes <= at + len(data):
            return data[start_byte - at : start_byte - at + size_bytes]
    raise ImageError(f"qcow2: byte {start_byte} of the file was not read")


def check(head: Head, sector_bytes: int, disk_bytes: int, name: str) -> None:
    """Compare the image's partition table with the disk.

    Raises:
        ImageError: There is no table, an empty or damaged one, one for other sectors, or a partition does not fit.
    """
    try:
        if head.is_whole:
            _check_whole(PartitionTable(bytearray(head.content), sector_bytes), disk_bytes)
        elif _is_for_other_sectors(head.content, sector_bytes):
            PartitionTable(bytearray(head.content), sector_bytes)
    except ImageError as error:
        raise ImageError(f"{name}: {error}; nothing was written") from error


def _check_whole(table: PartitionTable, disk_bytes: int) -> None:
    table.fit(disk_bytes)
    if not table.partitions():
        raise ImageError("its partition table is empty; a whole-disk image is wanted")


def _is_for_other_sectors(content: bytes, sector_bytes: int) -> bool:
    others = (size for size in _SECTOR_SIZES if size != sector_bytes)
    return (
        mbr.is_valid(content)
        and not gpt.has_signature(content, sector_bytes)
        and any(gpt.has_signature(content, size) for size in others)
    )
