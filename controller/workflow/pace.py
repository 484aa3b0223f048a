"""How often the same is asked of many machines: as the setting says while they are few, and so many times in a second at most.

A question costs a claim, a call to an agent or a BMC and a transaction. A thousand steps that are asked every second, or a thousand
machines whose power is asked for twice a second while it changes, would leave nothing for heartbeats and people; asked every twenty
seconds they end as early, or a few seconds later.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

QUESTIONS_PER_S = 50.0
"""Questions of one controller in a second: to agents about steps, and to BMCs while power changes."""
LOOKS_PER_S = 25.0
"""Looks of one controller at the power of idle machines in a second: their lane claims no more, also after a night's rest."""


class Pace:
    """What one controller asks in all. Used by many threads.

    Each question takes the next place in a row whose places come evenly; the row is as long as what was asked for lately is too much.
    """

    def __init__(self, per_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Prepare.

        Args:
            per_s: Questions in a second.
            monotonic: A clock.
        """
        self._seconds = 1 / per_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._end_at = 0.0

    def pause_s(self, least_s: float) -> float:
        """Return after how long the next question is to be asked, ``least_s`` or longer."""
        now = self._monotonic()
        with self._lock:
            self._end_at = max(self._end_at, now) + self._seconds
            return max(least_s, self._end_at - now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paces:
    """One for each kind of question, so that none waits behind another kind."""

    steps: Pace = field(default_factory=lambda: Pace(QUESTIONS_PER_S))
    """What agents are asked about running steps."""
    power_changes: Pace = field(default_factory=lambda: Pace(QUESTIONS_PER_S))
    """What BMCs are asked while power changes."""
    boots: Pace = field(default_factory=lambda: Pace(QUESTIONS_PER_S))
    """What BMCs are asked of machines that boot."""
