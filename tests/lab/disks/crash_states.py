"""Every kind of disk that a power cut can leave, from the log of one write.

What came before a flush is on the disk. Of what came after the last one, any part may be: whole writes in any order, and of a
torn write any of its sectors. States are made in memory, one after the other, on the same buffer.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tests.lab.disks.disk_verdict import Judge, Middle, Verdict
from tests.lab.disks.write_log import Epoch, Write


def judge_all(
    epochs: Sequence[Epoch], judge: Judge, *, samples: int, seed: int
) -> list[Counter[Verdict]]:
    """Judge the states that a power cut in each epoch can leave.

    Args:
        epochs: The write, from the older disk to the finished one.
        judge: Knows both.
        samples: How many random subsets of whole writes, and as many of torn ones, are tried in each epoch.
        seed: Of the random choice.

    Returns:
        How often each verdict was given, by epoch.
    """
    source = random.Random(seed)
    disk = bytearray(judge.older)
    counts = []
    for epoch in epochs:
        parts = _parts(epoch.writes, samples, judge.sector_bytes, source)
        middle = judge.middle(disk)
        counts.append(Counter(_judge(disk, part, judge, middle) for part in parts))
        _apply(disk, epoch.writes)
    return counts


def _parts(
    writes: tuple[Write, ...], samples: int, sector_bytes: int, source: random.Random
) -> Iterator[Sequence[Write]]:
    """Yield parts of an epoch: every prefix, every single write, all but one, random ones, torn ones."""
    for index in range(len(writes) + 1):
        yield writes[:index]
    for index in range(len(writes)):
        yield writes[index : index + 1]
        yield writes[:index] + writes[index + 1 :]
    for _ in range(samples if writes else 0):
        share = source.random()
        yield [write for write in writes if source.random() < share]
        yield [piece for write in writes for piece in _torn(write, share, sector_bytes, source)]


def _torn(write: Write, share: float, sector_bytes: int, source: random.Random) -> Iterator[Write]:
    """Yield some sectors of a write: at random, or a run of them from one end."""
    size = len(write.data)
    sectors = range(0, size, sector_bytes)
    cut = int(share * size) // sector_bytes * sector_bytes
    match source.randrange(4):
        case 0:
            yield write
        case 1:
            yield Write(write.start_byte, write.data[:cut])
        case 2:
            yield Write(write.start_byte + cut, write.data[cut:])
        case _:
            for start in source.sample(sectors, min(len(sectors), source.randint(0, 64))):
                yield Write(write.start_byte + start, write.data[start : start + sector_bytes])


def _judge(disk: bytearray, part: Sequence[Write], judge: Judge, middle: Middle) -> Verdict:
    """Judge ``disk`` with a part of the epoch's writes on it, and take them off again.

    What the part writes to the middle counts only if an end is not blank, which a correct writer leaves so: most states
    need no copy of the disk's middle. ``middle`` is what lies there without the part.
    """
    undo = _apply(disk, [end for write in part for end in judge.at_ends(write)])
    if any(map(judge.reaches_middle, part)) and not judge.is_blank(disk):
        _apply(disk, reversed(undo))
        undo = _apply(disk, part)
        middle = judge.middle(disk)
    verdict = judge.judge(disk, middle)
    _apply(disk, reversed(undo))
    return verdict


def _apply(disk: bytearray, writes: Iterable[Write]) -> list[Write]:
    """Write to ``disk`` and return what was there before, in the same order."""
    before = []
    for write in writes:
        place = slice(write.start_byte, write.end_byte)
        before.append(Write(write.start_byte, memoryview(bytes(disk[place]))))
        disk[place] = write.data
    return before
