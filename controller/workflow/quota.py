"""How often something may happen: so many times within a while, in one controller process."""

import threading
import time
from collections import deque
from collections.abc import Callable


class Quota:
    """Counts; used by many threads."""

    def __init__(self, while_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing.

        Args:
            while_s: How long something counts.
            monotonic: The clock.
        """
        self._while_s = while_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._times: deque[float] = deque()

    def take(self, most: int) -> bool:
        """Count one, unless there have been ``most`` of them already; says whether it was counted."""
        with self._lock:
            now = self._forget()
            if len(self._times) >= most:
                return False
            self._times.append(now)
            return True

    def has_room(self, most: int) -> bool:
        """Say whether :meth:`take` would count one now."""
        with self._lock:
            self._forget()
            return len(self._times) < most

    def _forget(self) -> float:
        """Drop what counts no more; returns the time."""
        now = self._monotonic()
        while self._times and self._times[0] <= now - self._while_s:
            self._times.popleft()
        return now
