"""The judge of power cuts is told good writers from bad ones."""

import struct
from collections import Counter

import pytest

from tests.lab.disks.crash_states import judge_all
from tests.lab.disks.disk_verdict import MIB, Judge, Verdict
from tests.lab.disks.write_log import Epoch, Write, read_epochs
from tests.lab.errors import LabError

SIZE = 3 * MIB
OLDER = bytes([1]) * SIZE
FINISHED = bytes([2]) * SIZE
TAIL_FROM = SIZE - 34 * 512


def write(start: int, end: int, value: int) -> Write:
    return Write(start, memoryview(bytes([value]) * (end - start)))


WIPE = Epoch((write(0, MIB, 0), write(TAIL_FROM, SIZE, 0)))
DATA = Epoch((write(MIB, 2 * MIB, 2), write(2 * MIB, TAIL_FROM, 2)))
TABLES = Epoch((write(TAIL_FROM, SIZE, 2), write(512, MIB, 2)))
FIRST_SECTOR = Epoch((write(0, 512, 2),))
END = Epoch(())


def verdicts(*epochs: Epoch) -> list[Counter[Verdict]]:
    return judge_all(epochs, Judge(older=OLDER, finished=FINISHED), samples=6, seed=1)


def test_a_writer_that_puts_the_first_sector_last_is_never_broken() -> None:
    wipe, data, tables, sector, end = verdicts(WIPE, DATA, TABLES, FIRST_SECTOR, END)
    assert wipe.keys() == {Verdict.OLDER, Verdict.BLANK}
    assert data.keys() == {Verdict.BLANK}
    assert tables.keys() == {Verdict.BLANK, Verdict.SEALED}
    assert sector.keys() == {Verdict.SEALED, Verdict.COMPLETE}
    assert end == {Verdict.COMPLETE: 1}


@pytest.mark.parametrize(
    "epochs",
    [
        (Epoch(WIPE.writes + DATA.writes), TABLES, FIRST_SECTOR, END),
        (WIPE, Epoch(DATA.writes + TABLES.writes), FIRST_SECTOR, END),
        (WIPE, DATA, Epoch(TABLES.writes + FIRST_SECTOR.writes), END),
    ],
    ids=["wipe and data", "data and tables", "tables and first sector"],
)
def test_a_missing_flush_is_found(epochs: tuple[Epoch, ...]) -> None:
    assert sum(verdicts(*epochs), Counter())[Verdict.BROKEN] > 0


def entry(sector: int, data: bytes, flags: int) -> bytes:
    head = struct.pack("<QQQQ", sector, len(data) // 512, flags, 0)
    return head.ljust(512, b"\0") + data


def test_a_log_is_cut_at_its_flushes() -> None:
    log = struct.pack("<QQQI", 0x6A736677736872, 1, 3, 512).ljust(512, b"\0")
    log += entry(2, b"a" * 512, 0) + entry(0, b"", 1) + entry(4, b"b" * 1024, 0)
    first, second = read_epochs(memoryview(log))
    assert [(w.start_byte, bytes(w.data)) for w in first.writes] == [(1024, b"a" * 512)]
    assert [(w.start_byte, bytes(w.data)) for w in second.writes] == [(2048, b"b" * 1024)]


def test_what_is_no_log_is_refused() -> None:
    with pytest.raises(LabError, match="no log of writes"):
        read_epochs(memoryview(bytes(512)))
