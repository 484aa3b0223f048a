"""Filesystems that several machines share; erasing one through the wrong machine destroys everybody's data. Pure."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from agent.disks import gpt, mbr
from agent.errors import ImageError, InvalidRequest
from agent.protocol.loose_values import truth
from agent.protocol.refusal import Refusal

WIPE_SHARED = "wipe_special_filesystems"
"""Key of the node's ``driver_info``, as Ironic documents it: whether shared filesystems are erased like any other."""
_SHARED_TYPES = {
    uuid.UUID("37affc90-ef7d-4e96-91c3-2d7ae055b174"): "IBM Storage Scale (GPFS)",
    uuid.UUID("aa31e02a-400f-11db-9590-000c2911d1b8"): "VMware VMFS",
}
_VMFS_MBR_TYPE = 0xFB
_MAGICS = (
    (0x10000, bytes.fromhex("01161970"), "GFS2"),
    (0x100000, bytes.fromhex("0dd001c0"), "VMware VMFS"),
)


def is_wiping_shared(node: Mapping[str, Any]) -> bool:
    """Say whether the node's owner wants shared filesystems to be erased; only a clear yes counts.

    Raises:
        InvalidRequest: The value is neither a yes nor a no.
    """
    value = (node.get("driver_info") or {}).get(WIPE_SHARED)
    try:
        return truth(value, WIPE_SHARED)
    except Refusal as error:
        raise InvalidRequest(f"driver_info.{WIPE_SHARED}: {error}") from error


def shared_filesystem(
    head: bytes, sector_bytes: int, size_bytes: int, read: Callable[[int, int], bytes]
) -> str | None:
    """Return which shared filesystem a disk carries; ``None`` = none.

    Args:
        head: The first MiB of the disk.
        sector_bytes: Its logical sector size.
        size_bytes: Its size.
        read: Reads (start byte, size) of the disk.
    """
    parts = _partitions(head, sector_bytes, size_bytes, read)
    for number, start, name in parts:
        if name:
            return f"{name} in partition {number} at byte {start}"
    for start in (0, *(part[1] for part in parts)):
        for offset, magic, name in _MAGICS:
            at = start + offset
            if at + len(magic) <= size_bytes and read(at, len(magic)) == magic:
                return f"{name} at byte {start}"
    return None


def _partitions(
    head: bytes, sector_bytes: int, size_bytes: int, read: Callable[[int, int], bytes]
) -> list[tuple[int, int, str]]:
    """Return (number, start byte, name of the shared filesystem that the type announces or empty)."""
    entries = mbr.partitions(head) if mbr.is_valid(head) else ()
    is_protective = any(entry.type_id == mbr.PROTECTIVE_TYPE for entry in entries)
    if entries and not is_protective and not gpt.has_signature(head, sector_bytes):
        return [
            (
                entry.number,
                entry.first_lba * sector_bytes,
                "VMware VMFS" if entry.type_id == _VMFS_MBR_TYPE else "",
            )
            for entry in entries
        ]
    try:
        found = gpt.parse(head, sector_bytes).partitions()
    except ImageError:  # damaged, or none: whatever any copy of it still says counts
        found = gpt.salvage(head, sector_bytes, size_bytes, read)
    return [
        (part.number, part.first_lba * sector_bytes, _SHARED_TYPES.get(part.type_id, ""))
        for part in found
    ]
