"""The table of verbs: every row fits the state table and the graph of stages."""

import pytest

from controller.errors import Invalid, InvalidStateRequested
from controller.states import TRANSITIONS, VERBS, State
from controller.workflow.graph import STAGES
from controller.workflow.verb_request import ARGUMENT_SINCE, ProvisionRequest
from controller.workflow.verb_table import TABLE, Verb, check_arguments, verb_of

_ROWS = sorted(TABLE.values(), key=lambda verb: verb.name)


@pytest.mark.parametrize("verb", _ROWS, ids=lambda verb: verb.name)
def test_a_verb_begins_only_where_the_state_table_leads_it(verb: Verb) -> None:
    ends = {state for (_from, event), state in TRANSITIONS.items() if event is verb.event}
    assert set(verb.begins) <= ends
    assert set(verb.begins.values()) <= set(STAGES)


@pytest.mark.parametrize("verb", _ROWS, ids=lambda verb: verb.name)
def test_a_verb_takes_arguments_that_exist_and_are_not_newer_than_the_api(verb: Verb) -> None:
    assert set(verb.arguments) <= set(ProvisionRequest.__struct_fields__) - {"target"}
    assert verb.required is None or verb.required in verb.arguments
    assert 1 <= verb.since <= 115
    assert set(ARGUMENT_SINCE) <= set(ProvisionRequest.__struct_fields__)


def test_every_verb_of_the_state_table_is_served() -> None:
    assert {name: verb_of(name).event for name in TABLE} == VERBS


def test_a_verb_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(InvalidStateRequested, match='"fly" is not a provision verb; possible: abo'):
        verb_of("fly")


def test_arguments_of_another_verb_are_refused_with_those_that_go() -> None:
    request = ProvisionRequest(target="manage", clean_steps=[])
    with pytest.raises(Invalid, match='clean_steps does not go with provision verb "manage"; it'):
        check_arguments(TABLE["manage"], request)
    check_arguments(TABLE["active"], ProvisionRequest(target="active", deploy_steps=[]))


def test_only_abort_is_newer_in_some_states() -> None:
    newer = {verb.name: dict(verb.since_in) for verb in _ROWS if verb.since_in}
    assert newer["abort"] == {State.INSPECT_WAIT: 41, State.DEPLOY_WAIT: 110}


def test_a_verb_that_moves_a_node_last_does_so_at_every_end_of_its_workflow() -> None:
    for verb in _ROWS:
        for state in verb.moves_last:
            prefix = verb.begins[state].partition(".")[0]
            ways = [
                to
                for name, stage in STAGES.items()
                if name.startswith(f"{prefix}.")
                for to in stage.ways.values()
            ]
            assert {to.event for to in ways if to.stage is None} == {verb.event}
            assert {to.event for to in ways if to.stage is not None} == {None}
