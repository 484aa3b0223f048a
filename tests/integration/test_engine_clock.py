"""Steps of the wall clock in the middle of waits: nothing fails, nothing stops, one line says so."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.hardware.bmc import PowerState
from controller.store.conductors import Serves, give_name_back, take_name
from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.steady_clock import SteadyClock
from controller.workflow.verbs import set_power
from tests.integration.running_controller import RunningController
from tests.integration.waiting import wait_until


class Clocks:
    """The real clocks, of which the wall clock can be set and the machine suspended."""

    def __init__(self) -> None:
        self.set_by_s = 0.0
        self.slept_s = 0.0

    def wall(self) -> float:
        return time.time() + self.set_by_s

    def monotonic(self) -> float:
        return time.monotonic() - self.slept_s


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def controller(tmp_path: Path, clocks: Clocks) -> Iterator[RunningController]:
    steady = SteadyClock(wall=clocks.wall, monotonic=clocks.monotonic)
    running = RunningController(
        tmp_path,
        steady=steady,
        clock=clocks.wall,
        power_sync_interval_s=0.3,
        claim_lease_s=2.0,
        callback_timeout_s=60.0,
    )
    running.start()
    yield running
    running.stop()


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 86400.0 * 400, -86400.0 * 400])
def test_a_step_fails_no_wait_and_stops_no_timer(
    controller: RunningController,
    clocks: Clocks,
    step_s: float,
    caplog: pytest.LogCaptureFixture,
) -> None:
    waiting = controller.enrol("m1", "manageable")
    waiting.machine.behaviour.calls_back = False
    controller.ask("m1", "provide")
    controller.enrol("idle", "active", power_state="power on")
    bmc = controller.driver.bmcs["idle"]
    wait_until(lambda: controller.node("m1").stage == "clean.wait_for_agent", 20, "the wait")
    clocks.set_by_s += step_s
    with caplog.at_level(logging.WARNING):
        wait_until(lambda: "the wall clock went" in caplog.text, 20, "the line in the log")
        looks = len(bmc.calls)
        wait_until(lambda: len(bmc.calls) > looks + 2, 20, "power being read as before")
        set_power(controller.services, "idle", "power on", None)
        wait_until(lambda: controller.node("idle").power_state == PowerState.ON, 20, "an order")
        waiting.machine.behaviour.calls_back = True
        waiting.machine.crash()  # another boot
        node = controller.wait_for("m1", "available")
        assert caplog.text.count("the wall clock went") == 1
    assert node.last_error is None
    assert node.provision_updated_at is not None
    assert abs(node.provision_updated_at - clocks.wall()) < 60  # what people read is true


def test_a_controller_that_comes_back_to_another_time_goes_on_where_it_stopped(
    tmp_path: Path, clocks: Clocks
) -> None:
    def controller_starts() -> tuple[Store, float]:
        steady = SteadyClock(wall=clocks.wall, monotonic=clocks.monotonic)
        store = Store(f"sqlite:///{tmp_path}/x.sqlite", clock=clocks.wall, steady=steady)
        migrate(store)
        take_name(store, "here", "1", Serves(), predecessors=["1"])
        return store, store.steady()

    store, first = controller_starts()
    give_name_back(store, "here", "1")
    store.close()
    for step_s in (86400.0, -10 * 86400.0):
        clocks.set_by_s += step_s
        store, again = controller_starts()
        give_name_back(store, "here", "1")
        store.close()
        assert first <= again < first + 30
        first = again


def test_a_suspended_machine_fails_no_wait(controller: RunningController, clocks: Clocks) -> None:
    controller.enrol("m1", "manageable").machine.behaviour.calls_back = False
    controller.ask("m1", "provide")
    wait_until(lambda: controller.node("m1").stage == "clean.wait_for_agent", 20, "the wait")
    wait_until(lambda: bool(controller.node("m1").stage_deadline_at), 20, "its deadline")
    deadline_at = controller.node("m1").stage_deadline_at
    clocks.set_by_s += 7200.0  # the kernel's monotonic clock has stood still meanwhile
    controller.enrol("other", "manageable")
    set_power(controller.services, "other", "power on", None)
    wait_until(lambda: controller.node("other").power_state == PowerState.ON, 20, "an order")
    node = controller.node("m1")
    assert (node.stage, node.stage_deadline_at) == ("clean.wait_for_agent", deadline_at)
