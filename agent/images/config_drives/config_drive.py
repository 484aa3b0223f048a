"""Puts a config drive on the disk, beside the image.

An existing partition labelled ``config-2`` is used again; otherwise one of 64 MiB is made at the disk's end (Ironic's rule
for whole-disk images). The content is an ISO 9660 or FAT filesystem; it never appears in messages.
"""

import logging
from collections.abc import Sequence

from agent.disks.disk import Disk
from agent.disks.partition_table import Partition, PartitionTable
from agent.errors import ConfigDriveError
from agent.protocol.config_drive import MAX_BYTES
from agent.system.runner import Runner

log = logging.getLogger(__name__)
LABEL = "config-2"
_PROBE_TIMEOUT_S = 30
_BLKID_NOTHING_FOUND = 2


def choose_partition(
    parts: Sequence[Partition], labels: Sequence[str], size_bytes: int
) -> Partition | None:
    """Return the partition that is meant for the config drive; ``None`` = make one.

    Args:
        parts: The image's partitions.
        labels: The filesystem label of each, empty = none.
        size_bytes: Size of the config drive.

    Raises:
        ConfigDriveError: Two partitions carry the label, or the one that does is too small.
    """
    pairs = zip(parts, labels, strict=True)
    meant = [part for part, label in pairs if LABEL in (label.lower(), part.name.lower())]
    if not meant:
        return None
    if len(meant) > 1:
        numbers = ", ".join(str(part.number) for part in meant)
        raise ConfigDriveError(
            f"partitions {numbers} of the image are all labelled {LABEL}; one is wanted"
        )
    if meant[0].size_bytes < size_bytes:
        raise ConfigDriveError(
            f"the config drive has {size_bytes} bytes, partition {meant[0].number} of the image,"
            f" labelled {LABEL}, only {meant[0].size_bytes}"
        )
    return meant[0]


def read_labels(disk: Disk, parts: Sequence[Partition], runner: Runner) -> list[str]:
    """Return the filesystem label of each partition, empty if none; partition nodes are not needed."""
    return [_label(disk, part, runner) for part in parts]


def _label(disk: Disk, part: Partition, runner: Runner) -> str:
    with disk.probed(part.start_byte, part.size_bytes) as (file, start_byte):
        place = ("--offset", str(start_byte), "--size", str(part.size_bytes))
        arguments = ("--probe", "--match-tag", "LABEL", "--output", "value", *place)
        answer = runner.run(
            "blkid",
            *arguments,
            str(file),
            timeout_s=_PROBE_TIMEOUT_S,
            ok=(0, _BLKID_NOTHING_FOUND, 8),  # 8: several signatures, none of them certain
        )
    return answer.stdout.strip()


def write(content: bytes, disk: Disk, table: PartitionTable, runner: Runner) -> Partition:
    """Put the config drive on the disk; its partition is in ``table`` afterwards, which the caller writes last.

    Raises:
        ConfigDriveError: It does not fit, or reads back differently.
    """
    parts = table.partitions()
    part = choose_partition(parts, read_labels(disk, parts, runner), len(content))
    if part is None:
        part = table.add_at_end(LABEL, MAX_BYTES, disk.size_bytes)
    if part.start_byte < len(table.head):
        raise ConfigDriveError(
            f"partition {part.number} of the image, labelled {LABEL}, begins at byte {part.start_byte};"
            f" it must not begin before {len(table.head)}"
        )
    put(content, disk, part.start_byte, part.size_bytes)
    log.info("config drive written", extra={"disk": str(disk.path), "partition": part.number})
    return part


def put(content: bytes, disk: Disk, start_byte: int, size_bytes: int) -> None:
    """Fill a stretch of the disk with the config drive and zeros, and read it back.

    Raises:
        ConfigDriveError: It reads back differently.
    """
    disk.zero(start_byte, start_byte + size_bytes)
    disk.write_bytes(content, start_byte)
    disk.flush()
    if disk.read(start_byte, len(content)) != content:
        raise ConfigDriveError(
            f"{disk.path}: the config drive at byte {start_byte} reads back differently; the disk is faulty"
        )
