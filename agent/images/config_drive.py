"""The config drive: fetch, unpack, check, and put it on the disk beside the image.

An existing partition labelled ``config-2`` is used again; otherwise one of 64 MiB is made at the disk's end (Ironic's rule
for whole-disk images). The content is an ISO 9660 or FAT filesystem; it never appears in messages.
"""

import base64
import binascii
import logging
import re
import zlib
from collections.abc import Sequence

from agent.disks.open_disk import OpenDisk
from agent.disks.partition_table import Partition, PartitionTable
from agent.errors import ConfigDriveError
from agent.images.http import Access, TryAgain, get, masked
from agent.images.source import RetryPolicy
from agent.system.runner import Runner

log = logging.getLogger(__name__)
MAX_BYTES = 64 << 20
LABEL = "config-2"
_MAX_TEXT_BYTES = 2 * MAX_BYTES
_GZIP = b"\x1f\x8b"
_ISO_MAGIC_AT = 0x8001
_ISO_SECTOR_BYTES = 2048
_PROBE_TIMEOUT_S = 30
_BLKID_NOTHING_FOUND = 2


def decode(text: str | bytes) -> bytes:
    """Return the filesystem in a config drive: base64 of gzip, plain gzip, or the filesystem itself.

    Raises:
        ConfigDriveError: It is malformed, no filesystem that is known, or larger than 64 MiB.
    """
    data = text.encode() if isinstance(text, str) else text
    if not data.startswith(_GZIP) and not _is_filesystem(data):
        try:
            data = base64.b64decode(b"".join(data.split()), validate=True)
        except binascii.Error as error:
            raise ConfigDriveError(
                "the config drive is neither base64 nor a filesystem; Ironic wants base64 of a gzipped ISO"
            ) from error
    if data.startswith(_GZIP):
        data = _gunzip(data)
    if len(data) > MAX_BYTES:
        raise ConfigDriveError(f"the config drive has {len(data)} bytes; {MAX_BYTES} are allowed")
    if not _is_filesystem(data):
        raise ConfigDriveError("the config drive holds no ISO 9660 or FAT filesystem")
    return data


def _gunzip(data: bytes) -> bytes:
    stream = zlib.decompressobj(31)
    try:
        plain = stream.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise ConfigDriveError(f"the config drive's gzip data is damaged: {error}") from error
    if len(plain) > MAX_BYTES:
        raise ConfigDriveError(f"the config drive unpacks to more than {MAX_BYTES} bytes")
    if not stream.eof:
        raise ConfigDriveError("the config drive's gzip data is cut off")
    return plain


def _is_filesystem(data: bytes) -> bool:
    return _sector_bytes(data) is not None


def _sector_bytes(data: bytes) -> int | None:
    """Return the sector size that the filesystem was made for; ``None`` = neither ISO 9660 nor FAT."""
    if data[_ISO_MAGIC_AT : _ISO_MAGIC_AT + 5] == b"CD001":
        return _ISO_SECTOR_BYTES
    is_fat = data[510:512] == b"\x55\xaa" and data[:1] in (b"\xeb", b"\xe9")
    return int.from_bytes(data[11:13], "little") if is_fat else None


def fetch(configdrive: str, access: Access, retry: RetryPolicy) -> bytes:
    """Return the filesystem of a config drive given as text or as an http(s) URL.

    Raises:
        ConfigDriveError: See :func:`decode`.
        ImageDownloadError: The server refuses.
    """
    if not re.match("https?://", configdrive):
        return decode(configdrive)
    failures = 0
    while True:
        try:
            with get(configdrive, access) as reply:
                return decode(reply.read(_MAX_TEXT_BYTES))
        except TryAgain as reason:
            failures += 1
            if failures >= retry.tries:
                raise ConfigDriveError(
                    f"config drive {masked(configdrive)}: gave up after {failures} tries: {reason}"
                ) from reason
            retry.sleep(retry.pause_s(failures))


def check_sectors(content: bytes, disk_sector_bytes: int) -> None:
    """Make sure that a kernel can mount ``content`` on such a disk.

    Raises:
        ConfigDriveError: The filesystem's sectors are smaller than the disk's.
    """
    made_for = _sector_bytes(content) or 0
    if made_for < disk_sector_bytes:
        raise ConfigDriveError(
            f"the config drive's filesystem has sectors of {made_for} bytes and cannot be mounted from"
            f" a disk with {disk_sector_bytes}; make it as FAT with {disk_sector_bytes}-byte sectors"
        )


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


def read_labels(disk: OpenDisk, parts: Sequence[Partition], runner: Runner) -> list[str]:
    """Return the filesystem label of each partition, empty if none; partition nodes are not needed."""
    return [_label(disk, part, runner) for part in parts]


def _label(disk: OpenDisk, part: Partition, runner: Runner) -> str:
    place = ("--offset", str(part.start_byte), "--size", str(part.size_bytes))
    arguments = ("--probe", "--match-tag", "LABEL", "--output", "value", *place)
    answer = runner.run(
        "blkid",
        *arguments,
        str(disk.path),
        timeout_s=_PROBE_TIMEOUT_S,
        ok=(0, _BLKID_NOTHING_FOUND, 8),  # 8: several signatures, none of them certain
    )
    return answer.stdout.strip()


def write(content: bytes, disk: OpenDisk, table: PartitionTable, runner: Runner) -> Partition:
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
    disk.zero(part.start_byte, part.start_byte + part.size_bytes)
    disk.write_bytes(content, part.start_byte)
    disk.flush()
    if disk.read(part.start_byte, len(content)) != content:
        raise ConfigDriveError(
            f"{disk.path}: the config drive in partition {part.number} reads back differently;"
            " the disk is faulty"
        )
    log.info("config drive written", extra={"disk": str(disk.path), "partition": part.number})
    return part
