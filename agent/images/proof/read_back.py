"""Reads the disk back past the page cache and compares it with what the witness heard."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from mmap import mmap

from agent.disks.disk import Disk
from agent.disks.open_disk import MIB
from agent.errors import DiskError
from agent.images.flow.meter import Meter
from agent.images.proof.witness import Claim, Verification, Witness

_WINDOW_BYTES = 4 * MIB
_READERS = 2
_LARGEST_SECTOR_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How a written disk was verified: ``compared_bytes`` were read back and are what was sent."""

    mode: Verification
    compared_bytes: int


def read_back(witness: Witness, disk: Disk, meter: Meter) -> Proof:
    """Compare the flushed disk with what ``witness`` remembers.

    Raises:
        DiskError: A place cannot be read, or reads back differently; the message names the disk and the byte.
    """
    if witness.mode is Verification.NONE:
        return Proof(mode=witness.mode, compared_bytes=0)
    meter.begin("read back", witness.claimed_bytes)
    compared = 0
    with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="image-verify") as pool:
        rooms = deque(mmap(-1, _WINDOW_BYTES + 2 * _LARGEST_SECTOR_BYTES) for _ in range(_READERS))
        running: deque[tuple[mmap, Future[int]]] = deque()
        for window in windows(witness.claims()):
            if not rooms:
                room, first = running.popleft()
                compared += _counted(first.result(), meter)
                rooms.append(room)
            room = rooms.popleft()
            running.append((room, pool.submit(_compare, window, disk, room)))
        for _, last in running:
            compared += _counted(last.result(), meter)
    return Proof(mode=witness.mode, compared_bytes=compared)


def windows(claims: Iterable[Claim]) -> Iterator[list[Claim]]:
    """Put claims that are neighbours together, as far as one read of 4 MiB goes; the order stays."""
    window: list[Claim] = []
    for claim in claims:
        is_next = window and claim.start_byte == window[-1].end_byte
        if window and (not is_next or claim.end_byte - window[0].start_byte > _WINDOW_BYTES):
            yield window
            window = []
        window.append(claim)
    if window:
        yield window


def _compare(window: list[Claim], disk: Disk, room: mmap) -> int:
    """Return the number of bytes that were compared."""
    first, last = window[0], window[-1]
    base = first.start_byte - first.start_byte % disk.sector_bytes
    end_byte = last.end_byte + -last.end_byte % disk.sector_bytes
    view = memoryview(room)[: end_byte - base]
    disk.read_into(view, base)
    for claim in window:
        found = view[claim.start_byte - base : claim.end_byte - base]
        if (place := claim.difference(found)) is not None:
            raise DiskError(
                f"{disk.path}: {place} reads back differently from what was written and flushed: the disk, its"
                " cable or its controller is faulty; it was left without a partition table"
            )
    return last.end_byte - first.start_byte


def _counted(size_bytes: int, meter: Meter) -> int:
    meter.advance(size_bytes)
    return size_bytes
