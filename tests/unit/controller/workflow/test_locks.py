"""Who may have a node: the same rule for every stage of the graph in every state."""

import pytest

from controller.states import Event, State
from controller.store.tables import Node, Work
from controller.workflow.aside import lay_aside
from controller.workflow.graph import STAGES
from controller.workflow.locks import (
    HOLDING,
    WAITING,
    is_at_work,
    is_free,
    is_held,
    is_idle,
    lends_bmc,
)
from controller.workflow.unbreakable import AFTER_STEP, postpone, unbreakable_step


def node_at(stage: str | None, state: State, claim_id: str | None = None) -> Node:
    node = Node(uuid="u", provision_state=state, clean_step={}, deploy_step={}, service_step={})
    if stage:
        times = {"entered_at": 0.0, "started_at": 0.0, "timeout_s": None, "deadline_at": None}
        node.work = Work(stage=stage, claim_id=claim_id, data={}, **times)
    return node


def test_a_node_at_nothing_is_free_for_all() -> None:
    for state in State:
        node = node_at(None, state)
        assert (is_at_work(node), is_held(node), is_idle(node)) == (False, False, True)


@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"sync.power"}))
def test_a_stage_holds_the_node_but_while_it_waits_for_the_ramdisk(stage: str) -> None:
    yields = STAGES[stage].yields
    for state in State:
        for claim_id in (None, "c"):
            node = node_at(stage, state, claim_id)
            assert is_at_work(node) is not yields
            assert is_held(node) is (
                not yields and (claim_id is not None or state not in WAITING | HOLDING)
            )
            assert is_free(node) is not is_held(node)
            if not yields:
                assert not is_idle(node)
                rests = STAGES[stage].rests and claim_id is None
                assert lends_bmc(node) is rests
            if node.work is not None:  # a power order beside a workflow that rests
                node.work.data = lay_aside(node.work, 1.0)
                assert is_held(node) is not yields


def test_switching_an_aborted_machine_off_is_never_replaced() -> None:
    states = {State.DEPLOY_FAILED, State.CLEAN_FAILED, State.INSPECT_FAILED}
    for stage in ("aborted.power_off", "inspect_failed.power_off", "deploy_failed.power_off"):
        assert all(is_held(node_at(stage, state)) for state in states)


def test_a_power_order_does_not_replace_logs_that_a_power_off_follows() -> None:
    assert is_idle(node_at("clean_failed.logs", State.CLEAN_FAILED))
    assert not is_idle(node_at("deploy_failed.logs", State.DEPLOY_FAILED))


def test_a_stage_of_a_newer_version_holds_the_node() -> None:
    assert is_held(node_at("deploy.of_the_future", State.DEPLOYING))
    assert not is_idle(node_at("deploy.of_the_future", State.DEPLOYING))


def test_what_was_asked_for_during_a_step_is_noted_once_and_deletion_wins() -> None:
    node = node_at("deploy.step.watch", State.DEPLOY_WAIT)
    node.deploy_step = {"step": "flash", "abortable": False}
    assert unbreakable_step(node) == "flash"
    text = postpone(node, Event.ABORT)
    assert text == (
        "abort was asked for; it is carried out after deploy step flash, which must not be interrupted"
    )
    assert node.deploy_step["abort_after"] is True
    assert postpone(node, Event.ABORT) is None
    assert str(postpone(node, Event.DELETE)).startswith("deleted was asked for")
    assert postpone(node, Event.ABORT) is None
    assert node.work
    assert node.work.data[AFTER_STEP] == "deleted"


@pytest.mark.parametrize(
    ("state", "step", "expected"),
    [
        (State.CLEAN_WAIT, {"step": "erase", "abortable": True}, None),
        (State.CLEAN_WAIT, {"step": "flash"}, "flash"),
        (State.CLEAN_WAIT, {}, None),
        (State.CLEANING, {"step": "flash", "abortable": False}, "flash"),
        (State.CLEAN_FAILED, {"step": "flash"}, None),
        (State.INSPECT_WAIT, {"step": "flash"}, None),
    ],
)
def test_a_step_is_unbreakable_while_it_runs(
    state: State, step: dict[str, object], expected: str | None
) -> None:
    node = node_at("clean.step.watch", state)
    node.clean_step = step
    assert unbreakable_step(node) == expected
