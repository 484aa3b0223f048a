"""Builds the first MiB of a disk from a planned layout: a GPT or an MBR. Pure but for identifiers, which are passed in.

GPT: UEFI specification 2.10, section 5.3; type GUIDs as in the UAPI "Discoverable Partitions" list and the GRUB manual
(BIOS boot), PReP from the Power Architecture reference.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.disks import gpt, mbr
from agent.disks.layout import MIB, DiskLabel, PlannedPartition
from agent.protocol.partitions import PartitionRole

_ENTRY_COUNT = 128
_ENTRY_BYTES = 128
_ENTRIES_LBA = 2
_GPT_TYPES = {
    PartitionRole.ESP: gpt.ESP_TYPE,
    PartitionRole.BIOS_BOOT: gpt.BIOS_BOOT_TYPE,
    PartitionRole.PREP: gpt.PREP_TYPE,
    PartitionRole.SWAP: uuid.UUID("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"),
}
_MBR_TYPES = {
    PartitionRole.ESP: 0xEF,
    PartitionRole.PREP: mbr.PREP_TYPE,
    PartitionRole.SWAP: 0x82,
    PartitionRole.CONFIG_DRIVE: 0x0C,
}
_MBR_LINUX = 0x83
_NAMES = {
    PartitionRole.ESP: "efi-part",
    PartitionRole.BIOS_BOOT: "bios-boot",
    PartitionRole.PREP: "prep",
    PartitionRole.EPHEMERAL: "ephemeral",
    PartitionRole.SWAP: "swap",
    PartitionRole.CONFIG_DRIVE: "config-2",
    PartitionRole.ROOT: "root",
}


def build_table(
    parts: Sequence[PlannedPartition],
    label: DiskLabel,
    *,
    disk_bytes: int,
    sector_bytes: int,
    new_id: Callable[[], uuid.UUID] = uuid.uuid4,
) -> bytearray:
    """Return the first MiB of a disk with these partitions; it holds no boot code.

    Args:
        parts: The layout, as :func:`agent.disks.layout.plan_layout` returns it.
        label: Kind of table.
        disk_bytes: Capacity of the disk; the GPT's backup is expected at its end.
        sector_bytes: Its logical sector size.
        new_id: Makes the identifiers of the disk and its partitions.
    """
    head = bytearray(MIB)
    if label is DiskLabel.MBR:
        _fill_mbr(head, parts, sector_bytes, new_id())
    else:
        _fill_gpt(head, parts, disk_bytes // sector_bytes, sector_bytes, new_id)
    return head


def _fill_mbr(
    head: bytearray, parts: Sequence[PlannedPartition], sector_bytes: int, disk_id: uuid.UUID
) -> None:
    """Without a GPT or PReP, BIOS boots the partition that is marked active: the root, as Ironic marks it."""
    boots = PartitionRole.ROOT
    if any(part.role is PartitionRole.PREP for part in parts):
        boots = PartitionRole.PREP
    mbr.initialise(head, disk_id.int & 0xFFFFFFFF or 1)
    for part in parts:
        entry = mbr.MbrPartition(
            number=part.number,
            type_id=_MBR_TYPES.get(part.role, _MBR_LINUX),
            first_lba=part.start_byte // sector_bytes,
            sectors=part.size_bytes // sector_bytes,
            is_active=part.role is boots,
        )
        mbr.add_partition(head, entry)


def _fill_gpt(
    head: bytearray,
    parts: Sequence[PlannedPartition],
    disk_sectors: int,
    sector_bytes: int,
    new_id: Callable[[], uuid.UUID],
) -> None:
    table = gpt.Gpt(
        sector_bytes=sector_bytes,
        backup_lba=disk_sectors - 1,
        first_usable_lba=0,
        last_usable_lba=0,
        disk_id=new_id(),
        entries_lba=_ENTRIES_LBA,
        entry_count=_ENTRY_COUNT,
        entry_bytes=_ENTRY_BYTES,
        entries=bytes(_ENTRY_COUNT * _ENTRY_BYTES),
    )
    table = replace(
        table,
        first_usable_lba=_ENTRIES_LBA + table.entries_sectors,
        last_usable_lba=disk_sectors - 2 - table.entries_sectors,
    )
    for part in parts:
        entry = gpt.GptPartition(
            number=part.number,
            type_id=_GPT_TYPES.get(part.role, gpt.LINUX_TYPE),
            unique_id=new_id(),
            first_lba=part.start_byte // sector_bytes,
            last_lba=part.end_byte // sector_bytes - 1,
            name=_NAMES[part.role],
        )
        table = gpt.add_partition(table, entry)
    mbr.protect(head, disk_sectors)
    gpt.write_primary(table, head)
