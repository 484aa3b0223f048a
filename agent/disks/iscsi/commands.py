"""SCSI commands as bytes, and answers read. Pure.

Source: T10, SBC-4 (READ and WRITE (16), SYNCHRONIZE CACHE (16), WRITE SAME (16), READ CAPACITY (16), Block Limits VPD page) and SPC-5
(INQUIRY).
"""

import struct
from dataclasses import dataclass

from agent.errors import DiskError

_MOST_BYTES = 1 << 20
_CAPACITY_BYTES = 32
_LIMITS_BYTES = 64
_USUAL_WRITE_SAME_BLOCKS = 0xFFFF
_SECTORS = (512, 1024, 2048, 4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that one command may move; ``zero_blocks`` is for WRITE SAME."""

    transfer_blocks: int
    zero_blocks: int


@dataclass(frozen=True, slots=True)
class Query:
    """A command with so many bytes of answer."""

    cdb: bytes
    answer_bytes: int


def read(block: int, blocks: int) -> bytes:
    """Return READ (16)."""
    return struct.pack(">BBQIBB", 0x88, 0, block, blocks, 0, 0)


def write(block: int, blocks: int) -> bytes:
    """Return WRITE (16)."""
    return struct.pack(">BBQIBB", 0x8A, 0, block, blocks, 0, 0)


def write_same(block: int, blocks: int) -> bytes:
    """Return WRITE SAME (16): the one block of its data is written to all; nothing is unmapped."""
    return struct.pack(">BBQIBB", 0x93, 0, block, blocks, 0, 0)


def flush() -> bytes:
    """Return SYNCHRONIZE CACHE (16) for the whole disk."""
    return struct.pack(">BBQIBB", 0x91, 0, 0, 0, 0, 0)


def capacity() -> Query:
    """Return READ CAPACITY (16)."""
    cdb = struct.pack(">BBQIBB", 0x9E, 0x10, 0, _CAPACITY_BYTES, 0, 0)
    return Query(cdb, _CAPACITY_BYTES)


def block_limits() -> Query:
    """Return INQUIRY of the Block Limits page."""
    return Query(struct.pack(">BBBHB", 0x12, 1, 0xB0, _LIMITS_BYTES, 0), _LIMITS_BYTES)


def read_capacity(answer: bytes) -> tuple[int, int]:
    """Return the number of blocks, and the size of one.

    Raises:
        DiskError: It is no disk.
    """
    last, size_bytes = struct.unpack_from(">QI", answer)
    if size_bytes not in _SECTORS:
        raise DiskError(f"its blocks have {size_bytes} bytes; this is no disk")
    return last + 1, size_bytes


def read_limits(answer: bytes | None, sector_bytes: int) -> Limits:
    """Return what one command may move, never more than 1 MiB of data.

    Args:
        answer: The Block Limits page; ``None`` = the target has none.
        sector_bytes: Size of a block.
    """
    transfer, zero = 0, 0
    if answer is not None and answer[1] == 0xB0:  # noqa: PLR2004  # the page's own number
        transfer = int(struct.unpack_from(">I", answer, 8)[0])
        zero = int(struct.unpack_from(">Q", answer, 36)[0])
    most = _MOST_BYTES // sector_bytes
    return Limits(
        transfer_blocks=min(transfer or most, most),
        zero_blocks=min(zero or _USUAL_WRITE_SAME_BLOCKS, 0xFFFFFFFF),
    )
