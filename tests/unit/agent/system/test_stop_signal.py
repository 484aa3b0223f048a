import pytest

from agent.errors import CannotStop, Stopped
from agent.system.stop_signal import StopSignal


def test_a_stop_is_refused_until_the_last_of_several_is_done() -> None:
    stop = StopSignal("not begun")
    stop.allow()
    with stop.refusing("a is busy"):
        with stop.refusing("b is busy"), pytest.raises(CannotStop, match="a is busy"):
            stop.set()
        assert stop.refused == "a is busy"
    assert stop.refused is None
    stop.set()
    with pytest.raises(Stopped, match="c was stopped"), stop.refusing("c is busy", "c"):
        pytest.fail("begun although it was stopped")
    assert stop.refused is None


def test_a_failure_ends_the_refusal() -> None:
    stop = StopSignal()
    with pytest.raises(OSError, match="gone"), stop.refusing("busy"):
        raise OSError("gone")
    stop.set()
