"""An agent without a token: the answer to its first lookup was lost, somebody else asked first, or it came back after a reset."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.protocol.lookup import Heartbeat
from controller.workflow import heartbeats, ramdisk
from tests.integration.agent_behaviour import THIEF
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.steps_asked_for import held, in_use, orders, wish
from tests.integration.waiting import wait_until

MAC, HERE = "52:54:00:00:00:01", "127.0.0.1"
FAST: dict[str, Any] = {"agent_token_grace_s": 0.3, "power_check_interval_s": 0.1}


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path, **FAST) as running:
        yield running


def boots_of_the_ramdisk(boots: list[str]) -> int:
    return boots.count("pxe")


def test_an_answer_that_was_lost_is_given_again_and_costs_no_boot(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.lost_answers = 1
    controller.ask("m1", "provide")
    node = controller.wait_for("m1", "available")
    assert boots_of_the_ramdisk(bmc.machine.boots) == 1
    assert node.last_error is None
    assert not [e.message for e in controller.events("m1", "agent") if e.severity == "WARNING"]


@pytest.mark.parametrize(
    ("state", "verb", "goal"),
    [("manageable", "provide", "available"), ("available", "active", "active")],
)
def test_a_machine_whose_token_somebody_else_took_is_booted_once_more(
    controller: RunningController, state: str, verb: str, goal: str
) -> None:
    bmc = controller.enrol("m1", state, instance_info=IMAGE)
    bmc.machine.behaviour.robbed_boots = 1
    controller.ask("m1", verb)
    node = controller.wait_for("m1", goal)
    assert bmc.machine.boots[:4] == ["pxe", "off", "pxe", "off"]
    assert node.last_error is None
    assert "agent_locked_out_at" not in node.driver_internal_info
    warnings = [e.message for e in controller.events("m1", "agent") if e.severity == "WARNING"]
    (warning,) = [text for text in warnings if "booting once more" in text]
    assert "no heartbeat with it has come" in warning


def test_the_second_time_it_fails_and_says_why(controller: RunningController) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.machine.behaviour.robbed_boots = 2
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "deploy failed")
    assert bmc.machine.boots == ["pxe", "off", "pxe", "off"]
    assert "booting once more did not help" in str(node.last_error)
    assert "second machine with a MAC address" in str(node.last_error)

    controller.ask("m1", "active")  # the next attempt begins with a clean slate
    controller.wait_for("m1", "active")


def test_an_agent_that_calls_back_after_all_is_left_alone(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", "provide")
    wait_until(lambda: controller.node("m1").provision_state == "clean wait", 5, "the wait")
    first = ramdisk.lookup(controller.services, [MAC], None, HERE, give_token=True)
    stolen = ramdisk.lookup(controller.services, [MAC], None, THIEF, give_token=True)
    assert stolen.config.agent_token == "******"
    token = first.config.agent_token
    beat = Heartbeat(callback_url="http://127.0.0.1:9", agent_token=token, agent_version="1")
    heartbeats.heartbeat(controller.services, "m1", beat, HERE)
    wait_until(lambda: controller.node("m1").stage == "clean.plan", 5, "the agent being asked")
    assert bmc.machine.boots == ["pxe"]


def test_after_the_first_heartbeat_nobody_gets_the_token_again_and_strangers_end_no_step(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.seconds = {"erase_devices_metadata": 1.0}
    controller.ask("m1", "provide")
    wait_until(lambda: controller.node("m1").stage == "clean.step.watch", 5, "the step")
    node = controller.node("m1")
    for node_uuid, sender in ((node.uuid, HERE), (None, THIEF), (node.uuid, THIEF)):
        again = ramdisk.lookup(controller.services, [MAC], node_uuid, sender, give_token=True)
        assert again.config.agent_token == "******"
    controller.wait_for("m1", "available")
    assert boots_of_the_ramdisk(bmc.machine.boots) == 1


def test_where_addresses_mean_nothing_the_token_is_given_once(tmp_path: Path) -> None:
    with running_controller(tmp_path, sender_check="off", **FAST) as controller:
        bmc = controller.enrol("m1", "manageable")
        bmc.machine.behaviour.lost_answers = 1
        controller.ask("m1", "provide")
        controller.wait_for("m1", "available")
        assert boots_of_the_ramdisk(bmc.machine.boots) == 2


def test_a_machine_that_was_reset_in_a_hold_is_told_from_one_that_does_not_answer(
    controller: RunningController,
) -> None:
    bmc = in_use(controller)
    controller.ask("m1", "service", service_steps=[wish("hold"), wish("flash")])
    held(controller, "m1", "service hold")
    bmc.machine.crash()
    wait_until(lambda: bmc.machine.agent.is_locked_down, 20, "the new agent's lookup")
    controller.ask("m1", "unhold")
    node = controller.wait_for("m1", "service failed")
    assert "the agent on m1 restarted while it had nothing to do" in str(node.last_error)
    assert orders(bmc.machine) == ["get_service_steps"]
