"""The head of an ISO 9660 image whose files lie in another file system inside of it. Pure; after ECMA-119 and El Torito 1.0.

The image is a CD for BIOS and UEFI and a disk too: its system area has a partition table with the file system for UEFI, which goes
on to the end of the image. Names are kept as they are given: all who read such images take them, though ECMA-119 knows capitals only.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

SECTOR_BYTES = 2048
_DISK_SECTOR_BYTES = 512
_PRIMARY, _BOOT_RECORD, _END, _CATALOG, _TABLE, _BIG_TABLE, _FIRST_FOLDER = range(16, 23)
"""Where these are, in sectors."""
_HEADER_BYTES = 64
"""Of a BIOS program, before what its checksum is of."""
_TABLE_PLACE = 8
"""Where GRUB's program for CDs has its boot information table."""
_BLOCKS_PLACE = 2548
_HYBRID_PLACE = 432
"""Where GRUB's program for CDs, and its boot sector of a hybrid image, name where the rest is (grub-mkrescue, xorriso's ``--grub2-mbr``)."""
_BIOS, _UEFI = 0x00, 0xEF
_DATE = bytes((126, 1, 1, 0, 0, 0, 0))
_LONG_DATE = b"2026010100000000\0"
_NO_DATE = b"0" * 16 + b"\0"
_FOLDER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """A piece of the image; it begins at a multiple of 2048."""

    start_byte: int
    size_bytes: int

    @property
    def sector(self) -> int:
        """Where it begins."""
        return self.start_byte // SECTOR_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class BiosBoot:
    """What starts a BIOS: GRUB's program for CDs, and its boot sector for images that are written to a disk."""

    program: bytes
    boot_sector: bytes


def head_bytes(paths: Sequence[str]) -> int:
    """Return how long the head is with files of these names."""
    return (_FIRST_FOLDER + len(_folders(paths))) * SECTOR_BYTES


def iso_head(
    files: Mapping[str, Extent],
    *,
    label: str,
    size_bytes: int,
    efi: Extent | None = None,
    bios: tuple[BiosBoot, Extent] | None = None,
) -> bytes:
    """Return everything before the first content.

    Args:
        files: Where each is, by path: ``openstack/latest/network_data.json``. Few: a folder has one sector.
        label: Name of the volume, 32 capitals, digits and ``_`` at most.
        size_bytes: Of the image, a multiple of 2048.
        efi: The file system for UEFI, which ends with the image; ``None`` = nothing boots.
        bios: What starts a BIOS, and where its program is.
    """
    folders = _folders(list(files))
    places = {folder: _FIRST_FOLDER + number for number, folder in enumerate(folders)}
    tables = [_path_table(folders, places, order) for order in "<>"]
    catalog = b"\0" * SECTOR_BYTES if efi is None else _catalog(efi, bios)
    sectors = [
        _primary(label, size_bytes, len(tables[0])),
        b"\0CD001\x01EL TORITO SPECIFICATION".ljust(71, b"\0") + struct.pack("<I", _CATALOG),
        b"\xffCD001\x01",
        catalog,
        *tables,
        *(_folder(folder, folders, places, files) for folder in folders),
    ]
    body = b"".join(sector.ljust(SECTOR_BYTES, b"\0") for sector in sectors)
    return _system_area(size_bytes, efi, bios).ljust(_PRIMARY * SECTOR_BYTES, b"\0") + body


def bios_program(bios: BiosBoot, place: Extent) -> bytes:
    """Return GRUB's program for CDs with the places in it that its maker leaves open."""
    rest = bios.program[_HEADER_BYTES:].ljust(-(-len(bios.program) // 4) * 4 - _HEADER_BYTES, b"\0")
    total = sum(word for (word,) in struct.iter_unpack("<I", rest)) & 0xFFFFFFFF
    program = bytearray(bios.program)
    struct.pack_into(
        "<IIII", program, _TABLE_PLACE, _PRIMARY, place.sector, len(bios.program), total
    )
    struct.pack_into("<Q", program, _BLOCKS_PLACE, place.start_byte // _DISK_SECTOR_BYTES + 5)
    return bytes(program)


def _folders(paths: Sequence[str]) -> list[str]:
    """Return every folder once, parents first, the root's name being empty."""
    found = {"": None}
    for path in paths:
        words = path.split("/")[:-1]
        found |= {"/".join(words[: count + 1]): None for count in range(len(words))}
    return sorted(found, key=lambda folder: (folder.count("/") if folder else -1, folder))


def _both(number: int) -> bytes:
    return struct.pack("<I", number) + struct.pack(">I", number)


def _both_short(number: int) -> bytes:
    return struct.pack("<H", number) + struct.pack(">H", number)


def _record(name: bytes, sector: int, size_bytes: int, flags: int) -> bytes:
    """Return a directory record (ECMA-119 section 9.1)."""
    length = 33 + len(name) + (len(name) + 1) % 2
    fixed = (
        bytes((length, 0))
        + _both(sector)
        + _both(size_bytes)
        + _DATE
        + bytes((flags, 0, 0))
        + _both_short(1)
        + bytes((len(name),))
    )
    return (fixed + name).ljust(length, b"\0")


def _folder(
    folder: str, folders: Sequence[str], places: Mapping[str, int], files: Mapping[str, Extent]
) -> bytes:
    parent = folder.rpartition("/")[0]
    records = {
        one.rpartition("/")[2]: (places[one], SECTOR_BYTES, _FOLDER)
        for one in folders
        if one and one.rpartition("/")[0] == folder
    }
    records |= {
        path.rpartition("/")[2]: (place.sector, place.size_bytes, 0)
        for path, place in files.items()
        if path.rpartition("/")[0] == folder
    }
    packed = b"".join(_record(name.encode(), *records[name]) for name in sorted(records))
    own = _record(b"\0", places[folder], SECTOR_BYTES, _FOLDER)
    return own + _record(b"\1", places[parent], SECTOR_BYTES, _FOLDER) + packed


def _path_table(folders: Sequence[str], places: Mapping[str, int], order: str) -> bytes:
    """Return a path table (section 9.4); ``order`` as ``struct`` has it."""
    entries: Iterator[bytes] = (
        struct.pack(
            f"{order}BBIH",
            len(name),
            0,
            places[folder],
            folders.index(folder.rpartition("/")[0]) + 1,
        )
        + name.ljust(len(name) + len(name) % 2, b"\0")
        for folder in folders
        for name in [folder.rpartition("/")[2].encode() or b"\0"]
    )
    return b"".join(entries)


def _primary(label: str, size_bytes: int, table_bytes: int) -> bytes:
    """Return the primary volume descriptor (section 8.4)."""
    return b"".join(
        (
            b"\1CD001\1\0",
            b" " * 32,
            label.encode("ascii").ljust(32),
            b"\0" * 8,
            _both(size_bytes // SECTOR_BYTES),
            b"\0" * 32,
            _both_short(1),
            _both_short(1),
            _both_short(SECTOR_BYTES),
            _both(table_bytes),
            struct.pack("<II", _TABLE, 0),
            struct.pack(">II", _BIG_TABLE, 0),
            _record(b"\0", _FIRST_FOLDER, SECTOR_BYTES, _FOLDER),
            b" " * (4 * 128 + 3 * 37),
            _LONG_DATE * 2,
            _NO_DATE * 2,
            b"\1",
        )
    )


def _catalog(efi: Extent, bios: tuple[BiosBoot, Extent] | None) -> bytes:
    """Return the boot catalog (El Torito section 2); where UEFI's file system is longer than its field says, 0 means the image's end."""
    first = _BIOS if bios else _UEFI
    head = bytearray(struct.pack("<BBH24sHBB", 1, first, 0, b"INGOT", 0, 0x55, 0xAA))
    total = sum(word for (word,) in struct.iter_unpack("<H", head))
    struct.pack_into("<H", head, 28, -total & 0xFFFF)
    for_uefi = struct.pack("<BBHBBHI20x", 0x88, 0, 0, 0, 0, 0, efi.sector)
    if bios is None:
        return bytes(head) + for_uefi
    for_bios = struct.pack("<BBHBBHI20x", 0x88, 0, 0, 0, 0, 4, bios[1].sector)
    section = struct.pack("<BBH28x", 0x91, _UEFI, 1)
    return bytes(head) + for_bios + section + for_uefi


def _system_area(
    size_bytes: int, efi: Extent | None, bios: tuple[BiosBoot, Extent] | None
) -> bytes:
    """Return the boot sector of the image as a disk, with the file system for UEFI as its only partition."""
    if efi is None:
        return b""
    sector = bytearray(_DISK_SECTOR_BYTES)
    if bios is not None:
        sector[:440] = bios[0].boot_sector[:440]
        struct.pack_into("<Q", sector, _HYBRID_PLACE, bios[1].start_byte // _DISK_SECTOR_BYTES + 4)
    start = efi.start_byte // _DISK_SECTOR_BYTES
    count = size_bytes // _DISK_SECTOR_BYTES - start
    struct.pack_into("<I", sector, 440, 0x1B607)
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", _UEFI, b"\xfe\xff\xff", start, count)
    sector[446:462] = entry
    sector[510:] = b"\x55\xaa"
    return bytes(sector)
