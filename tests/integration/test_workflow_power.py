import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.errors import (
    BmcUnreachable,
    Invalid,
    InvalidStateRequested,
    NodeLocked,
    NodeProtected,
    NotFound,
)
from controller.store.nodes import get_node
from controller.workflow.pace import Pace
from controller.workflow.transition import enter_stage
from controller.workflow.verbs import set_power, validate
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.waiting import wait_until


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path) as running:
        yield running


def order(controller: RunningController, target: str, timeout_s: float | None = None) -> None:
    set_power(controller.services, "m1", target, timeout_s)
    wait_until(lambda: controller.node("m1").stage is None, 5, target)


def test_every_power_action_gets_there(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "active")
    order(controller, "power on")
    assert controller.node("m1").power_state == "power on"
    order(controller, "rebooting")
    order(controller, "soft rebooting")
    order(controller, "soft power off")
    node = controller.node("m1")
    assert (node.power_state, node.target_power_state) == ("power off", None)
    assert bmc.machine.boots == ["disk", "off", "disk", "off", "disk", "off"]


def test_an_order_takes_one_place_in_the_row_of_questions(
    controller: RunningController, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five hundred machines that are switched on at once fill that row; two places each would double their wait."""
    controller.enrol("m1", "active")
    places, pause_s = [], Pace.pause_s

    def counted(pace: Pace, least_s: float) -> float:
        places.append(least_s)
        return pause_s(pace, least_s)

    monkeypatch.setattr(Pace, "pause_s", counted)
    order(controller, "power on")
    assert len(places) == 1


def test_the_target_shows_while_the_machine_changes(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "active")
    bmc.stays_off = True
    set_power(controller.services, "m1", "power on", 0.5)
    assert controller.node("m1").target_power_state == "power on"
    wait_until(lambda: controller.node("m1").stage is None, 5, "the end")
    node = controller.node("m1")
    assert node.target_power_state is None
    assert "power action failed: m1: its BMC accepted 'power on'" in str(node.last_error)
    assert node.provision_state == "active"


def test_a_system_that_ignores_the_power_button_is_an_error(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "active")
    order(controller, "power on")
    bmc.ignores_soft_off = True
    order(controller, "soft power off", timeout_s=0.2)
    assert "stays at 'power on'" in str(controller.node("m1").last_error)


def test_a_verb_waits_for_nothing_but_says_that_the_node_is_busy(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.stays_off = True
    set_power(controller.services, "m1", "power on", 5.0)
    with pytest.raises(NodeLocked, match="retry"):
        controller.ask("m1", "active")
    with pytest.raises(NodeLocked, match="locked by host here, please retry"):
        set_power(controller.services, "m1", "power off", None)


def test_impossible_requests_are_refused(controller: RunningController) -> None:
    controller.enrol("m1", "available")
    with pytest.raises(Invalid, match="unknown"):
        set_power(controller.services, "m1", "explode", None)
    with pytest.raises(InvalidStateRequested, match="possible there: active, manage"):
        controller.ask("m1", "provide")
    with pytest.raises(InvalidStateRequested, match="not a provision verb"):
        controller.ask("m1", "explode")
    with pytest.raises(Invalid, match="image_source is missing"):
        controller.ask("m1", "active")
    with pytest.raises(NotFound):
        controller.ask("m2", "active")
    assert controller.node("m1").provision_state == "available"


def test_protected_and_maintained_nodes_are_left_alone(controller: RunningController) -> None:
    controller.enrol("m1", "active", protected=True, protected_reason="payroll")
    with pytest.raises(NodeProtected, match="payroll"):
        controller.ask("m1", "deleted")
    controller.enrol("m2", instance_info=IMAGE, maintenance=True, maintenance_reason="fan")
    with pytest.raises(Invalid, match=r"maintenance \(fan\)"):
        controller.ask("m2", "active")


def test_validate_names_what_is_missing(controller: RunningController) -> None:
    controller.enrol("m1", interfaces={"boot": "ipxe"})
    answer = validate(controller.services, "m1")
    assert answer["power"] == {"result": True}
    assert answer["boot"]["result"] is False
    assert "deploy_kernel" in answer["boot"]["reason"]
    assert "image_source" in answer["deploy"]["reason"]
    assert answer["rescue"]["result"] is False
    assert "deploy_kernel" in answer["rescue"]["reason"]
    assert answer["vendor"]["result"] is None
    assert "vendor_interface is no-vendor" in answer["vendor"]["reason"]
    assert answer["console"]["result"] is False


def test_the_power_state_of_idle_nodes_is_read_again(tmp_path: Path) -> None:
    with running_controller(tmp_path, power_sync_interval_s=0.1) as controller:
        bmc = controller.enrol("m1", "active", power_state="power on")
        wait_until(lambda: controller.node("m1").power_state == "power off", 5, "the news")
        wait_until(lambda: len(bmc.calls) > 2, 5, "the next looks")
        assert set(bmc.calls) == {"power_state"}


def test_a_bmc_that_dies_is_a_fault_that_ends_when_it_answers_again(tmp_path: Path) -> None:
    with running_controller(
        tmp_path, power_sync_interval_s=0.05, power_recovery_interval_s=0.1
    ) as controller:
        bmc = controller.enrol("m1", "active", power_state="power off")
        by_hand = controller.enrol(
            "m2", "active", power_state="power off", maintenance=True, maintenance_reason="a fan"
        )
        bmc.is_reachable = by_hand.is_reachable = False
        wait_until(lambda: controller.node("m1").fault is not None, 20, "the fault")
        node = controller.node("m1")
        assert (node.power_state, node.maintenance, node.fault) == (None, True, "power failure")
        assert "BMC 10.0.0.1: no answer" in str(node.maintenance_reason)
        assert "(3 looks in a row)" in str(node.last_error)
        calls = len(bmc.calls)
        wait_until(lambda: len(bmc.calls) > calls + 3, 20, "more looks")
        assert len(controller.events("m1")) == 1, "one entry, however often it is tried"
        bmc.is_reachable = True
        wait_until(lambda: controller.node("m1").fault is None, 20, "the cure")
        node = controller.node("m1")
        assert (node.power_state, node.maintenance, node.last_error) == ("power off", False, None)
        assert [event.message for event in controller.events("m1")][1:] == [
            "power: None -> power off",
            "the BMC answers again; the maintenance because of its power failure is over",
        ]
        node = controller.node("m2")
        assert (node.maintenance, node.maintenance_reason, node.fault) == (True, "a fan", None)
        assert by_hand.calls == []


def test_a_workflow_that_hears_the_bmc_ends_the_fault_too(tmp_path: Path) -> None:
    with running_controller(
        tmp_path, power_sync_interval_s=0.05, power_recovery_interval_s=1000.0
    ) as controller:
        bmc = controller.enrol("m1", "active", power_state="power off")
        bmc.is_reachable = False
        wait_until(lambda: controller.node("m1").fault is not None, 20, "the fault")
        bmc.is_reachable = True
        order(controller, "power on")
        node = controller.node("m1")
        assert (node.power_state, node.maintenance, node.fault) == ("power on", False, None)


def test_a_person_s_maintenance_does_not_end_with_the_fault(tmp_path: Path) -> None:
    with running_controller(
        tmp_path, power_sync_interval_s=0.05, power_recovery_interval_s=0.1
    ) as controller:
        bmc = controller.enrol("m1", "active")
        bmc.is_reachable = False
        wait_until(lambda: controller.node("m1").fault is not None, 20, "the fault")
        controller.maintain("m1", is_on=False)
        controller.maintain("m1", is_on=True, reason="a new BMC comes")
        bmc.is_reachable = True
        order(controller, "power on")
        node = controller.node("m1")
        assert (node.maintenance, node.maintenance_reason) == (True, "a new BMC comes")


def test_dead_bmcs_do_not_delay_a_healthy_node(tmp_path: Path) -> None:
    hangs = threading.Event()
    with running_controller(
        tmp_path, power_sync_interval_s=0.05, workers=4, background_workers=4
    ) as controller:

        def hang(*, timeout_s: float) -> Any:
            hangs.wait(30)
            raise BmcUnreachable("BMC 10.0.0.9: no answer; check its cable")

        dead = [controller.enrol(f"dead{number}", "active") for number in range(12)]
        for bmc in dead:
            bmc.power_state = hang  # type: ignore[method-assign]
        healthy = controller.enrol("m1", "active")
        try:
            order(controller, "power on")
            assert healthy.machine.is_on
            assert not hangs.is_set()
        finally:
            hangs.set()


def test_tries_after_the_deadline_keep_their_pauses(tmp_path: Path) -> None:
    with running_controller(tmp_path, bmc_tries=4) as controller:
        controller.enrol("m1", "active").is_reachable = False
        began = time.monotonic()
        order(controller, "power on", timeout_s=0.01)
        assert "tried 4 times" in str(controller.node("m1").last_error)
        assert (
            time.monotonic() - began >= 0.05 + 0.1 + 0.2 - 0.05
        )  # the first may end at the deadline


def test_a_verb_wakes_workers_that_would_sleep_for_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.workflow.lane._LONGEST_SLEEP_S", 3600.0)
    with running_controller(tmp_path) as controller:
        controller.enrol("m1", "enroll")
        time.sleep(0.5)  # every worker sleeps
        controller.ask("m1", "manage")
        wait_until(lambda: controller.node("m1").provision_state == "manageable", 5, "manageable")


def test_how_long_a_verb_waits_for_a_worker_can_be_set(tmp_path: Path) -> None:
    with running_controller(tmp_path, verb_patience_s=0.01) as controller:
        controller.enrol("m1", "enroll")
        with controller.store.edit() as session:
            node = get_node(session, "m1")
            enter_stage(controller.services, node, "power.on")
            assert node.work
            node.work.conductor = node.work.claim_owner = "elsewhere"
            node.work.claim_id = "1"
        with pytest.raises(NodeLocked, match="locked by host elsewhere"):
            controller.ask("m1", "manage")
