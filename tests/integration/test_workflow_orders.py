"""An order to the agent is given once, whatever happens to the controller between giving it and storing that."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.store.claims import Room, claim_due, held, let_go, read_subject
from controller.store.nodes import get_node
from controller.store.tables import WORKFLOW
from controller.workflow.graph import STAGES
from controller.workflow.outcome import Outcome
from controller.workflow.stage import Context
from tests.integration.running_controller import IMAGE, RunningController
from tests.integration.waiting import wait_until


@pytest.fixture
def at_send(tmp_path: Path) -> Iterator[RunningController]:
    """A controller whose node m1 stands before the order of write_image; the engine is stopped."""
    controller = RunningController(tmp_path, progress_poll_interval_s=60.0)
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.machine.behaviour.seconds["write_image"] = 0.5
    controller.start()
    controller.ask("m1", "active")
    wait_until(lambda: controller.node("m1").stage == "deploy.step.watch", 10, "the order")
    controller.engine.stop(timeout_s=5)
    wait_until(lambda: controller.node("m1").claim_owner is None, 5, "the end of the claim")
    with controller.store.edit() as session:  # as if the controller had died before it stored that
        node = get_node(session, "m1")
        work = node.work
        assert work
        order = {key: value for key, value in work.data["order"].items() if key != "sent_at"}
        work.data = {**work.data, "order": {**order, "id": None}}
        work.stage, work.due_at, node.provision_state = "deploy.step.send", 1.0, "deploying"
    yield controller
    controller.stop()


def run_stage(controller: RunningController) -> Outcome:
    room = Room(any=1, suspects=1)
    (claim,) = claim_due(controller.store, "here", WORKFLOW, room)
    subject = read_subject(controller.store, claim)
    assert subject
    context = Context(
        services=controller.services,
        node=subject.node,
        ports=subject.ports,
        work=claim.work,
        now=controller.services.steady(),
    )
    outcome = STAGES["deploy.step.send"].run(context)
    with controller.store.edit() as session:
        found = held(session, claim)
        assert found
        let_go(found[1], due_at=1.0)
    return outcome


def test_a_running_order_is_adopted(at_send: RunningController) -> None:
    machine = at_send.driver.bmcs["m1"].machine
    (command,) = [c for c in machine.agent.commands if c["name"] == "write_image"]
    assert run_stage(at_send).data["order"]["id"] == command["id"]
    assert run_stage(at_send).data["order"]["id"] == command["id"]
    assert len(machine.ordered("write_image")) == 1


def test_an_order_that_has_ended_meanwhile_is_adopted_too(at_send: RunningController) -> None:
    machine = at_send.driver.bmcs["m1"].machine
    (command,) = [c for c in machine.agent.commands if c["name"] == "write_image"]
    wait_until(lambda: command["command_status"] == "SUCCEEDED", 5, "the end of the order")
    assert run_stage(at_send).data["order"]["id"] == command["id"]
    assert len(machine.ordered("write_image")) == 1


def test_an_order_of_an_earlier_step_is_not_mistaken_for_this_one(
    at_send: RunningController,
) -> None:
    machine = at_send.driver.bmcs["m1"].machine
    (command,) = [c for c in machine.agent.commands if c["name"] == "write_image"]
    wait_until(lambda: command["command_status"] == "SUCCEEDED", 5, "the end of the order")
    with at_send.store.edit() as session:
        work = get_node(session, "m1").work
        assert work
        order = work.data["order"]
        seen = [*order["seen"], command["id"]]
        work.data = {**work.data, "order": {**order, "seen": seen}}
    assert run_stage(at_send).data["order"]["id"] != command["id"]
    assert len(machine.ordered("write_image")) == 2
