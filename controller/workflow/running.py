"""What this process is at: every run of a stage, from its claim to the end of its thread.

A claim can be taken away while its thread still waits for a machine. The work is not claimed again by this process
before that thread has ended, so one machine never holds more than one thread of a lane.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from controller.store.claims import Claim, Room

SLOW_S = 1.0
"""A run that takes longer counts as suspect from then on."""


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of a stage."""

    claim: Claim
    begun_at: float
    """By the monotonic clock."""
    label: str = ""
    """The node, for messages; empty until it has been read."""
    is_named: bool = field(default=False)
    """It has been named as stuck in the log."""


class Running:
    """All runs of this process. Used by many threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._runs: dict[int, Run] = {}

    def begin(self, claim: Claim) -> Run:
        """Note that a run begins."""
        run = Run(claim=claim, begun_at=self._monotonic())
        with self._lock:
            self._runs[claim.work.id] = run
        return run

    def end(self, run: Run) -> None:
        """Note that its thread is about to end."""
        with self._lock:
            if self._runs.get(run.claim.work.id) is run:
                del self._runs[run.claim.work.id]

    def seconds(self, run: Run) -> float:
        """Return how long it has taken so far."""
        return self._monotonic() - run.begun_at

    def all(self, lane: str | None = None) -> Sequence[Run]:
        """Return what runs now."""
        with self._lock:
            return [run for run in self._runs.values() if lane in {None, run.claim.work.lane}]

    def count(self, lane: str) -> int:
        """Return how many runs of a lane are under way."""
        return len(self.all(lane))

    def room(self, lane: str, most: int) -> Room:
        """Return how much more may be claimed: suspects get at most half of a lane's threads.

        Runs that became slow when more than that were under way take no room from the others; so there may be up to
        twice as many threads as ``most``.
        """
        runs = self.all(lane)
        suspects = sum(run.claim.work.is_suspect or self.seconds(run) > SLOW_S for run in runs)
        half = max(1, most // 2)
        beyond = min(max(0, suspects - half), most)
        return Room(any=most - len(runs) + beyond, suspects=half - suspects)
