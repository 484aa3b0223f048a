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


def test_of_several_parts_those_that_can_are_stopped_and_the_others_are_named() -> None:
    stop = StopSignal()
    busy, free = stop.part(), stop.part()
    with busy.refusing("a erases itself"):
        assert stop.refused is None
        stop.set()
        assert (free.is_set(), busy.is_set(), stop.is_set()) == (True, False, True)
        assert stop.left == ("a erases itself",)
        assert stop.refused == "a erases itself"  # what is still waited for
    assert busy.is_set()
    assert stop.refused is None
    assert stop.part().is_set()


def test_a_stop_is_refused_when_no_part_that_still_runs_can_be_stopped() -> None:
    stop = StopSignal()
    one, two, ended = stop.part(), stop.part(), stop.part()
    ended.close()
    with one.refusing("a is busy"), two.refusing("b is busy"):
        with pytest.raises(CannotStop, match="a is busy; b is busy"):
            stop.set()
        two.close()
        with pytest.raises(CannotStop, match=r"^a is busy$"):
            stop.set()
    assert not one.is_set()
    stop.set()
    assert one.is_set()
