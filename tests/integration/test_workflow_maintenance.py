"""Maintenance: what waits for the ramdisk rests, its time does not run, and goes on where it was.

Source: Ironic's ``_heartbeat_in_maintenance`` and the filters ``maintenance: False`` of its periodic tasks.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.waiting import wait_until

VERSION = {"X-OpenStack-Ironic-API-Version": "1.110"}


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path) as running:
        yield running


def maintain(controller: RunningController, *, is_on: bool) -> None:
    url = f"{controller.url}/v1/nodes/m1/maintenance"
    method, body = ("PUT", {"reason": "a fan"}) if is_on else ("DELETE", None)
    reply = requests.request(method, url, json=body, headers=VERSION, timeout=10)
    assert reply.status_code == 202, reply.text


def test_heartbeats_are_recorded_but_not_acted_on_and_then_it_goes_on(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.machine.behaviour.boot_s = 0.5
    controller.ask("m1", "active")
    wait_until(lambda: controller.node("m1").provision_state == "wait call-back", 10, "the wait")
    maintain(controller, is_on=True)
    wait_until(lambda: "agent_url" in controller.node("m1").driver_internal_info, 10, "a heartbeat")
    bmc.machine.agent.heartbeat()
    wait_until(lambda: controller.node("m1").work.due_at is None, 10, "the rest")  # type: ignore[union-attr]
    node = controller.node("m1")
    assert (node.provision_state, node.stage) == ("wait call-back", "deploy.wait_for_agent")
    assert bmc.machine.orders == []
    status = requests.get(
        f"{controller.url}/v1/nodes/m1?fields=status_text", headers=VERSION, timeout=10
    )
    assert status.json()["status_text"].endswith("rests until the maintenance ends")
    maintain(controller, is_on=False)
    controller.wait_for("m1", "active")
    requested = [event.message for event in controller.events("m1", "request")]
    assert requested[1:] == [
        "Maintenance switched on: a fan",
        "in maintenance: deploy.wait_for_agent rests until the maintenance ends",
        "Maintenance switched off",
    ]


def test_deadlines_do_not_run_meanwhile(tmp_path: Path) -> None:
    with running_controller(tmp_path, callback_timeout_s=60.0) as controller:
        bmc = controller.enrol("m1", "manageable")
        bmc.machine.behaviour.calls_back = False
        controller.ask("m1", "provide")
        wait_until(lambda: controller.node("m1").provision_state == "clean wait", 10, "the wait")
        wait_until(lambda: controller.node("m1").stage_deadline_at is not None, 10, "the deadline")
        maintain(controller, is_on=True)
        with controller.store.edit() as session:  # as if an hour had passed
            work = session.merge(controller.node("m1")).work
            assert work
            work.deadline_at = (work.deadline_at or 0.0) - 3600.0
            work.data = {**work.data, "_paused_at": work.data["_paused_at"] - 3600.0}
        controller.engine.wake()
        bmc.machine.behaviour.calls_back = True
        bmc.machine.crash()
        wait_until(
            lambda: "agent_url" in controller.node("m1").driver_internal_info, 10, "a heartbeat"
        )
        assert controller.node("m1").provision_state == "clean wait"
        maintain(controller, is_on=False)
        assert controller.wait_for("m1", "available").last_error is None


def test_a_wait_without_agent_times_out_only_after_the_maintenance(tmp_path: Path) -> None:
    with running_controller(tmp_path, callback_timeout_s=0.5) as controller:
        bmc = controller.enrol("m1", "manageable", maintenance=True)
        bmc.machine.behaviour.calls_back = False
        controller.ask("m1", "provide")
        wait_until(
            lambda: "_paused_at" in (controller.node("m1").work.data),  # type: ignore[union-attr]
            10,
            "the rest",
        )
        with controller.store.edit() as session:  # as if a minute had passed
            work = session.merge(controller.node("m1")).work
            assert work
            assert work.deadline_at
            work.deadline_at -= 60.0
            work.data = {**work.data, "_paused_at": work.data["_paused_at"] - 60.0}
        node = controller.node("m1")
        assert (node.provision_state, node.last_error) == ("clean wait", None)
        controller.maintain("m1", is_on=False)
        node = controller.wait_for("m1", "clean failed")
        assert "no agent has called back" in str(node.last_error)


def test_a_resting_node_can_be_aborted_and_deleted(controller: RunningController) -> None:
    for name, verb, state in (("m1", "abort", "deploy failed"), ("m2", "deleted", "deleting")):
        bmc = controller.enrol(name, instance_info=IMAGE)
        bmc.machine.behaviour.calls_back = False
        controller.ask(name, "active")
        wait_until(
            lambda: controller.node(name).provision_state == "wait call-back",  # noqa: B023
            10,
            "the wait",
        )
        controller.maintain(name, is_on=True)
        controller.ask(name, verb)
        wait_until(lambda: "off" in bmc.machine.boots, 10, "the power off")  # noqa: B023
        assert controller.node(name).provision_state in {state, "cleaning", "clean wait"}


def test_an_inspection_result_is_taken_in_maintenance(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", "inspect")
    wait_until(lambda: controller.node("m1").provision_state == "inspect wait", 10, "the wait")
    controller.maintain("m1", is_on=True)
    with controller.store.edit() as session:
        work = session.merge(controller.node("m1")).work
        assert work
        work.data = {**work.data, "inspection": {"error": None}}
        work.due_at = controller.services.steady()
    controller.engine.wake()
    controller.wait_for("m1", "manageable")
    assert not bmc.machine.is_on
