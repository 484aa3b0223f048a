"""GUID partition tables as values: parse, move to a larger disk, add a partition, write. Pure: bytes in, bytes out.

UEFI specification 2.10, section 5.3. Everything that is written was parsed before with its checksums; partitions are never
moved.
"""

import struct
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from agent.errors import ImageError

ESP_TYPE = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
LINUX_TYPE = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
BIOS_BOOT_TYPE = uuid.UUID("21686148-6449-6e6f-744e-656564454649")
"""GRUB manual, "BIOS installation"."""
PREP_TYPE = uuid.UUID("9e1a2d38-c612-4316-aa26-8b49521e5a8b")
"""Where OpenFirmware looks for a boot loader; Power Architecture Platform Reference."""
_SIGNATURE = b"EFI PART"
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")
_MAX_ENTRIES_BYTES = 1 << 18
_USUAL_ENTRIES = 128
_ALIGN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GptPartition:
    """One partition; ``last_lba`` is inclusive, numbers begin at 1."""

    number: int
    type_id: uuid.UUID
    unique_id: uuid.UUID
    first_lba: int
    last_lba: int
    attributes: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpt:
    """A partition table; ``entries`` is the array as it stands on the disk, unknown fields of entries included."""

    sector_bytes: int
    backup_lba: int
    first_usable_lba: int
    last_usable_lba: int
    disk_id: uuid.UUID
    entries_lba: int
    entry_count: int
    entry_bytes: int
    entries: bytes

    @property
    def entries_sectors(self) -> int:
        """Sectors that the array takes."""
        return -(-len(self.entries) // self.sector_bytes)

    def partitions(self) -> tuple[GptPartition, ...]:
        """Return the partitions in the order of their numbers."""
        return tuple(_entries(self.entries, self.entry_count, self.entry_bytes))


def _entries(entries: bytes, count: int, entry_bytes: int) -> Iterator[GptPartition]:
    """Yield the entries of an array that are in use."""
    for index in range(count):
        fields = _ENTRY.unpack_from(entries, index * entry_bytes)
        kind = uuid.UUID(bytes_le=fields[0])
        if kind.int:
            yield GptPartition(
                number=index + 1,
                type_id=kind,
                unique_id=uuid.UUID(bytes_le=fields[1]),
                first_lba=fields[2],
                last_lba=fields[3],
                attributes=fields[4],
                name=fields[5].decode("utf-16-le", "replace").partition("\0")[0],
            )


def has_signature(head: bytes | bytearray, sector_bytes: int) -> bool:
    """Tell whether the second sector begins like a GPT header."""
    return head[sector_bytes : sector_bytes + 8] == _SIGNATURE


def parse(head: bytes | bytearray, sector_bytes: int) -> Gpt:
    """Parse the primary table.

    Args:
        head: The beginning of the disk, 1 MiB.
        sector_bytes: Size of the disk's logical sectors.

    Raises:
        ImageError: A checksum or a field is wrong, or the array does not lie within ``head``.
    """
    raw = head[sector_bytes : 2 * sector_bytes]
    fields = _HEADER.unpack_from(raw)
    (signature, _, size, checksum, _, own_lba, backup_lba, first, last, disk_id, *array) = fields
    entries_lba, count, entry_bytes, entries_checksum = array
    if signature != _SIGNATURE or own_lba != 1 or not _HEADER.size <= size <= sector_bytes:
        raise ImageError("the image's GPT header is damaged; rebuild the image")
    if zlib.crc32(raw[:16] + bytes(4) + raw[20:size]) != checksum:
        raise ImageError("the image's GPT header has a wrong checksum; rebuild the image")
    array_bytes = count * entry_bytes
    start_byte = entries_lba * sector_bytes
    if (
        entry_bytes < _ENTRY.size
        or not 0 < array_bytes <= _MAX_ENTRIES_BYTES
        or start_byte < 2 * sector_bytes
        or start_byte + array_bytes > len(head)
    ):
        raise ImageError(
            "the image's GPT has its entries at an impossible place; rebuild the image"
        )
    entries = bytes(head[start_byte : start_byte + array_bytes])
    if zlib.crc32(entries) != entries_checksum:
        raise ImageError("the image's GPT entries have a wrong checksum; rebuild the image")
    return Gpt(
        sector_bytes=sector_bytes,
        backup_lba=backup_lba,
        first_usable_lba=first,
        last_usable_lba=last,
        disk_id=uuid.UUID(bytes_le=disk_id),
        entries_lba=entries_lba,
        entry_count=count,
        entry_bytes=entry_bytes,
        entries=entries,
    )


def salvage(
    head: bytes, sector_bytes: int, size_bytes: int, read: Callable[[int, int], bytes]
) -> tuple[GptPartition, ...]:
    """Return the partitions that a damaged disk may have had, out of every place where a table can be; nothing is verified.

    Both headers are believed as far as they lead to an array on the disk, and the arrays are looked for where they usually are too.

    Args:
        head: The beginning of the disk, 1 MiB.
        sector_bytes: Size of its logical sectors.
        size_bytes: Size of the disk.
        read: Reads (start byte, size) of it.
    """
    sectors = size_bytes // sector_bytes
    usual = -(-_USUAL_ENTRIES * _ENTRY.size // sector_bytes)
    places = {(2, _USUAL_ENTRIES, _ENTRY.size), (sectors - 1 - usual, _USUAL_ENTRIES, _ENTRY.size)}
    for raw in (head[sector_bytes:], read((sectors - 1) * sector_bytes, sector_bytes)):
        if raw[:8] == _SIGNATURE:
            places.add(_HEADER.unpack_from(raw)[10:13])
    found = set()
    for lba, count, entry_bytes in sorted(places):
        array_bytes = count * entry_bytes
        is_sane = entry_bytes >= _ENTRY.size and 0 < array_bytes <= _MAX_ENTRIES_BYTES
        if is_sane and lba > 0 and lba * sector_bytes + array_bytes <= size_bytes:
            entries = read(lba * sector_bytes, array_bytes)
            found |= {
                part
                for part in _entries(entries, count, entry_bytes)
                if 0 < part.first_lba <= part.last_lba < sectors
            }
    return tuple(sorted(found, key=lambda part: (part.first_lba, part.number)))


def move_backup(table: Gpt, disk_sectors: int) -> Gpt:
    """Return the table with its backup at the end of a disk of ``disk_sectors``.

    Raises:
        ImageError: A partition reaches into the place of the backup.
    """
    last_usable = disk_sectors - 2 - table.entries_sectors
    for part in table.partitions():
        if part.last_lba > last_usable or part.first_lba > part.last_lba:
            raise ImageError(
                f"partition {part.number} of the image (sectors {part.first_lba} to {part.last_lba})"
                f" does not fit on the disk, whose last usable sector is {last_usable}"
            )
    return replace(table, backup_lba=disk_sectors - 1, last_usable_lba=last_usable)


def place_at_end(table: Gpt, size_bytes: int) -> tuple[int, int] | None:
    """Return (first, last) sector of a free place of ``size_bytes`` at the end, on a MiB; ``None`` = no room."""
    sectors = size_bytes // table.sector_bytes
    align = _ALIGN_BYTES // table.sector_bytes
    first = (table.last_usable_lba + 1 - sectors) // align * align
    used_to = max((part.last_lba for part in table.partitions()), default=0)
    if first <= max(used_to, table.first_usable_lba - 1):
        return None
    return first, first + sectors - 1


def add_partition(table: Gpt, part: GptPartition) -> Gpt:
    """Return the table with ``part`` in its numbered entry, which is free."""
    at = (part.number - 1) * table.entry_bytes
    entry = _ENTRY.pack(
        part.type_id.bytes_le,
        part.unique_id.bytes_le,
        part.first_lba,
        part.last_lba,
        part.attributes,
        part.name.encode("utf-16-le"),
    )
    entries = table.entries[:at] + entry + table.entries[at + len(entry) :]
    return replace(table, entries=entries)


def free_number(table: Gpt) -> int | None:
    """Return the lowest number without a partition; ``None`` = the table is full."""
    used = {part.number for part in table.partitions()}
    return next((n for n in range(1, table.entry_count + 1) if n not in used), None)


def _header(table: Gpt, own_lba: int, other_lba: int, entries_lba: int) -> bytes:
    def packed(checksum: int) -> bytes:
        return _HEADER.pack(
            _SIGNATURE,
            0x00010000,
            _HEADER.size,
            checksum,
            0,
            own_lba,
            other_lba,
            table.first_usable_lba,
            table.last_usable_lba,
            table.disk_id.bytes_le,
            entries_lba,
            table.entry_count,
            table.entry_bytes,
            zlib.crc32(table.entries),
        )

    return packed(zlib.crc32(packed(0))).ljust(table.sector_bytes, b"\0")


def write_primary(table: Gpt, head: bytearray) -> None:
    """Put header and entries into ``head``, the disk's first MiB; everything else there stays."""
    at = table.sector_bytes
    head[at : 2 * at] = _header(table, 1, table.backup_lba, table.entries_lba)
    start_byte = table.entries_lba * at
    head[start_byte : start_byte + len(table.entries)] = table.entries


def backup(table: Gpt) -> tuple[int, bytes]:
    """Return (start byte, content) of the backup: the entries and behind them the header."""
    entries_lba = table.backup_lba - table.entries_sectors
    entries = table.entries.ljust(table.entries_sectors * table.sector_bytes, b"\0")
    header = _header(table, table.backup_lba, 1, entries_lba)
    return entries_lba * table.sector_bytes, entries + header
