"""Threads for one kind of request, fair among the addresses that send them, and no more at work than is of use."""

import logging
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

from agent.protocol.http_server.bounds import PoolSize
from agent.protocol.http_server.refused import Refused

log = logging.getLogger(__name__)

_WAITING_PER_THREAD = 4
_AFTER_FAILURE_S = 0.5
_TOLD_AGAIN_S = 60.0
YOUNG_S = 0.01
"""A job that has run for so long waits for somebody, or is a long one: it holds up no other."""
Job = Callable[[], None]


class _Entry(NamedTuple):
    do: Job
    turn_away: Job
    caller: str
    is_again: bool


class _Run(NamedTuple):
    party: str | None
    began_at: float


class Pool:
    """At most ``threads`` jobs at a time; the others wait in a bounded queue, each party's in its own row.

    The parties take turns, and none occupies more than its share of the threads. When the queue is full, the last of
    the longest row gives its place to a party with a shorter one; and a newcomer to a caller that was turned away before, so
    that chance turns none away again and again. Threads are started when needed.

    Of the jobs that are at work, ``at_once`` are younger than ``YOUNG_S`` at most (``at_once_in_need`` while many wait): threads
    of Python that compute take the interpreter from each other, and short jobs one after the other cost less and end sooner.
    :meth:`look` begins what has waited long enough; whoever offers jobs calls it.
    """

    def __init__(
        self, name: str, size: PoolSize, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare; no thread runs yet. ``name`` is the threads'."""
        self.name, self._most, self._share = name, size.threads, size.per_address
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: OrderedDict[str | None, deque[_Entry]] = OrderedDict()
        self._waiting = 0
        self._refused = Refused()
        self._busy: Counter[str | None] = Counter()
        self._runs: dict[_Worker, _Run] = {}
        self._workers: list[_Worker] = []
        self._idle: list[_Worker] = []
        """Who has rested for the shortest time is last, and the first to go on: what it needs is at hand yet."""
        self._is_stopping = False
        self._no_threads_since: float | None = None
        """When it was told that the machine has no more threads; ``None`` = it has."""

    @property
    def busy(self) -> int:
        """How many jobs run."""
        with self._lock:
            return len(self._runs)

    def offer(self, party: str | None, do: Job, turn_away: Job, *, caller: str = "") -> bool:
        """Have something done in a thread.

        Args:
            party: In whose name; ``None`` has no limit of its own.
            do: What to do.
            turn_away: Called instead when it was taken and then had to give its place up; must not wait.
            caller: Who asks for what, by which one is known again that was turned away; empty: nobody in particular.

        Returns:
            Whether it was taken.
        """
        displaced = None
        with self._lock:
            row = self._rows.get(party, ())
            is_mine_full = party and len(row) >= _WAITING_PER_THREAD * self._share
            if self._is_stopping or is_mine_full:
                return False
            is_again = caller in self._refused
            if self._waiting >= _WAITING_PER_THREAD * self._most:
                displaced = self._displace(len(row)) or (self._newcomer() if is_again else None)
                if displaced is None:
                    self._refused.note(caller)
                    return False
                self._refused.note(displaced.caller)
            self._refused.drop(caller)
            self._rows.setdefault(party, deque()).append(_Entry(do, turn_away, caller, is_again))
            self._waiting += 1
            self._begin_more()
        if displaced:
            displaced.turn_away()
        return True

    def look(self) -> float | None:
        """Begin what may begin by now; return after how many seconds to look again, ``None`` = not before the next offer."""
        if not self._waiting:
            return None
        with self._lock:
            self._begin_more()
            if not self._waiting or len(self._runs) >= self._most:
                return None
            if self._young(self._clock()) >= self._size.most_young(self._waiting):
                return YOUNG_S
            return _AFTER_FAILURE_S if self._no_threads_since is not None else None

    def stop(self) -> None:
        """Let the threads end with what they do now; what waits is dropped."""
        with self._lock:
            self._is_stopping = True
            while self._idle:
                self._idle.pop().give(None)

    def join(self, timeout_s: float) -> None:
        """Wait for the threads, each at most ``timeout_s``."""
        for worker in self._workers:
            worker.thread.join(timeout_s)

    def after(self, worker: "_Worker") -> Job | None:
        """Take back a thread that has done its job; return its next one, if it has one at once."""
        with self._lock:
            party = self._runs.pop(worker).party
            self._busy[party] -= 1
            if not self._busy[party]:
                del self._busy[party]
            if self._is_stopping:
                worker.is_over = True
                return None
            job = self._take_for(worker)
            if job is None:
                self._idle.append(worker)
            elif self._waiting:
                self._begin_more()
            return job

    def _displace(self, mine: int) -> _Entry | None:
        """Take the last of the longest row out, if that is longer than one of ``mine`` and one more."""
        longest = max(self._rows.values(), key=len)
        if len(longest) <= mine + 1:
            return None
        self._waiting -= 1
        return longest.pop()

    def _newcomer(self) -> _Entry | None:
        """Take out the last one that was not turned away before."""
        for party, row in reversed(self._rows.items()):
            for place in range(len(row) - 1, -1, -1):
                entry = row[place]
                if entry.is_again:
                    continue
                del row[place]
                if not row:
                    del self._rows[party]
                self._waiting -= 1
                return entry
        return None

    def _begin_more(self) -> None:
        """Give threads what may begin."""
        while self._waiting and len(self._runs) < self._most:
            worker = self._idle.pop() if self._idle else self._new_worker()
            if worker is None:
                return
            job = self._take_for(worker)
            if job is None:
                self._idle.append(worker)
                return
            worker.give(job)

    def _new_worker(self) -> "_Worker | None":
        worker = _Worker(self, f"{self.name} {len(self._workers) + 1}")
        try:
            worker.thread.start()
        except RuntimeError:  # the machine has no more of them; those that there are go on
            now, since = self._clock(), self._no_threads_since
            if since is None or now - since >= _TOLD_AGAIN_S:
                self._no_threads_since = now
                log.exception("a thread of %s could not be started", self.name)
            return None
        self._no_threads_since = None
        self._workers.append(worker)
        return worker

    def _take_for(self, worker: "_Worker") -> Job | None:
        """Take the next job whose party may have one more thread, if there may be one more at work."""
        now = self._clock()
        if not self._waiting or self._young(now) >= self._size.most_young(self._waiting):
            return None
        for party, row in self._rows.items():
            if party is None or self._busy[party] < self._share:
                self._runs[worker] = _Run(party, now)
                return self._pop(party, row)
        return None

    def _young(self, now: float) -> int:
        return sum(now - run.began_at < YOUNG_S for run in self._runs.values())

    def _pop(self, party: str | None, row: deque[_Entry]) -> Job:
        job = row.popleft().do
        self._waiting -= 1
        self._busy[party] += 1
        if row:
            self._rows.move_to_end(party)  # the others' turn
        else:
            del self._rows[party]
        return job


class _Worker:
    """A thread, which rests until it is given a job."""

    def __init__(self, pool: Pool, name: str) -> None:
        self.thread = threading.Thread(target=self._work, name=name, daemon=True)
        self.is_over = False
        self._pool = pool
        self._job: Job | None = None
        self._rest = threading.Lock()
        self._rest.acquire()

    def give(self, job: Job | None) -> None:
        """Let it go on with a job, or to its end."""
        self._job = job
        self._rest.release()

    def _work(self) -> None:
        while not self.is_over:
            self._rest.acquire()
            job, self._job = self._job, None
            if job is None:
                return
            while job is not None:
                try:
                    job()
                except Exception:  # whatever it is, the thread is needed
                    log.exception("a job of %s ended the wrong way", self._pool.name)
                job = self._pool.after(self)
