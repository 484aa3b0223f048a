"""What a disk is after a power cut: the finished image, something that no firmware starts, or a failure of the writer. Pure.

Firmware starts a disk by its first sector: BIOS runs the code in it, and both UEFI (specification 2.10, section 5.2.3: a GPT needs
its protective MBR) and Linux take a GPT for one only with it. A disk whose first sector is blank does not start, and a
single sector is written wholly or not at all. Still, tables may only come to the disk when everything else is there, so
that a tool which rebuilds a table from the other one can never bring half an image to life.
"""

from collections.abc import Iterator
from enum import StrEnum

from tests.lab.disks.write_log import Write

MIB = 1 << 20
_TAIL_SECTORS = 34

Content = bytes | bytearray


class Verdict(StrEnum):
    """What a power cut may leave."""

    OLDER = "the older system, nothing of the image"
    BLANK = "no boot code and no table at either end"
    SEALED = "the image, but the first sector is blank"
    COMPLETE = "the image"
    BROKEN = "something that may start and is not the image"


class Middle(StrEnum):
    """What lies between the ends of a disk."""

    OLDER = "the older system's"
    FINISHED = "the image's"
    OTHER = "neither"


class Judge:
    """Knows the disk as it was before, ``older``, and as it is after the write, ``finished``."""

    def __init__(self, *, older: Content, finished: Content, sector_bytes: int = 512) -> None:
        self.older = older
        self.sector_bytes = sector_bytes
        self._finished = finished
        self._middle = slice(MIB, len(older) - _TAIL_SECTORS * sector_bytes)
        # bytearray compares with any buffer at the speed of memory; memoryview goes byte by byte
        self._older_middle = bytearray(older[self._middle])
        self._finished_middle = bytearray(finished[self._middle])

    def judge(self, disk: Content, middle: Middle | None = None) -> Verdict:
        """Look at a whole disk; ``middle`` = what lies between its ends, ``None`` = look."""
        if self.is_blank(disk):
            return Verdict.BLANK
        middle = middle or self.middle(disk)
        if middle is Middle.OLDER:
            return Verdict.OLDER
        if middle is Middle.FINISHED and self._ends(disk) == self._ends(self._finished):
            return Verdict.COMPLETE
        if middle is Middle.FINISHED and not any(disk[: self.sector_bytes]):
            return Verdict.SEALED
        return Verdict.BROKEN

    def middle(self, disk: Content) -> Middle:
        """Look at what lies between the first MiB and the last 34 sectors."""
        middle = memoryview(disk)[self._middle]
        if self._finished_middle == middle:
            return Middle.FINISHED
        return Middle.OLDER if self._older_middle == middle else Middle.OTHER

    def is_blank(self, disk: Content) -> bool:
        """Tell whether the first MiB and the last 34 sectors are all zeros."""
        return all(end == bytes(len(end)) for end in self._ends(disk))

    def reaches_middle(self, write: Write) -> bool:
        """Tell whether a write changes something between the first MiB and the last 34 sectors."""
        return write.start_byte < self._middle.stop and write.end_byte > self._middle.start

    def at_ends(self, write: Write) -> Iterator[Write]:
        """Yield what a write changes in the first MiB and the last 34 sectors."""
        for low, high in ((0, self._middle.start), (self._middle.stop, len(self.older))):
            start, end = max(low, write.start_byte), min(high, write.end_byte)
            if start < end:
                yield Write(start, write.data[start - write.start_byte : end - write.start_byte])

    def _ends(self, disk: Content) -> tuple[Content, Content]:
        return disk[: self._middle.start], disk[self._middle.stop :]
