"""Deployments that fail or are given up: the state, the words, and how they go on."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from controller.store.nodes import get_node
from tests.integration.running_controller import (
    IMAGE,
    RunningController,
    running_controller,
)
from tests.integration.waiting import wait_until


@pytest.fixture
def web_server(tmp_path: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_an_image_that_is_not_there_is_noticed_before_the_machine_is_touched(
    controller: RunningController, web_server: str
) -> None:
    bmc = controller.enrol("m1", instance_info={**IMAGE, "image_source": f"{web_server}/none.raw"})
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "deploy failed")
    assert f"{web_server}/none.raw answers 404" in str(node.last_error)
    assert bmc.machine.boots == []


@pytest.mark.parametrize("target", ["rebuild", "active"])
def test_a_running_system_stays_on_when_its_new_image_is_not_there(
    controller: RunningController, web_server: str, target: str
) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    boots = list(bmc.machine.boots)
    with controller.store.edit() as session:
        row = get_node(session, "m1", for_update=True)
        row.instance_info = {**IMAGE, "image_source": f"{web_server}/none.raw"}
    bmc.calls.clear()
    controller.ask("m1", "rebuild")
    controller.wait_for("m1", "deploy failed")
    if target == "active":  # and the next attempt leaves it alone as well
        controller.ask("m1", target)
        controller.wait_for("m1", "deploy failed")

    node = controller.node("m1")
    assert "none.raw answers 404" in str(node.last_error)
    assert (node.power_state, node.target_power_state) == ("power on", None)
    assert bmc.machine.is_on
    assert bmc.machine.boots == boots
    assert bmc.calls == []


def test_a_failed_step_carries_the_agents_words_and_keeps_its_logs(
    controller: RunningController, tmp_path: Path
) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.machine.behaviour.failures["write_image"] = "checksum is ab, not cd"
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "deploy failed")
    assert node.last_error == (
        "deployment failed: write_image failed on the agent: checksum is ab, not cd"
    )
    assert node.deploy_step == {}
    assert not bmc.machine.is_on
    (log,) = (tmp_path / "logs" / node.uuid).iterdir()
    assert log.read_bytes() == b"logs"

    bmc.machine.behaviour.failures.clear()
    controller.ask("m1", "active")
    assert controller.wait_for("m1", "active").last_error is None


def test_a_failed_node_takes_the_next_verb_while_its_logs_are_still_read(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.machine.behaviour.failures["write_image"] = "no"
    bmc.machine.behaviour.seconds["collect_system_logs"] = 20.0
    controller.ask("m1", "active")
    controller.wait_for("m1", "deploy failed")
    wait_until(lambda: bool(bmc.machine.ordered("collect_system_logs")), 5, "logs asked for")
    bmc.machine.behaviour.failures.clear()
    controller.ask("m1", "active")  # waits for at most 5 s for a worker before it refuses
    assert controller.wait_for("m1", "active").last_error is None


def test_a_machine_that_is_reset_in_the_middle_of_a_write_fails_at_once(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.machine.behaviour.seconds["write_image"] = 60.0
    controller.ask("m1", "active")
    wait_until(lambda: bool(controller.node("m1").progress), 5, "progress")
    bmc.machine.crash()
    node = controller.wait_for("m1", "deploy failed", timeout_s=5)
    assert "write_image" in str(node.last_error)
    assert len(bmc.machine.ordered("write_image")) == 1
    assert not bmc.machine.is_on


def test_an_agent_that_falls_silent_fails_after_its_time(controller: RunningController) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.machine.behaviour.seconds["write_image"] = 60.0
    controller.ask("m1", "active")
    wait_until(lambda: bool(controller.node("m1").progress), 5, "progress")
    bmc.machine.agent.stop()
    node = controller.wait_for("m1", "deploy failed", timeout_s=8)
    assert "did not answer" in str(node.last_error)
    assert "in the middle of write_image" in str(node.last_error)
    assert "its BMC says power on" in str(node.last_error)
    assert "console" in str(node.last_error)


def test_a_ramdisk_that_never_calls_back_ends_the_wait(tmp_path: Path) -> None:
    with running_controller(tmp_path, callback_timeout_s=0.5) as controller:
        bmc = controller.enrol("m1", instance_info=IMAGE)
        bmc.machine.behaviour.calls_back = False
        controller.ask("m1", "active")
        node = controller.wait_for("m1", "deploy failed")
        assert "no agent has called back" in str(node.last_error)
        assert "nothing on the network" in str(node.last_error)
        assert not bmc.machine.is_on


def test_a_bmc_that_accepts_power_on_and_stays_off_is_named(tmp_path: Path) -> None:
    with running_controller(tmp_path, power_change_timeout_s=0.5) as controller:
        bmc = controller.enrol("m1", instance_info=IMAGE)
        bmc.stays_off = True
        controller.ask("m1", "active")
        node = controller.wait_for("m1", "deploy failed")
        assert "accepted 'power on', but the machine stays at 'power off'" in str(node.last_error)


def test_a_machine_that_goes_off_while_its_agent_is_awaited_is_noticed(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", "active")
    wait_until(lambda: controller.node("m1").provision_state == "wait call-back", 5, "the wait")
    bmc.machine.power_off()
    node = controller.wait_for("m1", "deploy failed", timeout_s=5)
    assert "the machine stays off" in str(node.last_error)


def test_a_bmc_that_does_not_answer_fails_after_some_tries_and_can_be_tried_again(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.is_reachable = False
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "deploy failed")
    assert "BMC 10.0.0.1: no answer" in str(node.last_error)
    assert "tried 3 times" in str(node.last_error)
    bmc.is_reachable = True
    controller.ask("m1", "deleted")
    controller.wait_for("m1", "available")


def test_a_deployment_can_be_aborted_while_it_waits(controller: RunningController) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.machine.behaviour.seconds["write_image"] = 60.0
    controller.ask("m1", "active")
    wait_until(lambda: bool(controller.node("m1").progress), 5, "progress")
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "deploy failed")
    assert node.last_error == "Aborted by request"
    assert not bmc.machine.is_on


def test_a_waiting_deployment_can_be_deleted(controller: RunningController) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", "active")
    wait_until(lambda: controller.node("m1").provision_state == "wait call-back", 5, "the wait")
    bmc.machine.behaviour.calls_back = True
    controller.ask("m1", "deleted")
    controller.wait_for("m1", "available")
