"""Threads for one kind of request, fair among the addresses that send them."""

import logging
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

from agent.protocol.http_server.bounds import PoolSize

log = logging.getLogger(__name__)

_WAITING_PER_THREAD = 4
Job = Callable[[], None]


class _Entry(NamedTuple):
    do: Job
    turn_away: Job


class Pool:
    """At most ``threads`` jobs at a time; the others wait in a bounded queue, each party's in its own row.

    The parties take turns, and none occupies more than its share of the threads. When the queue is full, the last of
    the longest row gives its place to a party with a shorter one. Threads are started when needed.
    """

    def __init__(self, name: str, size: PoolSize) -> None:
        """Prepare; no thread runs yet. ``name`` is the threads'."""
        self.name, self._most, self._share = name, size.threads, size.per_address
        self._changed = threading.Condition()
        self._rows: OrderedDict[str | None, deque[_Entry]] = OrderedDict()
        self._waiting = 0
        self._busy: Counter[str | None] = Counter()
        self._threads: list[threading.Thread] = []
        self._is_stopping = False

    @property
    def busy(self) -> int:
        """How many jobs run."""
        with self._changed:
            return self._busy.total()

    def offer(self, party: str | None, do: Job, turn_away: Job) -> bool:
        """Have something done in a thread.

        Args:
            party: In whose name; ``None`` has no limit of its own.
            do: What to do.
            turn_away: Called instead when it was taken and then had to give its place up; must not wait.

        Returns:
            Whether it was taken.
        """
        displaced = None
        with self._changed:
            row = self._rows.get(party, ())
            is_mine_full = party and len(row) >= _WAITING_PER_THREAD * self._share
            if self._is_stopping or is_mine_full:
                return False
            if self._waiting >= _WAITING_PER_THREAD * self._most:
                displaced = self._displace(len(row))
                if displaced is None:
                    return False
            self._rows.setdefault(party, deque()).append(_Entry(do, turn_away))
            self._waiting += 1
            if self._busy.total() + self._waiting > len(self._threads) < self._most:
                self._start_thread()
            self._changed.notify()
        if displaced:
            displaced.turn_away()
        return True

    def stop(self) -> None:
        """Let the threads end with what they do now; what waits is dropped."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait for the threads, each at most ``timeout_s``."""
        for thread in self._threads:
            thread.join(timeout_s)

    def _displace(self, mine: int) -> _Entry | None:
        """Take the last of the longest row out, if that is longer than one of ``mine`` and one more."""
        longest = max(self._rows.values(), key=len)
        if len(longest) <= mine + 1:
            return None
        self._waiting -= 1
        return longest.pop()

    def _start_thread(self) -> None:
        name = f"{self.name} {len(self._threads) + 1}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the machine has no more of them; those that there are go on
            log.exception("a thread of %s could not be started", self.name)
            return
        self._threads.append(thread)

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            party, job = taken
            try:
                job()
            finally:
                with self._changed:
                    self._busy[party] -= 1
                    if not self._busy[party]:
                        del self._busy[party]
                    if self._rows:  # else nobody has a reason to wake up
                        self._changed.notify()

    def _take(self) -> tuple[str | None, Job] | None:
        with self._changed:
            while not self._is_stopping:
                for party, row in self._rows.items():
                    if party is None or self._busy[party] < self._share:
                        return party, self._pop(party, row)
                self._changed.wait()
        return None

    def _pop(self, party: str | None, row: deque[_Entry]) -> Job:
        job = row.popleft().do
        self._waiting -= 1
        self._busy[party] += 1
        if row:
            self._rows.move_to_end(party)  # the others' turn
        else:
            del self._rows[party]
        return job
