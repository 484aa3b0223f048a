"""The clock by which a BMC's steps wait, across looks of different threads, processes and machines.

A step keeps in its state when it ordered something. By the wall clock an hour forward would end the wait for a BMC that is in the middle of
a firmware update. So whoever calls ``begin`` and ``look`` says by which clock: the engine by its own, which no step of the wall clock moves. A
context variable and no argument, as drivers of others have these functions too.
"""

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

Clock = Callable[[], float]
_CLOCK: ContextVar[Clock] = ContextVar("step_clock", default=time.time)


def step_now() -> float:
    """Return the time in seconds: for differences, in ``begin`` and ``look`` of a step; nobody shows it to people."""
    return _CLOCK.get()()


def by_clock(clock: Clock, do: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does what ``do`` does, with this clock for ``step_now``."""

    def call(*values: Any) -> Any:
        token = _CLOCK.set(clock)
        try:
            return do(*values)
        finally:
            _CLOCK.reset(token)

    return call
