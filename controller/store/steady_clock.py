"""The clock of due times and deadlines: it goes on while a controller lives, whatever is done to the wall clock.

It begins with the wall clock's time and then follows the kernel's monotonic clock, which stands still while a
machine is suspended. A controller that comes back goes on where the last one stopped; one that joins others takes their
time. So an hour forward, an hour back, a suspended virtual machine or a controller that was off for a night
never make a wait fail or a timer stop.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

STEP_S = 2.0
"""Clocks that differ by less are out of step by their rates; by more, one of them was set or stood still."""
_SMALLEST_S = 0.05
_PATIENCE_BEATS = 2


class SteadyClock:
    """Seconds that only go forward; called like ``time.time``."""

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin at the wall clock's time."""
        self._wall = wall
        self._monotonic = monotonic
        self._base = wall() - monotonic()
        self._lead_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self._base + self._monotonic()

    def begin_at(self, now: float) -> None:
        """Go on from another time: of the controller before us, or of the others."""
        self._base = now - self._monotonic()
        self._lead_s = self.lead_s()

    def shift(self, seconds: float) -> None:
        """Go forward or back a little, to agree with other controllers."""
        self._base += seconds

    def lead_s(self) -> float:
        """Return how far the steady clock is ahead of the wall clock."""
        return self() - self._wall()

    def to_wall(self, steady: float) -> float:
        """Return the wall clock's time of a moment."""
        return steady - self.lead_s()

    def notice_step(self) -> float | None:
        """Return by how much the wall clock was set (or the machine suspended) since the last call; ``None`` = it was not."""
        lead_s = self.lead_s()
        step_s, self._lead_s = self._lead_s - lead_s, lead_s
        return step_s if abs(step_s) >= STEP_S else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What the clock of the oldest controller was found to be ahead of ours."""

    seconds: float
    beat: int
    """The oldest's beat when it was first seen."""


def correction(
    seconds: float, beat: int, before: Difference | None
) -> tuple[float, Difference | None]:
    """Return by how much to shift our clock towards the oldest controller's, and what to remember.

    Small differences are taken at once. A large one may mean that the database's clock, by which both are compared, was set
    between two beats: it is believed when it is still there after two more beats.
    """
    if abs(seconds) < STEP_S:
        return (seconds if abs(seconds) >= _SMALLEST_S else 0.0), None
    if before is None or abs(before.seconds - seconds) >= STEP_S:
        return 0.0, Difference(seconds=seconds, beat=beat)
    if beat - before.beat < _PATIENCE_BEATS:
        return 0.0, before
    return seconds, None
