"""The classic partition table in the first sector as values. Pure: bytes in, bytes out.

Four entries of 16 bytes at offset 446, the signature 55 AA at 510, the disk signature at 440.
"""

import struct
from dataclasses import dataclass

PROTECTIVE_TYPE = 0xEE
PREP_TYPE = 0x41
_ENTRY = struct.Struct("<B3sB3sII")
_ENTRIES_AT = 446
_COUNT = 4
_SIGNATURE_AT = 440
_ACTIVE = 0x80
_LAST_CHS = b"\xfe\xff\xff"
_PROTECTIVE_CHS = (b"\x00\x02\x00", b"\xff\xff\xff")
"""UEFI specification 2.10, table 5.4."""
_MAX_LBA = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MbrPartition:
    """A primary or extended partition; numbers begin at 1. ``is_active`` marks the one that BIOS boot code starts."""

    number: int
    type_id: int
    first_lba: int
    sectors: int
    is_active: bool = False


def is_valid(head: bytes | bytearray) -> bool:
    """Tell whether the sector carries the boot signature and believable entries."""
    if head[510:512] != b"\x55\xaa":
        return False
    flags = {head[_ENTRIES_AT + 16 * index] for index in range(_COUNT)}
    return flags <= {0x00, 0x80}


def partitions(head: bytes | bytearray) -> tuple[MbrPartition, ...]:
    """Return the entries in use, in the order of their numbers."""
    found = []
    for index in range(_COUNT):
        flag, _, kind, _, first, sectors = _ENTRY.unpack_from(head, _ENTRIES_AT + 16 * index)
        if kind and sectors:
            part = MbrPartition(
                number=index + 1,
                type_id=kind,
                first_lba=first,
                sectors=sectors,
                is_active=flag == _ACTIVE,
            )
            found.append(part)
    return tuple(found)


def disk_signature(head: bytes | bytearray) -> str:
    """Return the disk signature as Ironic writes it, ``0x%08x``."""
    return f"0x{struct.unpack_from('<I', head, _SIGNATURE_AT)[0]:08x}"


def place_at_end(
    head: bytes | bytearray, disk_sectors: int, sector_bytes: int, size_bytes: int
) -> tuple[int, int] | None:
    """Return (first sector, sectors) of a free place at the end, on a MiB and below 2^32 sectors; ``None`` = no room."""
    sectors = size_bytes // sector_bytes
    align = (1 << 20) // sector_bytes
    first = (min(disk_sectors, _MAX_LBA) - sectors) // align * align
    used_to = max((p.first_lba + p.sectors for p in partitions(head)), default=align)
    return (first, sectors) if first >= used_to else None


def free_number(head: bytes | bytearray) -> int | None:
    """Return the lowest number without a partition; ``None`` = all four are in use."""
    used = {part.number for part in partitions(head)}
    return next((n for n in range(1, _COUNT + 1) if n not in used), None)


def add_partition(head: bytearray, part: MbrPartition) -> None:
    """Write ``part`` into its entry."""
    _ENTRY.pack_into(
        head,
        _ENTRIES_AT + 16 * (part.number - 1),
        _ACTIVE if part.is_active else 0,
        _LAST_CHS,
        part.type_id,
        _LAST_CHS,
        part.first_lba,
        part.sectors,
    )


def initialise(head: bytearray, signature: int) -> None:
    """Make the first sector an empty table with this disk signature; there is no boot code in it."""
    head[:512] = bytes(512)
    struct.pack_into("<I", head, _SIGNATURE_AT, signature)
    head[510:512] = b"\x55\xaa"


def protect(head: bytearray, disk_sectors: int) -> None:
    """Make the first sector the protective table of a GPT."""
    initialise(head, 0)
    first, last = _PROTECTIVE_CHS
    size = min(disk_sectors - 1, _MAX_LBA)
    _ENTRY.pack_into(head, _ENTRIES_AT, 0, first, PROTECTIVE_TYPE, last, 1, size)


def resize_protective(head: bytearray, disk_sectors: int) -> None:
    """Let a protective entry that stands alone cover the disk; a hybrid table stays as it is."""
    parts = partitions(head)
    if len(parts) == 1 and parts[0].type_id == PROTECTIVE_TYPE and parts[0].first_lba == 1:
        at = _ENTRIES_AT + 16 * (parts[0].number - 1)
        struct.pack_into("<I", head, at + 12, min(disk_sectors - 1, _MAX_LBA))
