"""Who types on a shared line, and what waits of it."""

from pathlib import Path

import pytest

from controller.consoles.ring_log import RingLog
from controller.consoles.shared_line import LineState, SharedLine

_MOST = 4096


@pytest.fixture
def line(tmp_path: Path) -> SharedLine:
    made = SharedLine(RingLog(tmp_path / "x.log", 1000), lambda: None)
    made.set_state(LineState.OPEN)
    return made


def test_what_was_put_back_into_a_full_queue_lets_nothing_more_in(line: SharedLine) -> None:
    keyboard = line.take_keyboard("ann", by_force=False)
    assert line.type(keyboard, b"a" * _MOST, 0) == _MOST
    taken = line.typed(1000)
    assert line.type(keyboard, b"b" * 1000, _MOST) == _MOST + 1000
    line.put_back(taken)
    assert line.type(keyboard, b"c" * 2000, _MOST + 1000) == _MOST + 1000
    assert line.typed(10_000) == b"a" * _MOST + b"b" * 1000


def test_who_takes_the_keyboard_begins_with_nothing_waiting(line: SharedLine) -> None:
    before = line.take_keyboard("ann", by_force=False)
    line.type(before, b"rm -rf /\r", 0)
    line.send_break(before)
    line.take_keyboard("bob", by_force=True)
    assert (line.typed(100), line.wants_break()) == (b"", False)


def test_what_could_not_be_sent_does_not_come_back_to_another_typist(line: SharedLine) -> None:
    before = line.take_keyboard("ann", by_force=False)
    line.type(before, b"rm -rf /\r", 0)
    taken = line.typed(100)
    after = line.take_keyboard("bob", by_force=True)
    line.put_back(taken)
    line.type(after, b"ls\r", 0)
    assert line.typed(100) == b"ls\r"
