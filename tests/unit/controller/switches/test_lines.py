import threading
import time

import pytest

from controller.errors import SwitchBusy, SwitchUnreachable
from controller.switches.lines import Lines


def soon() -> float:
    return time.monotonic() + 20


def test_one_call_at_a_time_to_each_switch() -> None:
    lines, may_end = Lines(), threading.Event()
    begun = threading.Event()

    def hold() -> str:
        begun.set()
        may_end.wait(20)
        return "held"

    found: list[str] = []

    def call() -> None:
        found.append(lines.call("a", hold, what="x", wait_s=1, ends_at=soon()))

    thread = threading.Thread(target=call)
    thread.start()
    assert begun.wait(20)
    with pytest.raises(SwitchBusy, match=r"switch a is busy .* wanted there"):
        lines.call("a", lambda: 1, what="wanted there", wait_s=0, ends_at=soon())
    assert lines.call("b", lambda: 2, what="x", wait_s=0, ends_at=soon()) == 2
    may_end.set()
    thread.join(20)
    assert found == ["held"]
    assert lines.call("a", lambda: 3, what="x", wait_s=20, ends_at=soon()) == 3


def test_a_call_that_hangs_keeps_only_its_switch() -> None:
    lines, may_end = Lines(), threading.Event()
    with pytest.raises(SwitchUnreachable, match="switch a did not answer within 0 s; look at it"):
        lines.call("a", may_end.wait, what="look at it", wait_s=0, ends_at=0.0)
    with pytest.raises(SwitchBusy):
        lines.call("a", lambda: 1, what="x", wait_s=0, ends_at=soon())
    may_end.set()
    assert lines.call("a", lambda: 1, what="x", wait_s=20, ends_at=soon()) == 1


def test_an_error_is_raised_where_it_is_waited_for() -> None:
    lines = Lines()

    def fail() -> None:
        raise KeyError("x")

    for _ in range(2):
        with pytest.raises(KeyError):
            lines.call("a", fail, what="x", wait_s=1, ends_at=soon())
