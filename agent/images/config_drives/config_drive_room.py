"""Looks for a place for the config drive before the disk is touched. Pure, but for the look at the image's partitions.

Where it will go is decided again when the image was streamed (``config_drive.write``). What cannot be known before is whether a partition of
a packed or qcow2 image carries the label; such an image is given the benefit of the doubt.
"""

from collections.abc import Callable, Sequence

from agent.disks.partition_table import Partition, PartitionTable
from agent.errors import ConfigDriveError
from agent.images.config_drives.config_drive import LABEL, choose_partition
from agent.protocol.config_drive import MAX_BYTES

LOOK_BYTES = 36 << 10
"""Of a partition's beginning: all that :func:`may_be_labelled` wants to see."""
_LABELS_AT = ((43, 11), (71, 11), (108, 12), (0x478, 16), (0x8028, 32))
"""(offset, size) of the label: FAT12 and FAT16, FAT32, XFS, ext2 to ext4, ISO 9660."""
_FAT_UNNAMED = b"NO NAME"


def check_room(
    table: PartitionTable,
    disk_bytes: int,
    drive_bytes: int,
    name: str,
    look: Callable[[int, int], bytes] | None,
) -> None:
    """Refuse an image on which the config drive has no place.

    Args:
        table: The image's, fitted to the disk; a partition may be added to it.
        disk_bytes: Size of the disk.
        drive_bytes: Size of the config drive.
        name: Of the image, for messages.
        look: Reads (start byte, size) of the image's content; ``None`` = it cannot be looked into.

    Raises:
        ConfigDriveError: There is no place; the message says why.
    """
    parts = table.partitions()
    try:
        if choose_partition(parts, [""] * len(parts), drive_bytes) is None:
            table.add_at_end(LABEL, MAX_BYTES, disk_bytes)
    except ConfigDriveError as error:
        if not _may_be_labelled(parts, drive_bytes, len(table.head), look):
            raise ConfigDriveError(f"{name}: {error}; nothing was written") from error


def _may_be_labelled(
    parts: Sequence[Partition],
    drive_bytes: int,
    head_bytes: int,
    look: Callable[[int, int], bytes] | None,
) -> bool:
    roomy = [p for p in parts if p.size_bytes >= max(drive_bytes, LOOK_BYTES)]
    possible = [part for part in roomy if part.start_byte >= head_bytes]
    return any(look is None or may_be_labelled(look(p.start_byte, LOOK_BYTES)) for p in possible)


def may_be_labelled(start: bytes) -> bool:
    """Tell whether the filesystem that begins with ``start`` is meant for the config drive, or keeps its label elsewhere."""
    labels = {start[at : at + size].rstrip(b"\0 ").lower() for at, size in _LABELS_AT}
    return LABEL.encode() in labels or _FAT_UNNAMED.lower() in labels
