"""Remembers what was sent to the disk, so that it can be read back and compared.

It guards against faulty disks, cables and controllers, not against malice, so a CRC-32 (Python's :mod:`zlib`, ITU-T V.42) is
enough. A witness is told by several threads at once, of every place at most once and in any order. It reads no disk.
"""

import heapq
import math
import random
import threading
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

_SAMPLES = 64
_ZERO_SAMPLES = 16
_SAMPLE_BYTES = 32 << 10
_BLOCK_BYTES = 256 << 10
"""A CRC covers at most this much: 16 bytes of memory for each block, 6.5 MB for 100 GiB written in order."""
_ZERO_STEP_BYTES = 1 << 20


class Verification(StrEnum):
    """How much of the disk is read back and compared with what was streamed."""

    NONE = "none"
    SAMPLE = "sample"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Claim:
    """What ``size_bytes`` from ``start_byte`` on must hold: these bytes, bytes with this CRC-32, or (``None``) zeros."""

    start_byte: int
    size_bytes: int
    expected: bytes | int | None

    @property
    def end_byte(self) -> int:
        """One past the last byte."""
        return self.start_byte + self.size_bytes

    def difference(self, found: memoryview) -> str | None:
        """Return where ``found`` differs, in words as exact as the memory of the witness; ``None`` = it does not."""
        if isinstance(self.expected, int):
            if zlib.crc32(found) == self.expected:
                return None
            return f"one of the {self.size_bytes} bytes from byte {self.start_byte} on"
        wanted = bytes(self.size_bytes) if self.expected is None else self.expected
        if bytes(found) == wanted:
            return None
        pairs = enumerate(zip(found, wanted, strict=True))
        return f"byte {self.start_byte + next(n for n, (is_, was) in pairs if is_ != was)}"


class Witness(Protocol):
    """Hears of every write and answers with claims."""

    mode: Verification

    def saw_write(self, view: memoryview, start_byte: int) -> None:
        """Hear that ``view`` was sent to its place."""

    def saw_zeros(self, start_byte: int, end_byte: int) -> None:
        """Hear that a stretch was ordered to read as zeros."""

    def claims(self) -> Iterator[Claim]:
        """Return what the disk must hold now, in the order of the disk."""

    @property
    def claimed_bytes(self) -> int:
        """Bytes that the claims cover."""


def make_witness(mode: Verification, source: random.Random | None = None) -> Witness:
    """Return a witness; ``source`` chooses the sample, by default from the operating system's entropy."""
    if mode is Verification.NONE:
        return Blind()
    if mode is Verification.WHOLE:
        return WholeWitness()
    return SampleWitness(source or random.SystemRandom())


class Blind:
    """Remembers nothing."""

    mode = Verification.NONE
    claimed_bytes = 0

    def saw_write(self, view: memoryview, start_byte: int) -> None:
        """Forget it."""

    def saw_zeros(self, start_byte: int, end_byte: int) -> None:
        """Forget it."""

    def claims(self) -> Iterator[Claim]:
        """Return none."""
        return iter(())


class Reservoir:
    """Chooses ``size`` of a stream of unknown length, each equally likely, at the cost of a comparison for the others.

    Li, "Reservoir-sampling algorithms of time complexity O(n(1+log(N/n)))", 1994: algorithm L.
    """

    def __init__(self, size: int, source: random.Random) -> None:
        self._size = size
        self._source = source
        self._seen = 0
        self._next = 0
        self._width = 1.0

    def place(self) -> int | None:
        """Take the next item; return the place (below ``size``) where it is kept now, ``None`` = let it pass."""
        item = self._seen
        self._seen += 1
        if item < self._next:
            return None
        if item < self._size - 1:
            self._next = item + 1
            return item
        place = item if item < self._size else self._source.randrange(self._size)
        self._width *= math.exp(self._log_of_chance() / self._size)
        self._next = item + 1 + math.floor(self._log_of_chance() / math.log1p(-self._width))
        return place

    def _log_of_chance(self) -> float:
        return math.log(self._source.uniform(1e-12, 1 - 1e-12))


class SampleWitness:
    """Keeps copies of a random sample of what was written, 2 MiB at most, and the places of some zeros."""

    mode = Verification.SAMPLE

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._written = Reservoir(_SAMPLES, source)
        self._zeros = Reservoir(_ZERO_SAMPLES, source)
        self._kept: dict[tuple[str, int], Claim] = {}

    def saw_write(self, view: memoryview, start_byte: int) -> None:
        """Keep a slice of it, perhaps."""
        with self._lock:
            place = self._written.place()
            if place is not None:
                low, size = self._slice(len(view))
                piece = bytes(view[low : low + size])
                self._kept["data", place] = Claim(start_byte + low, size, piece)

    def saw_zeros(self, start_byte: int, end_byte: int) -> None:
        """Keep the place of a slice of it, perhaps."""
        with self._lock:
            place = self._zeros.place()
            if place is not None:
                low, size = self._slice(end_byte - start_byte)
                self._kept["zeros", place] = Claim(start_byte + low, size, None)

    def _slice(self, size_bytes: int) -> tuple[int, int]:
        size = min(size_bytes, _SAMPLE_BYTES)
        return self._source.randrange(size_bytes - size + 1), size

    def claims(self) -> Iterator[Claim]:
        """Return the sample."""
        return iter(sorted(self._kept.values(), key=lambda claim: claim.start_byte))

    @property
    def claimed_bytes(self) -> int:
        """Bytes that the claims cover."""
        return sum(claim.size_bytes for claim in self._kept.values())


class WholeWitness:
    """Keeps a CRC of everything: neighbours that are written one after the other share one up to 256 KiB."""

    mode = Verification.WHOLE

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starts = array("Q")
        self._sizes = array("I")
        self._sums = array("I")
        self._zeros: list[tuple[int, int]] = []
        self._ends: dict[int, int] = {}
        """The blocks that may still grow: index by end byte."""

    def saw_write(self, view: memoryview, start_byte: int) -> None:
        """Add it to the block before it, or begin blocks of its own."""
        done = 0
        while done < len(view):
            with self._lock:
                index = self._ends.pop(start_byte + done, None)
            size, before = (0, 0) if index is None else (self._sizes[index], self._sums[index])
            piece = view[done : done + _BLOCK_BYTES - size]
            self._keep(index, start_byte + done, size + len(piece), zlib.crc32(piece, before))
            done += len(piece)

    def _keep(self, index: int | None, start_byte: int, size_bytes: int, crc: int) -> None:
        with self._lock:
            if index is None:
                index = len(self._starts)
                self._starts.append(start_byte)
                self._sizes.append(size_bytes)
                self._sums.append(crc)
            else:
                self._sizes[index], self._sums[index] = size_bytes, crc
            if size_bytes < _BLOCK_BYTES:
                if (
                    len(self._ends) >= _SAMPLES
                ):  # those that have waited longest do not grow any more
                    self._ends.pop(next(iter(self._ends)))
                self._ends[self._starts[index] + size_bytes] = index

    def saw_zeros(self, start_byte: int, end_byte: int) -> None:
        """Remember the stretch; one that goes on where the last one ended makes it longer."""
        with self._lock:
            if self._zeros and self._zeros[-1][1] == start_byte:
                start_byte = self._zeros.pop()[0]
            self._zeros.append((start_byte, end_byte))

    def claims(self) -> Iterator[Claim]:
        """Return one claim for each block and for each MiB of zeros."""
        order = sorted(range(len(self._starts)), key=self._starts.__getitem__)
        blocks = (Claim(self._starts[i], self._sizes[i], self._sums[i]) for i in order)
        return heapq.merge(blocks, self._zero_claims(), key=lambda claim: claim.start_byte)

    def _zero_claims(self) -> Iterator[Claim]:
        for start_byte, end_byte in sorted(self._zeros):
            for step in range(start_byte, end_byte, _ZERO_STEP_BYTES):
                yield Claim(step, min(_ZERO_STEP_BYTES, end_byte - step), None)

    @property
    def claimed_bytes(self) -> int:
        """Bytes that the claims cover."""
        return sum(self._sizes) + sum(end - start for start, end in self._zeros)
