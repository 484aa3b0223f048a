"""What comes of a stop that an agent can carry out for a part of a step only."""

from types import SimpleNamespace
from typing import Any

from agent.protocol.commands import CommandResult, CommandStatus
from controller.workflow.outcome import stay
from controller.workflow.stages import stopping

WAITING = stay(1.0, waiting_for="the step", advice="wait")


def look(order: dict[str, Any], *, stoppable: bool, now: float) -> Any:
    settings = SimpleNamespace(step_stop_timeout_s=60.0)
    context: Any = SimpleNamespace(now=now, settings=settings)
    command = CommandResult(
        id="1",
        command_name="execute_clean_step",
        command_status=CommandStatus.RUNNING,
        stoppable=stoppable,
    )
    return stopping.stop(context, "clean", order, command, WAITING)


def test_a_drive_that_could_not_be_stopped_keeps_its_power_however_long_it_takes() -> None:
    order = {"id": "1", "title": "erase_devices", "abortable": True, "stop_asked_at": 0.0}
    first = look(order, stoppable=False, now=1000.0)
    assert first.way is None
    assert [note.message for note in first.notes] == [
        "clean step erase_devices was stopped where it can be; the end of the rest is waited for"
    ]
    assert look(first.data["order"], stoppable=False, now=9000.0) is WAITING
