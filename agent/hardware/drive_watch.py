"""Follows an erasure that runs inside a drive: nothing can stop it, and it goes on whatever happens to the machine."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from agent.errors import EraseError, Stopped
from agent.hardware.erasing import ErasePlan
from agent.hardware.tools import StepTools
from agent.protocol.commands import Progress

MOST_S = 72 * 3600.0
POLL_S = 10.0


class DriveState(Protocol):
    """What a drive says of an operation in it."""

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""

    @property
    def percent(self) -> float | None:
        """How far it is; ``None`` = the drive does not tell."""


_State = TypeVar("_State", bound=DriveState)


def watch_drive(
    plan: ErasePlan, tools: StepTools, look: Callable[[], _State], *, advice: str
) -> _State:
    """Look until the drive is done, whether it succeeded or not, and return what it says then.

    Args:
        plan: What runs.
        tools: Hear of the progress, and say whether to go on watching.
        look: Asks the drive.
        advice: Where a person can look when three days were not enough.

    Raises:
        EraseError: It is not done after three days.
        Stopped: Nobody wants to know any more.
    """
    waited_s = 0.0
    what = f"{plan.disk.path}: {plan.method}"
    while (now := look()).is_running:
        if waited_s >= MOST_S:
            place = "" if now.percent is None else f", at {now.percent:.1f} %"
            raise EraseError(
                f"{what}: not done after {MOST_S:.0f} s{place}; the drive goes on by itself, look at {advice}"
            )
        tools.progress(Progress(phase="erase", message=what, percent=now.percent))
        if tools.stop.wait(POLL_S):
            raise Stopped(
                f"{what}: no longer watched, as ordered; the drive goes on by itself to the end"
            )
        waited_s += POLL_S
    return now
