import threading
from collections.abc import Callable

import pytest

from agent.errors import AgentError, ControllerRefused, ControllerUnreachable
from agent.lifecycle import heartbeat
from agent.lifecycle.heartbeat import Heartbeater
from agent.system.status import StatusBoard


class Listener:
    """Hears heartbeats; the first ``failures`` of them fail."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.beats = threading.Semaphore(0)

    def beat(self) -> None:
        self.beats.release()
        if self.failures:
            self.failures -= 1
            raise ControllerUnreachable("no controller answered")

    def hears_one(self, timeout_s: float = 5) -> bool:
        return self.beats.acquire(timeout=timeout_s)


def at_once(_low: float, _high: float) -> float:
    return 0.001


def factor(value: float) -> Callable[[float, float], float]:
    return lambda _low, _high: value


def test_the_first_heartbeat_is_sent_at_once_and_the_next_with_news() -> None:
    listener, heartbeater = Listener(), Heartbeater(factor(1), StatusBoard())
    heartbeater.start(listener.beat, heartbeat_timeout_s=300)
    assert listener.hears_one()
    assert not listener.hears_one(timeout_s=0.1)
    heartbeater.beat_now()
    assert listener.hears_one()
    heartbeater.must_run()
    heartbeater.stop()


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_AGAIN_S", (0.01, 0.01, 0.01))


@pytest.mark.usefixtures("short_pauses")
def test_news_that_nobody_asks_for_is_told_again_a_few_times() -> None:
    """Ironic answers 202 and drops what comes while it holds the node."""
    listener, heartbeater = Listener(), Heartbeater(factor(1), StatusBoard())
    heartbeater.start(listener.beat, heartbeat_timeout_s=300)
    assert all(listener.hears_one() for _ in range(4))
    assert not listener.hears_one(timeout_s=0.2)
    heartbeater.beat_now()
    assert all(listener.hears_one() for _ in range(4))
    assert not listener.hears_one(timeout_s=0.2)
    heartbeater.stop()


def test_a_controller_that_asks_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_AGAIN_S", (0.5, 0.5, 0.5))
    listener, heartbeater = Listener(), Heartbeater(factor(1), StatusBoard())
    heartbeater.start(listener.beat, heartbeat_timeout_s=300)
    assert listener.hears_one()
    heartbeater.was_asked()
    assert not listener.hears_one(timeout_s=1)
    heartbeater.beat_now()
    assert all(listener.hears_one() for _ in range(2))
    heartbeater.stop()


def test_news_before_the_start_are_not_an_error() -> None:
    heartbeater = Heartbeater(factor(1), StatusBoard())
    heartbeater.beat_now()
    heartbeater.must_run()


def test_failures_are_logged_now_and_then_and_the_recovery_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    listener, heartbeater = Listener(failures=13), Heartbeater(at_once, StatusBoard())
    heartbeater.start(listener.beat, heartbeat_timeout_s=300)
    assert all(listener.hears_one() for _ in range(15))
    heartbeater.stop()
    assert caplog.messages == [
        "heartbeat failed; trying again",
        "heartbeat failed; trying again",
        "heartbeat accepted again",
    ]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_that_ends_the_heartbeats_is_noticed() -> None:
    ended = threading.Event()

    def broken() -> None:
        ended.set()
        raise ZeroDivisionError

    heartbeater = Heartbeater(factor(1), StatusBoard())
    heartbeater.start(broken, heartbeat_timeout_s=300)
    assert ended.wait(5)
    assert heartbeater._thread is not None
    heartbeater._thread.join(5)
    with pytest.raises(AgentError, match="heartbeats ended by themselves"):
        heartbeater.must_run()


def test_a_busy_node_is_tried_again_soon_and_a_busy_controller_ever_more_rarely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers, counted = [409, 409, 503, 409, 503], []
    done = threading.Event()

    def beat() -> None:
        if answers:
            status = answers.pop(0)
            raise ControllerRefused(f"answers {status}", answered=status)
        done.set()

    def noted(*, failures: int, heartbeat_timeout_s: float, uniform: object) -> float:
        counted.append(failures)
        return 0.001 if failures else heartbeat_timeout_s

    monkeypatch.setattr(heartbeat, "next_beat_in", noted)
    heartbeater = Heartbeater(at_once, StatusBoard())
    heartbeater.start(beat, heartbeat_timeout_s=300)
    assert done.wait(5)
    heartbeater.stop()
    assert counted[:5] == [1, 1, 3, 1, 5]
