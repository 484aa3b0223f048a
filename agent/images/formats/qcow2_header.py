"""The header of a qcow2 file (QEMU ``docs/interop/qcow2.txt``, versions 2 and 3), every number checked before it is used."""

import struct
from dataclasses import dataclass
from enum import IntEnum

from agent.errors import ImageError

MAGIC = b"QFI\xfb"
HEADER_BYTES = 104
"""As many bytes of the file are looked at; the header itself may be shorter or longer."""
_HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQII")
_MAX_VIRTUAL_BYTES = 1 << 46
_MAX_L1_BYTES = 8 << 20
_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION, _EXTENDED_L2 = 1, 2, 4, 8, 16
_USABLE = _DIRTY | _COMPRESSION | _EXTENDED_L2
"""Dirty means that reference counts may be wrong, which only writers need: readers open it (``qemu-img convert`` too)."""
_EXTENDED_MIN_BITS = 14
PARTS = 32
"""Subclusters of a cluster with an extended L2 entry."""


class Compression(IntEnum):
    """How compressed clusters are packed; the values are those of the file format."""

    ZLIB = 0
    ZSTD = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the header says, checked; ``file_bytes`` is the size of the whole qcow2 file."""

    version: int
    cluster_bits: int
    virtual_bytes: int
    l1_entries: int
    l1_start_byte: int
    compression: Compression
    file_bytes: int
    has_subclusters: bool = False
    """Extended L2 entries: each has a bitmap for the 32 parts of its cluster."""

    @property
    def cluster_bytes(self) -> int:
        """Size of a cluster."""
        return 1 << self.cluster_bits

    @property
    def part_bytes(self) -> int:
        """The smallest stretch that may hold data of its own: a cluster, or its 32nd part."""
        return self.cluster_bytes // PARTS if self.has_subclusters else self.cluster_bytes

    @property
    def l2_covers_bytes(self) -> int:
        """How much of the virtual disk one L2 table, a cluster large, describes."""
        return self.cluster_bytes // (16 if self.has_subclusters else 8) * self.cluster_bytes

    @property
    def l1_needed(self) -> int:
        """Number of L1 entries that cover the virtual disk; the rest is saved memory of snapshots."""
        return -(-self.virtual_bytes // self.l2_covers_bytes)

    def require_inside(self, start_byte: int, size_bytes: int, what: str) -> None:
        """Refuse a stretch that the file does not have.

        Raises:
            ImageError: It lies beyond the file's end; ``what`` names it.
        """
        if start_byte + size_bytes > self.file_bytes:
            raise ImageError(
                f"qcow2: {what} at byte {start_byte} lies beyond the file's end"
                f" ({self.file_bytes} bytes); the file is cut off or damaged"
            )


def read_header(start: bytes, file_bytes: int) -> Header:
    """Parse and check the header.

    Args:
        start: The first 104 bytes of the file or more.
        file_bytes: Size of the whole file.

    Raises:
        ImageError: It is no qcow2 file, or one that must not or cannot be written to a disk; the message says why.
    """
    if len(start) < HEADER_BYTES or start[:4] != MAGIC:
        raise ImageError("not a qcow2 file, or cut off inside its header")
    (_, version, backing, _, bits, virtual, crypt, l1_entries, l1_at, *rest) = _HEADER.unpack(
        start[:HEADER_BYTES]
    )
    if version not in (2, 3):
        raise ImageError(f"qcow2: version {version}; only 2 and 3 exist")
    incompatible, header_bytes = (rest[-5], rest[-1]) if version == 3 else (0, 72)  # noqa: PLR2004
    if backing:
        raise ImageError(
            "qcow2: has a backing file, which could be anything; flatten it: qemu-img convert"
        )
    if crypt:
        raise ImageError("qcow2: encrypted; decrypt it: qemu-img convert")
    _check_features(incompatible)
    compression = 0
    if incompatible & _COMPRESSION:
        if not HEADER_BYTES < header_bytes <= len(start):
            raise ImageError(f"qcow2: header of {header_bytes} bytes names no compression type")
        compression = start[HEADER_BYTES]
    if compression not in list(Compression):
        raise ImageError(f"qcow2: unknown compression type {compression}")
    header = Header(
        version=version,
        cluster_bits=bits,
        virtual_bytes=virtual,
        l1_entries=l1_entries,
        l1_start_byte=l1_at,
        compression=Compression(compression),
        file_bytes=file_bytes,
        has_subclusters=bool(incompatible & _EXTENDED_L2),
    )
    _check_sizes(header)
    return header


def _check_features(incompatible: int) -> None:
    if incompatible & _DATA_FILE:
        raise ImageError("qcow2: keeps its data in another file; join them: qemu-img convert")
    if incompatible & _CORRUPT:
        raise ImageError("qcow2: marked as corrupt; repair it: qemu-img check -r all")
    if unknown := incompatible & ~_USABLE:
        raise ImageError(f"qcow2: unknown features {unknown:#x}; rewrite it: qemu-img convert")


def _check_sizes(header: Header) -> None:
    if not 9 <= header.cluster_bits <= 21:  # noqa: PLR2004  # the specification's range
        raise ImageError(f"qcow2: clusters of 2^{header.cluster_bits} bytes are not allowed")
    if header.has_subclusters and header.cluster_bits < _EXTENDED_MIN_BITS:
        raise ImageError(
            f"qcow2: clusters of 2^{header.cluster_bits} bytes are too small for extended L2 entries"
        )
    if not 0 < header.virtual_bytes <= _MAX_VIRTUAL_BYTES:
        raise ImageError(f"qcow2: a virtual disk of {header.virtual_bytes} bytes is absurd")
    if header.l1_entries < header.l1_needed:
        raise ImageError(
            f"qcow2: {header.l1_entries} L1 entries, but the virtual disk needs {header.l1_needed}"
        )
    if header.l1_needed * 8 > _MAX_L1_BYTES:
        raise ImageError(
            f"qcow2: an L1 table of {header.l1_needed * 8} bytes is too large;"
            " rewrite the image with larger clusters"
        )
    header.require_inside(header.l1_start_byte, header.l1_needed * 8, "L1 table")
