"""A pool's threads are shared fairly."""

import threading
import time

import pytest

from agent.protocol.http_server.bounds import PoolSize
from agent.protocol.http_server.pools import YOUNG_S, Pool
from agent.protocol.http_server.refused import Refused


class Work:
    """Jobs that note in which order they began, and wait until they may end."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.begun: list[str] = []
        self.away: list[str] = []
        self.has_begun = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)

    def offer(self, party: str | None) -> bool:
        name = str(party)
        return self.pool.offer(party, lambda: self._do(name), lambda: self.away.append(name))

    def _do(self, party: str) -> None:
        self.begun.append(party)
        self.has_begun.release()
        self.may_end.acquire()

    def finish(self, count: int) -> None:
        for _ in range(count):
            self.may_end.release()

    def wait(self, count: int) -> None:
        for _ in range(count):
            assert self.has_begun.acquire(timeout=60)


def test_parties_take_turns() -> None:
    work = Work(Pool("p", PoolSize(threads=1, per_address=1)))
    assert work.offer("first")
    work.wait(1)
    assert all([work.offer("a"), work.offer("a"), work.offer("b")])
    work.finish(4)
    work.wait(3)
    assert work.begun == ["first", "a", "b", "a"]


def test_one_party_gets_its_share_and_the_others_the_rest() -> None:
    work = Work(Pool("p", PoolSize(threads=3, per_address=2)))
    assert all(work.offer("a") for _ in range(4))
    work.wait(2)
    assert work.offer("b")
    work.wait(1)
    assert sorted(work.begun) == ["a", "a", "b"]
    assert work.pool.busy == 3
    work.finish(5)


@pytest.mark.parametrize(("parties", "taken"), [(["a"] * 20, 4), (list("abcdefghijklmnop"), 8)])
def test_what_waits_is_bounded_for_one_and_for_all(parties: list[str], taken: int) -> None:
    work = Work(Pool("p", PoolSize(threads=2, per_address=1)))
    assert work.offer("x")
    assert work.offer("y")
    work.wait(2)
    assert sum([work.offer(party) for party in parties]) == taken
    work.pool.stop()
    work.finish(2)
    work.pool.join(60)
    assert not work.offer("z")
    assert sorted(work.begun) == ["x", "y"]


def test_a_full_queue_has_room_for_who_has_less_in_it() -> None:
    work = Work(Pool("p", PoolSize(threads=2, per_address=1)))
    assert all(work.offer(party) for party in "xy")
    work.wait(2)
    assert all(work.offer(party) for party in "aaaabbbb")
    assert not work.offer("a")
    assert all(work.offer(party) for party in "cc")
    assert not work.offer("c")
    assert work.away == ["a", "b"]
    work.pool.stop()
    work.finish(2)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_short_jobs_are_done_one_after_the_other_and_in_turn() -> None:
    pool = Pool("p", PoolSize(threads=8, per_address=8, at_once=1), Clock())
    work = Work(pool)
    assert all(work.offer(party) for party in "aaab")
    for begun in ("a", "aa", "aab", "aaba"):
        work.wait(1)
        assert ("".join(work.begun), pool.busy) == (begun, 1)
        assert pool.look() == (None if begun == "aaba" else YOUNG_S)
        work.finish(1)


@pytest.mark.parametrize("waiting", [7, 8, 16, 24, 28])
def test_the_more_wait_the_more_are_done_at_once(waiting: int) -> None:
    size = PoolSize(threads=8, per_address=8, at_once=1, at_once_in_need=4)
    pool = Pool("p", size, Clock())
    work = Work(pool)
    together = {7: 1, 8: 2, 16: 3, 24: 4, 28: 4}[waiting]
    assert all(work.offer("a") for _ in range(together + waiting))
    work.wait(together)
    assert pool.busy == together
    work.finish(together + waiting)
    work.wait(waiting)


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_a_job_that_takes_long_holds_up_no_other(at_once: int) -> None:
    clock = Clock()
    pool = Pool("p", PoolSize(threads=8, per_address=8, at_once=at_once), clock)
    work = Work(pool)
    assert all(work.offer("a") for _ in range(10))
    for stuck in range(at_once, 8, at_once):
        work.wait(at_once)
        assert pool.busy == stuck
        assert pool.look() == YOUNG_S
        assert pool.busy == stuck, "they are young yet"
        clock.now += 2 * YOUNG_S
        pool.look()
    work.wait(8 - stuck)
    assert pool.busy == 8
    assert pool.look() is None, "the pool is full: only an end makes room"
    work.finish(10)
    work.wait(2)
    assert pool.look() is None


def test_nobody_looks_often_while_only_an_end_can_help() -> None:
    work = Work(Pool("p", PoolSize(threads=8, per_address=1)))
    assert all(work.offer("a") for _ in range(3))
    work.wait(1)
    assert work.pool.look() is None
    work.finish(3)
    work.wait(2)


def test_a_machine_without_threads_is_told_of_once_and_tried_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError

    work = Work(Pool("p", PoolSize(threads=8, per_address=8, at_once=1)))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        assert work.offer("a")
        waits = [work.pool.look() for _ in range(100)]
    assert waits == [0.5] * 100
    assert caplog.text.count("could not be started") == 1
    assert work.pool.look() is None
    work.wait(1)
    work.finish(1)


def test_who_rested_last_goes_on_first() -> None:
    clock = Clock()
    pool = Pool("p", PoolSize(threads=4, per_address=4), clock)
    threads: list[str] = []
    done = threading.Semaphore(0)

    def do() -> None:
        threads.append(threading.current_thread().name)
        done.release()

    for _ in range(20):
        assert pool.offer(None, do, do)
        assert done.acquire(timeout=60)
        while pool.busy:
            pass
    assert set(threads) == {"p 1"}


def test_a_job_that_fails_does_not_cost_its_thread(caplog: pytest.LogCaptureFixture) -> None:
    pool = Pool("p", PoolSize(threads=1, per_address=1))
    work = Work(pool)

    def fail() -> None:
        raise RuntimeError

    assert all([pool.offer("a", fail, fail), work.offer("b")])
    work.wait(1)
    assert "ended the wrong way" in caplog.text
    work.finish(1)
    pool.stop()
    pool.join(60)


def test_threads_end_when_the_pool_stops() -> None:
    pool = Pool("ending", PoolSize(threads=4, per_address=4))
    work = Work(pool)
    assert all(work.offer("a") for _ in range(3))
    work.wait(3)
    work.finish(2)
    pool.stop()
    work.finish(1)
    pool.join(60)
    assert not any(thread.name.startswith("ending ") for thread in threading.enumerate())


def offer_as(work: Work, caller: str, party: str | None = None) -> bool:
    """Offer a job by the name of its caller."""

    def do() -> None:
        work.begun.append(caller)

    return work.pool.offer(party, do, lambda: work.away.append(caller), caller=caller)


def full(*, party: str | None = None) -> Work:
    """Return a pool of one thread at work, with four newcomers that wait."""
    work = Work(Pool("p", PoolSize(threads=1, per_address=1)))
    assert work.offer(None)
    work.wait(1)
    assert all(offer_as(work, f"new {number}", party) for number in range(4))
    return work


def test_who_was_turned_away_takes_a_newcomers_place_when_it_comes_again() -> None:
    work = full()
    assert not offer_as(work, "agent")
    assert offer_as(work, "agent")
    assert work.away == ["new 3"]
    assert not offer_as(work, "other")
    assert offer_as(work, "new 3")
    assert work.away == ["new 3", "new 2"]
    work.finish(1)
    work.pool.stop()
    work.pool.join(60)


@pytest.mark.parametrize("callers", [1, 4, 5, 9, 40])
def test_nobody_is_turned_away_for_ever_while_the_queue_is_always_full(callers: int) -> None:
    """Newcomers fill the queue before each turn of the callers, who come again until they are taken."""
    work, rounds = full(), 0
    left = [f"agent {number}" for number in range(callers)]
    while left:
        rounds += 1
        left = [caller for caller in left if not offer_as(work, caller)]
        assert work.offer(None) is False
        work.finish(1)
        while work.pool.busy:
            time.sleep(0.001)
        assert work.offer(None)
        work.wait(1)
        assert all(offer_as(work, f"new {rounds}, {number}") for number in range(4))
    assert rounds == 1 + -(-callers // 4)
    work.finish(1)
    work.pool.stop()
    work.pool.join(60)


def test_callers_that_were_turned_away_are_remembered_up_to_a_number() -> None:
    refused = Refused(most=2)
    for name in ("a", "b", "", "c"):
        refused.note(name)
    assert [name for name in ("a", "b", "", "c") if name in refused] == ["b", "c"]
    refused.drop("b")
    refused.drop("unknown")
    assert "b" not in refused


def test_a_party_whose_own_row_is_full_gets_no_precedence() -> None:
    pool = Pool("p", PoolSize(threads=2, per_address=1))
    work = Work(pool)
    assert work.offer(None)
    assert work.offer(None)
    work.wait(2)
    assert all(offer_as(work, "flood", "stranger") for _ in range(4))
    assert not any(offer_as(work, "flood", "stranger") for _ in range(4))
    assert all(offer_as(work, f"new {number}", str(number)) for number in range(4))
    assert not any(offer_as(work, "flood", "stranger") for _ in range(4))
    assert work.away == []
    pool.stop()
    work.finish(2)
    pool.join(60)
