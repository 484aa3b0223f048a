"""Steps: listed, run, refused and stopped."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import InvalidRequest
from agent.hardware.capabilities import Phase, StepContext
from agent.protocol.commands import CommandStatus
from tests.unit.agent.commands.command_desk import NODE, WRITTEN, Desk, execute
from tests.unit.fakes import manager, step


def test_steps_are_listed_with_the_versions_of_their_managers(desk: Desk) -> None:
    listed = desk.do("clean.get_clean_steps", {"node": NODE, "ports": []}).command_result
    assert list(listed) == ["clean_steps", "hardware_manager_version"]
    assert [s["step"] for s in listed["clean_steps"]["one"]] == ["erase"]
    assert listed["hardware_manager_version"] == {"one": "1"}


def test_a_step_gets_what_the_controller_sent_and_its_result_carries_the_step_back(
    desk: Desk,
) -> None:
    sent = {"step": "erase", "interface": "deploy", "args": {"fast": True}, "requires_ramdisk": 1}
    result = desk.do("clean.execute_clean_step", execute(sent, {"one": "1"}))
    assert result.command_result == {"clean_result": {"/dev/vda": "erased"}, "clean_step": sent}
    (context,) = desk.contexts
    assert (context.node, context.args) == (NODE, {"fast": True})
    assert desk.written.last() == WRITTEN


def test_a_step_for_other_managers_is_not_run(desk: Desk) -> None:
    result = desk.do("clean.execute_clean_step", execute({"step": "erase"}, {"one": "0.9"}))
    assert result.command_status is CommandStatus.VERSION_MISMATCH
    assert desk.contexts == []


def test_an_unknown_step_fails_and_lists_the_known_ones(desk: Desk) -> None:
    result = desk.do("clean.execute_clean_step", execute({"step": "polish"}))
    assert "offered: deploy.erase" in result.command_error.details


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"step": {}, "node": {}, "ports": []}, "execute_clean_step: step: .*`step`"),
        ({"step": {"step": "erase"}, "ports": []}, "execute_clean_step: .*`node`"),
        ({"step": "erase", "node": {}, "ports": []}, r"execute_clean_step: .*\$\.step"),
    ],
)
def test_a_malformed_step_is_refused(desk: Desk, params: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        desk.do("clean.execute_clean_step", params)


@pytest.mark.parametrize("is_stoppable", [True, False])
def test_a_step_has_tools_and_is_stopped_only_where_it_says_so(
    tmp_path: Path, *, is_stoppable: bool
) -> None:
    desk = Desk(tmp_path)
    seen: list[tuple[str | None, bool]] = []

    def look(context: StepContext) -> None:
        tools = context.tools
        (tools.folder / "scratch").write_text("x")
        desk.contexts.append(context)
        seen.append((tools.stop.refused, tools.progress is context.progress))

    stoppable = replace(step("look", {Phase.CLEAN: 1}, look), stoppable=is_stoppable)
    desk.hardware.managers = (manager(steps=[stoppable]),)
    assert desk.do("clean.execute_clean_step", execute({"step": "look"})).command_error is None
    ((refused, is_same),) = seen
    assert is_same
    assert (refused is None) is is_stoppable
    assert not desk.contexts[0].tools.folder.exists()
    assert desk.contexts[0].hardware is desk.hardware
