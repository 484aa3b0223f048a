"""An erasure inside a drive is watched until the drive is done, or for three days."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import pytest

from agent.errors import EraseError
from agent.hardware.drive_watch import MOST_S, POLL_S, watch_drive
from agent.hardware.erasing import CLEARS, ErasePlan
from agent.protocol.commands import Progress
from tests.unit.fakes import disk
from tests.unit.hardware_managers.drives import DriveRunner, step_tools

PLAN = ErasePlan(disk=disk("/dev/sda"), method="sanitize", command="x", levels=CLEARS, strength=1)


@dataclass(frozen=True)
class State:
    is_running: bool
    percent: float | None = None


def watch(states: Iterator[State], told: list[Progress]) -> State:
    tools = step_tools(DriveRunner(lambda _line: None), told)
    return watch_drive(PLAN, tools, lambda: next(states), advice="its log")


def test_what_the_drive_says_at_the_end_is_returned_and_its_progress_told() -> None:
    told: list[Progress] = []
    end = State(False, 100)
    assert watch(iter((State(True), State(True, 40.5), end)), told) is end
    assert [(one.message, one.percent) for one in told] == [
        ("/dev/sda: sanitize", None),
        ("/dev/sda: sanitize", 40.5),
    ]


@pytest.mark.parametrize(("percent", "place"), [(None, ""), (12.34, ", at 12.3 %")])
def test_a_drive_that_is_not_done_after_three_days_is_named(
    percent: float | None, place: str
) -> None:
    told: list[Progress] = []
    wanted = f"/dev/sda: sanitize: not done after 259200 s{place}; the drive goes on by itself, look at its log$"
    with pytest.raises(EraseError, match=wanted):
        watch(repeat(State(True, percent)), told)
    assert len(told) == MOST_S / POLL_S
