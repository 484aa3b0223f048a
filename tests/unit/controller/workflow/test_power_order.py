"""An order whose answer is lost: told again, unless it may have been a press of the power button."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.errors import BmcUnreachable
from controller.hardware.bmc import PowerControl, PowerState
from controller.workflow.outcome import Outcome
from controller.workflow.stage import Context
from controller.workflow.stages import power, power_order


class LosesAnswers:
    """A BMC that takes a soft power off, shows nothing of it, and whose answer comes too late."""

    def __init__(self) -> None:
        self.soft_power_offs = 0

    def power_state(self, *, timeout_s: float) -> PowerState:
        return PowerState.ON

    def soft_power_off(self, *, timeout_s: float) -> None:
        self.soft_power_offs += 1
        raise BmcUnreachable(f"no answer in {timeout_s} s")


class Presses(LosesAnswers):
    """One that presses the button."""

    def has_pressed_button(self) -> bool:
        return self.soft_power_offs > 0


class TakesItsTime(LosesAnswers):
    """One whose answers come, and whose machine shuts down slowly."""

    def soft_power_off(self, *, timeout_s: float) -> None:
        self.soft_power_offs += 1


def context_of(bmc: LosesAnswers, now: float, data: dict[str, Any], *, is_late: bool) -> Context:
    """Return what the stage is given; it may take 60 s."""
    paces = SimpleNamespace(power_changes=SimpleNamespace(pause_s=lambda seconds: seconds))
    context = SimpleNamespace(
        services=SimpleNamespace(paces=paces, bmc=bmc),
        node=SimpleNamespace(driver_internal_info={}, power_state="power on"),
        settings=SimpleNamespace(bmc_timeout_s=5.0, power_poll_interval_s=1.0),
        data=data,
        label="m1",
        now=now,
        is_late=is_late,
        work=SimpleNamespace(timeout_s=60.0),
    )
    return cast("Context", context)


def look(bmc: LosesAnswers, now: float, data: dict[str, Any], *, is_late: bool = False) -> Outcome:
    """Look at a machine that is to shut down."""

    def order(told: PowerControl, timeout_s: float) -> None:
        told.soft_power_off(timeout_s=timeout_s)

    context = context_of(bmc, now, data, is_late=is_late)
    return power_order.reach(context, PowerState.OFF, order)


@pytest.fixture(autouse=True)
def _connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_order, "power_of", lambda services, _node: services.bmc)


def test_a_press_whose_answer_is_lost_is_not_repeated() -> None:
    bmc, data = Presses(), dict[str, Any]()
    for now in range(0, 100, 5):
        outcome = look(bmc, float(now), data)
        assert outcome.way is None
        data |= outcome.data
    assert bmc.soft_power_offs == 1


def test_another_order_whose_answer_is_lost_is_an_error_that_may_pass() -> None:
    with pytest.raises(BmcUnreachable):
        look(LosesAnswers(), 0.0, {})


def test_a_first_order_that_is_given_late_gives_the_machine_its_whole_time() -> None:
    bmc = TakesItsTime()
    first = look(bmc, 100.0, {}, is_late=True)
    assert (bmc.soft_power_offs, first.deadline_in_s) == (1, 60.0)
    second = look(bmc, 161.0, dict(first.data), is_late=True)
    assert (bmc.soft_power_offs, second.deadline_in_s) == (2, None)


def test_a_system_that_is_asked_late_to_shut_down_does_not_lose_its_power_at_once() -> None:
    bmc = TakesItsTime()
    first = power.soft_power_off_or_late(context_of(bmc, 100.0, {}, is_late=True))
    assert (first.way, bmc.soft_power_offs) == (None, 1)
    data = dict(first.data)
    assert power.soft_power_off_or_late(context_of(bmc, 161.0, data, is_late=True)).way == "late"
