"""The consoles' thread rests where there is nothing to do, and keeps open what is open where there is no room for all."""

import errno
import queue
import selectors
from pathlib import Path

import pytest

from controller.consoles.lines import Consoles
from controller.consoles.shared_line import LineState
from controller.consoles.wanted import WantedConsole
from controller.hardware.console import LineProgram

_PATIENCE_S = 30


class _Selector(selectors.DefaultSelector):
    """Tells how long it was to wait."""

    waits: queue.Queue[float | None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.waits.put(timeout)
        return super().select(timeout)


def test_the_thread_rests_where_there_is_no_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _Selector.waits = queue.Queue()
    monkeypatch.setattr(selectors, "DefaultSelector", _Selector)
    consoles = Consoles(tmp_path, most=1, log_bytes=100)
    consoles.keep_alive()
    try:
        waits = [_Selector.waits.get(timeout=_PATIENCE_S) for _ in range(2)]
    finally:
        consoles.stop()
    assert waits == [1.0, 1.0]


def _wished(*uuids: str, whose: str = "") -> dict[str, WantedConsole]:
    program = LineProgram(module="none", order=b"", where="x")
    return {uuid: WantedConsole(program=program, whose=whose) for uuid in uuids}


def test_who_comes_later_closes_nobodys_console_where_there_is_no_room(tmp_path: Path) -> None:
    consoles = Consoles(tmp_path, most=2, log_bytes=100)
    consoles.want(_wished("b", "c"))
    consoles.want(_wished("a", "b", "c", "d"))
    assert [uuid for uuid in "abcd" if consoles.is_left_out(uuid)] == ["a", "d"]
    consoles.want(_wished("a", "c", "d"))
    assert [uuid for uuid in "acd" if consoles.is_left_out(uuid)] == ["d"]
    consoles.stop()


def test_another_owner_gets_a_console_of_his_own(tmp_path: Path) -> None:
    consoles = Consoles(tmp_path, most=1, log_bytes=100)
    consoles.want(_wished("a", whose="red"))
    consoles._follow_wishes()
    first = consoles.find("a")
    assert first is not None
    first.show(b"the password of red")
    consoles._follow_wishes()
    assert consoles.find("a") is first
    consoles.want(_wished("a", whose="blue"))
    consoles._follow_wishes()
    second = consoles.find("a")
    assert second is not None
    assert first.standing().state is LineState.CLOSED
    assert second.log.read(0, 100) == (0, b"")
    assert second.log.epoch != first.log.epoch
    consoles.stop()


def test_a_disk_that_has_room_again_is_no_reason_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consoles = Consoles(tmp_path, most=1, log_bytes=100)
    consoles.want(_wished("a"))
    consoles._follow_wishes()
    line = consoles._lines["a"]
    line.shared.set_state(LineState.OPEN)

    def full(_data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(line.shared.log, "append", full)
        consoles._store(line, b"lost")
    standing = line.shared.standing()
    assert standing.reason == "what it shows cannot be stored: No space left on device"
    consoles._store(line, b"kept")
    standing = line.shared.standing()
    assert (standing.state, standing.reason) == (LineState.OPEN, "")
    assert line.shared.log.read(0, 100) == (0, b"kept")
    consoles.stop()
