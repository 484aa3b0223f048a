"""An abort stops the step of the agent that can be stopped; the others are cut off, and a failure stays one."""

from pathlib import Path

import pytest

from tests.integration.running_controller import MachineBmc, RunningController, running_controller
from tests.integration.steps_asked_for import step
from tests.integration.waiting import wait_until


def wiping(controller: RunningController, **behaviour: object) -> MachineBmc:
    """Begin a cleaning that wipes for a minute, in a step that an agent can stop; return it as it does so."""
    bmc = controller.enrol("m1", "manageable")
    doing = bmc.machine.behaviour
    doing.steps = {"clean": [step("wipe", 50)]}
    doing.seconds["wipe"], doing.stoppable = 60.0, {"wipe"}
    for name, value in behaviour.items():
        setattr(doing, name, value)
    controller.ask("m1", "provide")
    wait_until(lambda: bool(controller.node("m1").progress), 20, "the step")
    return bmc


@pytest.mark.parametrize("is_abortable", [True, False])
def test_a_step_that_can_be_stopped_is_stopped_before_the_machine_is_switched_off(
    controller: RunningController, is_abortable: bool
) -> None:
    bmc = wiping(controller, steps={"clean": [step("wipe", 50, abortable=is_abortable)]})
    for command in bmc.machine.agent.commands:
        command["seconds"] = 0.2  # what is left of it
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "clean failed")
    assert "Aborted by request: clean step wipe was stopped in the middle after " in str(
        node.last_error
    )
    assert str(node.last_error).endswith("stopped after 3 of 20 blocks")
    assert (node.maintenance, bmc.machine.is_on) == (False, False)
    requests = [event.message for event in controller.events("m1", "request")]
    assert requests[-1] == "abort was asked for; the agent is told to stop clean step wipe"
    told = [event.message for event in controller.events("m1", "step")]
    assert "the agent was told to stop clean step wipe" in told


def test_a_step_that_fails_by_itself_after_it_was_told_to_stop_is_a_failure(
    controller: RunningController,
) -> None:
    bmc = wiping(controller, failures={"wipe": "the disk died"})
    for command in bmc.machine.agent.commands:
        command["seconds"] = 0.2  # what is left of it
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "clean failed")
    assert "wipe failed on the agent: the disk died" in str(node.last_error)
    assert node.fault == "clean failure"


def test_a_stop_that_a_controller_died_before_it_could_note_is_an_abort(
    controller: RunningController,
) -> None:
    bmc = wiping(controller)
    controller.engine.stop(timeout_s=5)
    wait_until(lambda: controller.node("m1").claim_owner is None, 5, "the end of the claim")
    controller.ask("m1", "abort")
    (command,) = [one for one in bmc.machine.agent.commands if one["name"] == "wipe"]
    command["seconds"], command["is_stopped"] = 0.2, True  # the dead controller had told it
    wait_until(lambda: command["command_status"] == "FAILED", 20, "the end of the step")
    controller.engine.start(controller.services)
    node = controller.wait_for("m1", "clean failed")
    assert "clean step wipe was stopped in the middle" in str(node.last_error)
    assert node.fault is None


def test_an_abortable_step_that_does_not_stop_in_time_is_cut_off(tmp_path: Path) -> None:
    with running_controller(tmp_path, step_stop_timeout_s=0.3) as controller:
        bmc = wiping(controller, ignores_stop=True)
        controller.ask("m1", "abort")
        node = controller.wait_for("m1", "clean failed")
        assert "still runs after 0 s (setting step_stop_timeout_s): the machine is sw" in str(
            node.last_error
        )
        assert not bmc.machine.is_on
