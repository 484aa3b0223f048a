"""How long no login is tried at a BMC that has refused one: many lock a user out who is wrong a few times."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from controller.errors import BmcAuthenticationFailed, BmcUnreachable

_FIRST_S = 60.0
_LONGEST_S = 900.0


class LoginHold:
    """The waiting of one user at one BMC: a minute after the first refusal, twice as long after each more, at most 15.

    What is refused while it runs does not count: it was begun before.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold nothing back yet; ``clock`` gives seconds."""
        self._clock = clock
        self._next_s = _FIRST_S
        self._ends_at = clock()
        self._lock = threading.Lock()

    @property
    def left_s(self) -> float:
        """For how many seconds more no login is tried; 0 = it may be."""
        return max(self._ends_at - self._clock(), 0.0)

    def check(self, where: str) -> None:
        """Raise if no login may be tried now; to be called when the login is next, not before a wait.

        Raises:
            BmcAuthenticationFailed: One was refused a moment ago.
        """
        if left_s := self.left_s:
            raise BmcAuthenticationFailed(
                f"{where}: the login was refused; it is tried again in {left_s:.0f} s, or with another login at once"
            )

    def refused(self) -> None:
        """Note a login that was refused."""
        with self._lock:
            if self.left_s:
                return
            self._ends_at = self._clock() + self._next_s
            self._next_s = min(2 * self._next_s, _LONGEST_S)

    def accepted(self) -> None:
        """Note that the login is good: the next refusal begins with a minute again."""
        self._next_s = _FIRST_S


class LoginGate:
    """The way of many callers to one host with one login: one at a time until it was accepted once, then some side by side.

    So a wrong login is tried once, however many callers wait.
    """

    def __init__(self, side_by_side: int) -> None:
        """Let nobody in yet."""
        self._places = threading.BoundedSemaphore(side_by_side)
        self._first = threading.Lock()
        self._hold = LoginHold()
        self._is_accepted = False

    @contextmanager
    def turn(self, where: str, timeout_s: float) -> Iterator[None]:
        """Wait for a place, and have it within the block.

        Raises:
            BmcUnreachable: None became free in time.
            BmcAuthenticationFailed: The login was refused, perhaps meanwhile.
        """
        ends_at = time.monotonic() + timeout_s
        self._hold.check(where)
        with ExitStack() as held:
            self._wait(self._places, where, ends_at, timeout_s)
            held.callback(self._places.release)
            if not self._is_accepted:
                self._wait(self._first, where, ends_at, timeout_s)
                if self._is_accepted:
                    self._first.release()
                else:
                    held.callback(self._first.release)
            self._hold.check(where)
            yield

    def accepted(self) -> None:
        """Note, within a turn, that the login is good."""
        self._hold.accepted()
        self._is_accepted = True

    def refused(self) -> None:
        """Note, within a turn, that it was refused."""
        self._is_accepted = False
        self._hold.refused()

    @staticmethod
    def _wait(
        door: "threading.BoundedSemaphore | threading.Lock",
        where: str,
        ends_at: float,
        timeout_s: float,
    ) -> None:
        left_s = ends_at - time.monotonic()
        if left_s <= 0 or not door.acquire(timeout=left_s):
            raise BmcUnreachable(
                f"{where}: not asked within {max(timeout_s, 0):.0f} s: other calls are there; try again"
            )
