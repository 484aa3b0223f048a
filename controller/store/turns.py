"""Turns of threads, first come, first served.

SQLite has one writer. Its own way to wait for it is to sleep and to try again, after ever longer pauses: who has waited
longest tries least often, and one of many writers can wait for seconds. A thread that waits here sleeps until it is its turn.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import TimeoutError as NoTurn


class Turns:
    """A lock that is handed on in the order in which it was asked for."""

    def __init__(self, what: str) -> None:
        """Prepare.

        Args:
            what: What the turn is for, in the error's words.
        """
        self._what = what
        self._lock = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many threads wait."""
        return len(self._waiting)

    @contextmanager
    def turn(self, *, timeout_s: float) -> Iterator[None]:
        """Wait for the turn and have it for the block.

        Raises:
            NoTurn: It did not come in time.
        """
        self._take(timeout_s)
        try:
            yield
        finally:
            self._hand_on()

    def _take(self, timeout_s: float) -> None:
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        try:
            if mine.acquire(timeout=timeout_s):
                return
        except BaseException:
            self._leave(mine)
            raise
        self._leave(mine)
        raise NoTurn(
            f"{self._what}: no turn within {timeout_s:g} s, {self.waiting} others wait; "
            "a transaction does not end, or the disk is too slow"
        )

    def _leave(self, mine: threading.Lock) -> None:
        """Stop waiting; a turn that has come at this very moment goes to the next one."""
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return
        self._hand_on()

    def _hand_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False
