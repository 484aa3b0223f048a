"""The image of one machine: signed loaders, what they shall do, kernel, ramdisk and settings, as a CD and a disk, made while it is sent.

One FAT holds everything; UEFI starts from it. An ISO 9660 tree before it names the same places, for BIOS, for the ramdisk, and for whoever
looks into a CD. So nothing but tables is in memory, and nothing on a disk: ten thousand machines need no more room than one.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from agent.protocol.http_server.files import FileParts, Part, Transfer
from controller.boot.fat_image import TooLarge, plan_fat
from controller.boot.iso_image import (
    SECTOR_BYTES,
    BiosBoot,
    Extent,
    bios_program,
    head_bytes,
    iso_head,
)
from controller.errors import Invalid

_LARGEST_UNIT_BYTES, _ENOUGH_CLUSTERS = 16384, 4300
_PAD_BYTES = 256 * SECTOR_BYTES
"""Behind the last file: whoever reads ahead must not come to the end of a CD, or gets nothing of what is before it (seen with SeaBIOS)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of this machine, as it was when the image was planned."""

    path: Path
    size_bytes: int
    changed_ns: int


def stored(path: Path) -> Stored:
    """Look at a file.

    Raises:
        OSError: It is not there.
    """
    facts = path.stat()
    return Stored(path=path, size_bytes=facts.st_size, changed_ns=facts.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Zeros:
    """Nothing but zeros, which take no memory."""

    size_bytes: int


Content = bytes | Stored
"""What a file of an image has inside."""
Piece = Content | Zeros


@dataclass(frozen=True, slots=True, kw_only=True)
class BootImage:
    """An image as planned: what is sent, one behind the other."""

    pieces: tuple[Piece, ...]
    etag: str
    """The same for the same bytes."""

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return sum(map(_size, self.pieces))


@lru_cache(maxsize=16)
def plan_boot_image(
    files: tuple[tuple[str, str, Content], ...], label: str, bios: BiosBoot | None
) -> BootImage:
    """Plan an image that boots. Machines that read it piece by piece ask for the same one hundreds of times, so some are kept.

    Args:
        files: Each with its name on the CD, on the FAT (eight signs and three), and what is in it, which is not empty.
        label: Name of the volume.
        bios: What starts a BIOS; ``None`` = UEFI only.

    Raises:
        Invalid: The files are too large for an image.
    """
    try:
        sizes = {fat: _size(it) for _, fat, it in files}
        fat = plan_fat(sizes, "INGOT", unit_bytes=_unit_bytes(sum(sizes.values())))
    except TooLarge as error:
        raise Invalid(str(error)) from error
    head = head_bytes([name for name, _, _ in files])
    program_bytes = len(bios.program) if bios else 0
    efi_start = head + program_bytes + -program_bytes % SECTOR_BYTES
    places = {
        name: Extent(start_byte=efi_start + fat.starts[old], size_bytes=_size(it))
        for name, old, it in files
    }
    efi = Extent(start_byte=efi_start, size_bytes=fat.size_bytes)
    for_bios = (bios, Extent(start_byte=head, size_bytes=program_bytes)) if bios else None
    size_bytes = efi_start + fat.size_bytes + _PAD_BYTES
    top = iso_head(places, label=label, size_bytes=size_bytes, efi=efi, bios=for_bios)
    program = bios_program(*for_bios) if for_bios else b""
    filled = ((it, Zeros(-_size(it) % fat.cluster_bytes)) for _, _, it in files)
    pieces = (
        top + program.ljust(efi_start - head, b"\0") + fat.head,
        *(piece for pair in filled for piece in pair),
        Zeros(fat.tail_bytes + _PAD_BYTES),
    )
    return _image(pieces)


@lru_cache(maxsize=16)
def plan_data_image(files: tuple[tuple[str, bytes], ...], label: str) -> BootImage:
    """Plan an image of a few small files, from which nothing boots."""
    start = head_bytes([name for name, _ in files])
    places, bodies = {}, []
    for name, content in files:
        places[name] = Extent(start_byte=start, size_bytes=len(content))
        bodies.append(content.ljust(-(-len(content) // SECTOR_BYTES) * SECTOR_BYTES, b"\0"))
        start += len(bodies[-1])
    return _image((iso_head(places, label=label, size_bytes=start), *bodies))


def open_image(
    image: BootImage, start_byte: int, size_bytes: int, on_end: Callable[[Transfer], None] | None
) -> FileParts:
    """Return a part of an image to be sent; what is not in files of this machine is put into memory that belongs to no disk."""
    own: BinaryIO | None = None
    parts, place = [], 0
    for piece, first, count in _cut(image.pieces, start_byte, size_bytes):
        if isinstance(piece, Stored):
            parts.append(Part(file=piece.path.open("rb"), start_byte=first, size_bytes=count))
            continue
        own = own or os.fdopen(os.memfd_create("medium"), "w+b")
        parts.append(Part(file=own, start_byte=place, size_bytes=count))
        if isinstance(piece, bytes):
            own.seek(place)
            own.write(piece[first : first + count])
        place += count
    if own:
        own.truncate(place)
        own.flush()
    return FileParts(parts, on_end)


def _cut(
    pieces: Sequence[Piece], start_byte: int, size_bytes: int
) -> Iterator[tuple[Piece, int, int]]:
    """Yield the pieces between two places, each with its first byte that is wanted, and how many are."""
    place, end = 0, start_byte + size_bytes
    for piece in pieces:
        first = max(start_byte - place, 0)
        last = min(end - place, _size(piece))
        if first < last:
            yield piece, first, last - first
        place += _size(piece)


def _image(pieces: tuple[Piece, ...]) -> BootImage:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece if isinstance(piece, bytes) else repr(piece).encode())
    return BootImage(pieces=pieces, etag=digest.hexdigest()[:32])


def _unit_bytes(size_bytes: int) -> int:
    """Return how large the FAT's clusters are: as large as a FAT16 of this size allows, for its tables are in memory while it is sent."""
    unit = SECTOR_BYTES
    while unit < _LARGEST_UNIT_BYTES and size_bytes // (2 * unit) >= _ENOUGH_CLUSTERS:
        unit *= 2
    return unit


def _size(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.size_bytes
