"""Proof by looking: random bytes are put on a disk before it is erased, and must be gone afterwards.

A drive's word is not enough: tools end with status 0 where a drive did nothing (hdparm, sg_format and others on emulated drives
do), and a disk that held zeros before shows nothing by holding zeros afterwards. It is a sample: it shows that the erasure ran
over the disk's addressable blocks, not what lies in blocks that the drive has set aside.
"""

import logging
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.disks.open_disk import MIB, OpenDisk
from agent.errors import DiskError, EraseError
from agent.protocol.erasure import ReadBack

log = logging.getLogger(__name__)
BLOCK_BYTES = 4096
_PLACES = 62
"""With the two MiB at the ends: a lost twentieth of a disk is met with a probability of 96 %, a lost tenth of 99.8 %."""
_SYSTEM_RANDOM = random.SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Bytes that were written at a place and read there again; ``content`` = ``None``: nothing could be written (a locked drive)."""

    start_byte: int
    size_bytes: int
    content: bytes | None


def plan_places(
    size_bytes: int, rng: random.Random = _SYSTEM_RANDOM, places: int = _PLACES
) -> tuple[tuple[int, int], ...]:
    """Return (start byte, size) of what is marked: the first and the last MiB, and blocks between them.

    Args:
        size_bytes: Size of the disk; what is beyond the last whole block stays out.
        rng: Chooses the blocks.
        places: How many blocks between at most.

    Returns:
        In ascending order, not overlapping, multiples of ``BLOCK_BYTES``.
    """
    blocks = size_bytes // BLOCK_BYTES
    edge = MIB // BLOCK_BYTES
    if blocks <= 2 * edge:
        return ((0, blocks * BLOCK_BYTES),) if blocks else ()
    between = range(edge, blocks - edge)
    chosen = sorted(rng.sample(between, min(places, len(between))))
    return (
        (0, MIB),
        *((block * BLOCK_BYTES, BLOCK_BYTES) for block in chosen),
        ((blocks - edge) * BLOCK_BYTES, MIB),
    )


def mark(path: Path) -> tuple[Mark, ...]:
    """Write random bytes to places of a disk, flush, and read them again.

    A disk that refuses to be written has marks without content: a locked drive can be erased all the same.

    Raises:
        DiskInUse: Somebody uses it.
        EraseError: It took what was written and did not keep it, or is too small for a mark.
    """
    with OpenDisk(path) as disk:
        places = plan_places(disk.size_bytes)
        if not places:
            raise EraseError(f"{path}: smaller than the {BLOCK_BYTES} bytes that are looked at")
        marks = tuple(
            Mark(start_byte=start, size_bytes=size, content=_SYSTEM_RANDOM.randbytes(size))
            for start, size in places
        )
        try:
            for one in marks:
                disk.write_bytes(one.content or b"", one.start_byte)
            disk.flush()
        except DiskError as error:
            log.warning("disk cannot be marked", extra={"disk": str(path), "why": str(error)})
            return tuple(replace(one, content=None) for one in marks)
        lost = [one for one in marks if disk.read(one.start_byte, one.size_bytes) != one.content]
    if lost:
        raise EraseError(
            f"{path}: what is written at byte {lost[0].start_byte} is not what is read: the disk ignores writes or is faulty,"
            " so no erasure of it could be shown; replace it"
        )
    return marks


def read_back(path: Path, marks: Sequence[Mark], expected: str) -> ReadBack:
    """Look at every marked place again, past all caches.

    Raises:
        DiskError: The disk cannot be opened.
    """
    seen: list[tuple[bytes | None, bytes | None]] = []
    with OpenDisk(path, writable=False) as disk:
        for one in marks:
            seen += _look(disk, one)
    return judge(seen, expected)


def _look(disk: OpenDisk, marked: Mark) -> list[tuple[bytes | None, bytes | None]]:
    found: list[tuple[bytes | None, bytes | None]] = []
    for offset in range(0, marked.size_bytes, BLOCK_BYTES):
        size = min(BLOCK_BYTES, marked.size_bytes - offset)
        before = None if marked.content is None else marked.content[offset : offset + size]
        try:
            now: bytes | None = disk.read(marked.start_byte + offset, size)
        except DiskError:
            now = None
        found.append((before, now))
    return found


def judge(seen: Sequence[tuple[bytes | None, bytes | None]], expected: str) -> ReadBack:
    """Count what was found.

    Args:
        seen: Pairs of what was there (``None`` = not known) and what is there now (``None`` = unreadable).
        expected: ``zeros`` or ``changed``.
    """
    kinds = Counter(_kind(before, now) for before, now in seen)
    edges = min(len(seen), 2 * MIB // BLOCK_BYTES)
    return ReadBack(
        block_bytes=BLOCK_BYTES,
        blocks=len(seen),
        places=len(seen) - edges,
        zeros=kinds["zeros"],
        changed=kinds["changed"],
        same=kinds["same"],
        unknown=kinds["unknown"],
        unreadable=kinds["unreadable"],
        expected=expected,
    )


def _kind(before: bytes | None, now: bytes | None) -> str:
    if now is None:
        return "unreadable"
    if not any(now):
        return "zeros"
    if before is None:
        return "unknown"
    return "same" if now == before else "changed"


def objection(found: ReadBack) -> str | None:
    """Return why a read-back does not show that a disk is erased; ``None`` = it does."""
    if found.same:
        return (
            f"{found.same} of {found.blocks} blocks that were looked at hold what they held before"
        )
    if found.expected == "zeros" and found.zeros < found.blocks:
        other = found.blocks - found.zeros
        return f"{other} of {found.blocks} blocks that were looked at do not read as zeros, though the method writes zeros"
    if found.unknown:
        return (
            f"{found.unknown} of {found.blocks} blocks that were looked at do not read as zeros, and the disk could not be marked"
            " before, so it is not shown that they are other ones"
        )
    if found.unreadable:
        return (
            f"{found.unreadable} of {found.blocks} blocks that were looked at cannot be read, so nothing is shown of them: a disk"
            " with bad blocks keeps what is in them; replace it"
        )
    return None
