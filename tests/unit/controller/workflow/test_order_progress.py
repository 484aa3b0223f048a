"""What an agent says of its progress is stored as words for people, whoever wrote them."""

from types import SimpleNamespace
from typing import cast

from agent.protocol.commands import CommandResult, CommandStatus, Progress
from controller.workflow.stage import Context
from controller.workflow.stages.orders import _progress


def test_words_of_progress_are_bounded_and_without_secrets() -> None:
    told = Progress(
        phase="fetch\x1b[2J", message="https://u:geheim@web/ " + "x" * 60_000, percent=3
    )
    command = CommandResult(
        id="1", command_name="x", command_status=CommandStatus.RUNNING, progress=told
    )
    context = cast("Context", SimpleNamespace(wall_now=7.0))
    stored = _progress(context, {"title": "flash"}, command)
    assert stored is not None
    assert (stored["step"], stored["percent"], stored["updated_at"]) == ("flash", 3, 7.0)
    assert len(stored["message"]) <= 2000
    assert "geheim" not in str(stored)
    assert "\x1b" not in stored["phase"]
