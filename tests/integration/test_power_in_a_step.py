"""Power orders while an agent is at a step: what Ironic takes, as far as nothing breaks that must not be interrupted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from controller.store.tables import Node
from tests.integration.running_controller import (
    IMAGE,
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.steps_asked_for import step, wish
from tests.integration.waiting import wait_until

BEGINS = {"service": "active", "active": "available", "clean": "manageable"}
WAITS = {"service": "service wait", "active": "wait call-back", "clean": "clean wait"}


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path) as running:
        yield running


def begin(controller: RunningController, verb: str, *, abortable: bool = True) -> MachineBmc:
    """Have an agent be at a step that lasts."""
    bmc = controller.enrol("m1", BEGINS[verb], instance_info=IMAGE)
    if verb == "service":
        bmc.machine.power_on()
    kind = "deploy" if verb == "active" else verb
    name = "write_image" if verb == "active" else "work"
    bmc.machine.behaviour.steps = {kind: [step(name, abortable=abortable)]}
    bmc.machine.behaviour.seconds[name] = 2.0
    arguments = {} if verb == "active" else {f"{verb}_steps": [wish(name)]}
    controller.ask("m1", verb, **arguments)
    wait_until(lambda: bool(bmc.machine.ordered(name)), 20, "the step")
    wait_until(lambda: controller.node("m1").provision_state == WAITS[verb], 20, "the wait")
    return bmc


def power(controller: RunningController, target: str) -> requests.Response:
    url = f"{controller.url}/v1/nodes/m1/states/power"
    headers = {"X-OpenStack-Ironic-API-Version": "1.115"}
    return requests.put(url, json={"target": target}, headers=headers, timeout=60)


def ended(controller: RunningController) -> Node:
    wait_until(lambda: controller.node("m1").stage is None, 30, "the end")
    return controller.node("m1")


@pytest.mark.parametrize("verb", ["service", "active"])
def test_power_on_disturbs_no_step(controller: RunningController, verb: str) -> None:
    bmc = begin(controller, verb)
    assert power(controller, "power on").status_code == 202
    node = ended(controller)
    assert (node.provision_state, node.last_error) == ("active", None)
    assert bmc.machine.boots.count("pxe") == 1


@pytest.mark.parametrize("target", ["power off", "soft power off", "rebooting"])
@pytest.mark.parametrize("verb", ["service", "active"])
def test_a_power_order_cuts_a_step_off_and_the_workflow_says_so(
    controller: RunningController, verb: str, target: str
) -> None:
    bmc = begin(controller, verb)
    reply = power(controller, target)
    assert reply.status_code == 202, reply.text
    node = ended(controller)
    assert node.provision_state == {"service": "service failed", "active": "deploy failed"}[verb]
    name = "write_image" if verb == "active" else "work"
    assert f"{name} was cut off: the machine was switched off or rebooted by a power order" in (
        str(node.last_error)
    )
    assert bmc.machine.is_on is (verb == "service" and target == "rebooting")
    assert node.fault == {"service": "service failure", "active": None}[verb]


@pytest.mark.parametrize("target", ["power on", "power off", "rebooting"])
def test_a_step_that_must_not_be_interrupted_keeps_its_power(
    controller: RunningController, target: str
) -> None:
    bmc = begin(controller, "service", abortable=False)
    reply = power(controller, target)
    assert reply.status_code == 409
    assert "the step work must not be interrupted" in reply.text
    assert ended(controller).provision_state == "active"
    assert bmc.machine.boots == ["disk", "off", "pxe", "off", "disk"]


@pytest.mark.parametrize("target", ["power on", "power off", "rebooting"])
def test_a_cleaning_takes_no_power_order(controller: RunningController, target: str) -> None:
    begin(controller, "clean")
    assert power(controller, target).status_code == 400
    assert ended(controller).provision_state == "manageable"
