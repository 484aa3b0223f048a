"""A pool's threads are shared fairly."""

import threading

import pytest

from agent.protocol.http_server.bounds import PoolSize
from agent.protocol.http_server.pools import Pool


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
