"""The power API at BMCs that show the power state of the past: what is reported done has been ordered."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import AlreadySo, BmcError, NobodySwitchesOff
from controller.hardware.bmc import PowerState
from controller.workflow.stages import power_order
from controller.workflow.stages.power_order import UNSEEN
from controller.workflow.verbs import set_power
from tests.integration.redfish_doubles import RedfishLab, redfish_lab
from tests.integration.running_controller import (
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.test_workflow_redfish_steps import enrol
from tests.integration.waiting import wait_until
from tests.lab.redfish.faults import RedfishFaults

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[RedfishLab]:
    with redfish_lab(tmp_path / "lab") as made, made.as_new():
        yield made


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path) as running:
        yield running


class Refusing:
    """The power off of a BMC."""

    def __init__(self) -> None:
        self.errors: list[BmcError] = []
        """It answers with these first."""

    def power_off(self, *, timeout_s: float) -> None:
        assert timeout_s > 0
        if self.errors:
            raise self.errors.pop(0)


def order(controller: RunningController, target: str, timeout_s: float | None = None) -> None:
    set_power(controller.services, "m1", target, timeout_s)
    wait_until(lambda: controller.node("m1").stage is None, 20, target)


def unseen(controller: RunningController) -> str | None:
    value: str | None = controller.node("m1").driver_internal_info.get(UNSEEN)
    return value


@pytest.mark.parametrize("off", ["power off", "soft power off"])
def test_a_power_on_that_comes_late_does_not_outlive_a_power_off(
    lab: RedfishLab, tmp_path: Path, off: str
) -> None:
    lab.bmc.set_faults(RedfishFaults(stale_power_s=8))
    assert lab.client().get("Systems/1")["PowerState"] == "Off"  # which it shows from now on
    with running_controller(tmp_path) as controller:
        enrol(controller, lab, "redfish", state="active")
        order(controller, "power on", 2.0)
        assert lab.machine.is_on
        assert unseen(controller) == "power on"
        assert "stays at 'power off'" in str(controller.node("m1").last_error)
        order(controller, off)
        assert not lab.machine.is_on
        time.sleep(1)
        node = controller.node("m1")
        assert (node.power_state, node.last_error) == ("power off", None)
        assert unseen(controller) is None


def test_a_power_off_that_is_not_shown_does_not_outlive_a_power_on(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "active")
    order(controller, "power on")
    bmc.stays_on = True  # the BMC takes it, and shows nothing of it
    order(controller, "power off", 0.3)
    assert unseen(controller) == "power off"
    bmc.calls.clear()
    order(controller, "power on")
    assert "power_on" in bmc.calls
    assert unseen(controller) is None


def test_what_is_shown_is_not_ordered_again(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "active")
    order(controller, "power on")
    order(controller, "power off")
    assert unseen(controller) is None
    bmc.calls.clear()
    order(controller, "power off")
    assert "power_off" not in bmc.calls


@pytest.fixture
def refusing(controller: RunningController, monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """Return a machine that is off and was told to power on, whose BMC refuses to power it off."""
    monkeypatch.setattr(power_order, "_ORDER_AGAIN_S", 0.5)
    bmc = controller.enrol("m1", "active")
    bmc.stays_off = True
    order(controller, "power on", 0.3)
    refusing = Refusing()
    monkeypatch.setattr(bmc, "power_off", refusing.power_off)
    return refusing


def test_a_refusal_because_the_machine_is_there_counts_as_done(
    controller: RunningController, refusing: Refusing
) -> None:
    refusing.errors = [AlreadySo("m1: it is off")]
    order(controller, "power off")
    node = controller.node("m1")
    assert (node.power_state, node.last_error) == (PowerState.OFF, None)
    assert unseen(controller) is None
    assert any("m1: it is off" in one.message for one in controller.events("m1", "power"))


def test_another_refusal_is_met_with_one_more_order_and_ends_in_the_bmcs_words(
    controller: RunningController, refusing: Refusing
) -> None:
    refusing.errors = [BmcError("m1: power off: answered 500: Internal error")] * 3
    order(controller, "power off")
    assert len(refusing.errors) == 1
    assert "answered 500: Internal error" in str(controller.node("m1").last_error)
    assert unseen(controller) == "power on"  # it may run
    refusing.errors = []
    order(controller, "power off")
    assert controller.node("m1").last_error is None
    assert unseen(controller) is None


def test_what_is_refused_once_and_taken_then_is_done(
    controller: RunningController, refusing: Refusing
) -> None:
    refusing.errors = [BmcError("m1: power off: answered 500: Internal error")]
    begun_at = time.monotonic()
    order(controller, "power off")
    assert time.monotonic() - begun_at >= 0.5
    assert controller.node("m1").last_error is None
    assert unseen(controller) is None


def test_late_words_are_those_of_the_refusal(
    controller: RunningController, refusing: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(power_order, "_ORDER_AGAIN_S", 60.0)
    refusing.errors = [BmcError("m1: power off: answered 500: Internal error")]
    set_power(controller.services, "m1", "power off", 0.5)
    wait_until(lambda: not refusing.errors, 10, "the order")
    wait_until(lambda: controller.node("m1").stage is None, 80, "the end")
    assert "answered 500: Internal error" in str(controller.node("m1").last_error)
    assert unseen(controller) == "power on"


def test_a_machine_that_nobody_switches_off_is_not_done(
    controller: RunningController, refusing: Refusing
) -> None:
    refusing.errors = [NobodySwitchesOff("m1: no agent runs there")]
    order(controller, "power off")
    assert "no agent runs there" in str(controller.node("m1").last_error)
    assert unseen(controller) == "power on"


def test_a_persons_word_counts_for_what_nobody_switches_off(
    controller: RunningController, refusing: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(
        MachineBmc, "count_as_off", lambda _self: counted.append("m1"), raising=False
    )
    refusing.errors = [NobodySwitchesOff("m1: no agent runs there")]
    controller.maintain("m1", is_on=True)
    order(controller, "power off")
    assert controller.node("m1").last_error is None
    assert counted == ["m1"]
    assert unseen(controller) is None


def test_the_button_is_pressed_once_where_a_bmc_shows_the_power_late(
    lab: RedfishLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second press, while the BMC still shows the machine on, would switch it on again."""
    monkeypatch.setattr(power_order, "_ORDER_AGAIN_S", 0.5)
    lab.bmc.set_faults(RedfishFaults(without_resets=("GracefulShutdown",)))
    with running_controller(tmp_path) as controller:
        enrol(controller, lab, "redfish", state="active")
        order(controller, "power on")
        boots = lab.machine.boots
        lab.bmc.set_faults(RedfishFaults(without_resets=("GracefulShutdown",), stale_power_s=3))
        lab.client().get("Systems/1")
        order(controller, "soft power off")
        node = controller.node("m1")
        assert (node.power_state, node.last_error) == ("power off", None)
        assert (lab.machine.is_on, lab.machine.boots) == (False, boots)
        told = [e for e in controller.events("m1", "power") if "press of the power" in e.message]
        assert len(told) == 1
