from collections import deque
from dataclasses import replace
from typing import Any

import pytest

from controller.errors import SettingsError
from controller.settings import Settings
from controller.states import FAILED, STABLE, TRANSITIONS, State, after
from controller.workflow.graph import STAGES, WORKFLOWS, check_graph, workflow_of
from controller.workflow.outcome import leave
from controller.workflow.stage import To, leaves_by
from controller.workflow.verb_table import TABLE

ENDS = STABLE | FAILED


def entries() -> list[tuple[str, State]]:
    """Every stage that a verb begins with, and the state the node is in then."""
    return sorted(
        {(stage, state) for verb in TABLE.values() for state, stage in verb.begins.items()}
    )


def walk(stage: str, state: State) -> set[tuple[str | None, State]]:
    """Return everything that can be reached, following every way and every failure."""
    seen: set[tuple[str | None, State]] = set()
    queue: deque[tuple[str | None, State]] = deque([(stage, state)])
    while queue:
        here = queue.popleft()
        if here in seen:
            continue
        seen.add(here)
        name, at = here
        if name is None:
            continue
        for to in STAGES[name].ways.values():
            between = after(at, to.event) if to.event else at
            queue.append((to.stage, after(between, to.then) if to.then else between))
        workflow = workflow_of(name)
        failed = after(at, workflow.fails_with) if workflow.fails_with else at
        queue.append((workflow.after_failure, failed))
    return seen


@pytest.mark.parametrize(("stage", "state"), entries())
def test_no_way_asks_the_state_table_for_something_illegal(stage: str, state: State) -> None:
    assert walk(stage, state)  # ``after`` raises otherwise


@pytest.mark.parametrize(("stage", "state"), entries())
def test_every_workflow_ends_in_a_state_that_verbs_lead_out_of(stage: str, state: State) -> None:
    for name, at in walk(stage, state):
        if name is None:
            assert at in ENDS
            assert any(before == at for before, _event in TRANSITIONS)


def test_every_way_leads_to_a_stage_that_exists_and_every_stage_is_reached() -> None:
    reached = {name for stage, state in entries() for name, _state in walk(stage, state)}
    begun_elsewhere = {
        name
        for name in STAGES
        if name.startswith(
            ("power.", "sync.", "stay.", "management.", "child.", "discover.", "network.")
        )
    }
    assert reached - {None} == set(STAGES) - begun_elsewhere


def test_every_stage_belongs_to_a_workflow_and_fits_its_column() -> None:
    for name in STAGES:
        assert name.partition(".")[0] in WORKFLOWS
        assert len(name) <= 64


def test_every_wait_has_a_deadline() -> None:
    waiting = [name for name in STAGES if name.rpartition(".")[2] in {"watch", "wait_for_agent"}]
    assert {f"{kind}.step.watch" for kind in ("clean", "deploy", "service")} <= set(waiting)
    for name in waiting:
        limit = STAGES[name].timeout_s
        assert limit
        assert limit(Settings()) > 0


def test_failures_of_tidying_up_leave_the_state_alone() -> None:
    for name in ("deploy_failed.power_off", "aborted.power_off", "clean_failed.logs", "sync.power"):
        assert workflow_of(name).fails_with is None


def test_only_what_brings_nothing_but_evidence_yields_to_a_verb() -> None:
    yielding = {name for name, stage in STAGES.items() if stage.yields}
    assert yielding == {f"{kind}_failed.logs" for kind in ("clean", "deploy", "rescue", "service")}


def test_the_graph_is_as_its_functions_declare_it() -> None:
    check_graph()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"run": leaves_by("done", "late")(lambda _context: leave())},
            "leave by 'late', which leads",
        ),
        ({"ways": {"done": To(stage="verify.nowhere")}}, "to verify.nowhere, which does not exist"),
        ({"ways": {"done": To(stage=None), "late": To(stage=None)}}, "'late', by which it never"),
    ],
)
def test_a_wrong_graph_is_refused_with_a_sentence(changes: dict[str, Any], words: str) -> None:
    wrong = replace(STAGES["verify.credentials"], **changes)
    with pytest.raises(SettingsError, match=words):
        check_graph({**STAGES, "verify.credentials": wrong})


def test_a_workflow_without_its_end_and_a_stage_without_workflow_are_refused() -> None:
    workflows = {"verify": replace(WORKFLOWS["verify"], after_failure="verify.tidy")}
    with pytest.raises(
        SettingsError, match=r"verify\.tidy after a failure.*stage x\.y belongs to no"
    ):
        check_graph({"x.y": STAGES["verify.credentials"]}, workflows)
