"""An agent that never got its token: the answer to its first lookup was lost, or somebody else asked first."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.protocol.lookup import Heartbeat
from controller.workflow import ramdisk
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.waiting import wait_until

MAC = "52:54:00:00:00:01"
FAST: dict[str, Any] = {"agent_token_grace_s": 0.3, "power_check_interval_s": 0.1}


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path, **FAST) as running:
        yield running


@pytest.mark.parametrize(
    ("state", "verb", "goal"),
    [("manageable", "provide", "available"), ("available", "active", "active")],
)
def test_the_machine_is_booted_once_more_and_everything_goes_on(
    controller: RunningController, state: str, verb: str, goal: str
) -> None:
    bmc = controller.enrol("m1", state, instance_info=IMAGE)
    bmc.machine.behaviour.lost_answers = 1
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
    bmc.machine.behaviour.lost_answers = 2
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "deploy failed")
    assert bmc.machine.boots == ["pxe", "off", "pxe", "off"]
    assert "booting once more did not help" in str(node.last_error)
    assert "second machine with a MAC address" in str(node.last_error)

    controller.ask("m1", "active")  # the next attempt begins with a clean slate
    controller.wait_for("m1", "active")


def test_an_agent_that_asks_twice_and_then_calls_back_is_left_alone(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", "provide")
    wait_until(lambda: controller.node("m1").provision_state == "clean wait", 5, "the wait")
    first = ramdisk.lookup(controller.services, [MAC], None, give_token=True)
    again = ramdisk.lookup(controller.services, [MAC], None, give_token=True)
    assert again.config.agent_token == "******"
    token = first.config.agent_token  # it had kept it and has only restarted
    beat = Heartbeat(callback_url="http://127.0.0.1:9", agent_token=token, agent_version="1")
    ramdisk.heartbeat(controller.services, "m1", beat)
    time.sleep(3 * FAST["agent_token_grace_s"])
    assert controller.node("m1").stage == "clean.plan"
    assert bmc.machine.boots == ["pxe"]


def test_a_lookup_again_after_the_first_heartbeat_boots_nothing(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.seconds = {"erase_devices_metadata": 1.0}
    controller.ask("m1", "provide")
    wait_until(lambda: controller.node("m1").stage == "clean.step.watch", 5, "the step")
    node = controller.node("m1")
    again = ramdisk.lookup(controller.services, [MAC], node.uuid, give_token=True)
    assert again.config.agent_token == "******"
    controller.wait_for("m1", "available")
    assert bmc.machine.boots == ["pxe", "off"]
