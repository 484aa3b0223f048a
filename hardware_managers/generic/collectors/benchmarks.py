"""Short benchmarks of an inspection: how fast processors hash, memory is copied, and disks are read. Nothing is written to a disk.

The figures compare machines with each other; they are no match for a real benchmark, nor comparable to other programs' figures.
"""

import hashlib
import mmap
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

from agent.errors import AgentError

_BLOCK = bytes(64 << 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """How many reads of one size were done, and how many of them in a second."""

    count: int
    per_s: float


def hashed_kib_per_s(seconds: float) -> dict[int, int]:
    """Return how much SHA-256 each logical processor does, by its number, in KiB/s; each alone for ``seconds``."""
    allowed = os.sched_getaffinity(0)
    try:
        return {cpu: _hashed_on(cpu, seconds) for cpu in sorted(allowed)}
    finally:
        os.sched_setaffinity(0, allowed)


def _hashed_on(cpu: int, seconds: float) -> int:
    os.sched_setaffinity(0, {cpu})  # of this thread alone: sched_setaffinity(2)
    digest, blocks = hashlib.sha256(), 0
    began = time.perf_counter()
    while (took_s := time.perf_counter() - began) < seconds:
        digest.update(_BLOCK)
        blocks += 1
    return round(blocks * len(_BLOCK) / 1024 / took_s)


def copied_mib_per_s(block_bytes: int, seconds: float) -> int:
    """Return how fast blocks of this size are copied, in MiB/s; larger than the caches it is the memory's speed.

    Two blocks are held; a machine that has not the room for them raises ``AgentError``.
    """
    try:
        source, target = bytearray(block_bytes), memoryview(bytearray(block_bytes))
    except MemoryError as error:
        raise AgentError(f"no room for two blocks of {block_bytes} bytes in memory") from error
    copies = 0
    began = time.perf_counter()
    while (took_s := time.perf_counter() - began) < seconds or copies == 0:
        target[:] = source
        copies += 1
    return round(copies * block_bytes / (1 << 20) / max(took_s, 1e-9))


def read_speed(
    path: Path, size_bytes: int, block_bytes: int, seconds: float, *, is_random: bool
) -> Reads:
    """Read from a disk, past the kernel's cache, for ``seconds``; in order from its beginning, or anywhere.

    Raises:
        AgentError: The disk cannot be opened or read.
    """
    places = max(size_bytes // block_bytes, 1)
    choose = random.Random(0).randrange  # noqa: S311  # places to read from
    buffer = mmap.mmap(-1, block_bytes)  # aligned to pages, as O_DIRECT wants it
    count = 0
    try:
        disk = os.open(path, os.O_RDONLY | os.O_DIRECT)
        try:
            began = time.perf_counter()
            while (took_s := time.perf_counter() - began) < seconds or count == 0:
                place = choose(places) if is_random else count % places
                os.preadv(disk, [buffer], place * block_bytes)
                count += 1
        finally:
            os.close(disk)
    except OSError as error:
        raise AgentError(f"{path}: reading it for a benchmark failed: {error.strerror}") from error
    finally:
        buffer.close()
    return Reads(count=count, per_s=count / max(took_s, 1e-9))
