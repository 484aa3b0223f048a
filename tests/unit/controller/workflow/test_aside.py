"""A workflow that rests comes back as it was, later by the time that it lay aside."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.store.tables import Work
from controller.workflow.aside import PAUSED_AT, is_beside, lay_aside, note, take_up

times = st.floats(0, 1e6)


def work(stage: str = "clean.hold", **columns: Any) -> Work:
    usual = {"entered_at": 0.0, "started_at": 0.0, "timeout_s": None, "deadline_at": None}
    return Work(stage=stage, **{"data": {}, **usual, **columns})


@given(times, times, st.none() | times, st.none() | times)
def test_what_it_knows_stays_and_its_times_move_by_the_rest(
    laid: float, rest: float, deadline: float | None, checked: float | None
) -> None:
    data = {"course": {"index": 3}, "_tries": 2, "rescue_password": "x", "_checked_at": checked}
    before = work(data=data, entered_at=laid, started_at=7.0, timeout_s=9.0, deadline_at=deadline)
    beside = work("power.on", data=lay_aside(before, laid))
    assert is_beside(beside)
    assert not is_beside(before)
    note(beside, {"inspection": {"error": None}})
    take_up(beside, laid + rest)
    moved = None if checked is None else checked + (laid + rest - laid)
    assert beside.stage == "clean.hold"
    assert beside.data == {**data, "_checked_at": moved, "inspection": {"error": None}}
    assert (beside.started_at, beside.timeout_s, beside.due_at) == (7.0, 9.0, laid + rest)
    assert beside.entered_at == laid + (laid + rest - laid)
    assert (beside.deadline_at is None) is (deadline is None)


def test_the_time_of_a_maintenance_in_which_it_was_laid_aside_counts_as_rest() -> None:
    before = work("deploy.wait_for_agent", data={PAUSED_AT: 10.0}, deadline_at=100.0)
    beside = work("power.on", data=lay_aside(before, 30.0))
    take_up(beside, 40.0)
    assert (beside.deadline_at, beside.data) == (130.0, {})


def test_what_is_noted_goes_to_the_workflow_that_is_there() -> None:
    one = work(data={"a": 1})
    note(one, {"b": 2})
    assert one.data == {"a": 1, "b": 2}
