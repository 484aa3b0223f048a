"""How long no login is tried at a BMC that has refused one: many lock a user out who is wrong a few times."""

import time
from collections.abc import Callable

_FIRST_S = 60.0
_LONGEST_S = 900.0


class LoginHold:
    """The waiting of one user at one BMC: a minute after the first refusal, twice as long after each more, at most 15."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold nothing back yet; ``clock`` gives seconds."""
        self._clock = clock
        self._next_s = _FIRST_S
        self._ends_at = clock()

    @property
    def left_s(self) -> float:
        """For how many seconds more no login is tried; 0 = it may be."""
        return max(self._ends_at - self._clock(), 0.0)

    def refused(self) -> None:
        """Note a login that was refused."""
        self._ends_at = self._clock() + self._next_s
        self._next_s = min(2 * self._next_s, _LONGEST_S)

    def accepted(self) -> None:
        """Note that the login is good: the next refusal begins with a minute again."""
        self._next_s = _FIRST_S
