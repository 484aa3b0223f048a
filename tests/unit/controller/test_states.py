import pytest

from controller.errors import InvalidStateRequested
from controller.states import (
    FAILED,
    STABLE,
    TRANSITIONS,
    VERBS,
    Event,
    State,
    after,
    check_verb,
    target_of,
)


def reachable(start: State) -> set[State]:
    seen, queue = {start}, [start]
    while queue:
        state = queue.pop()
        for (source, _), target in TRANSITIONS.items():
            if source == state and target not in seen:
                seen.add(target)
                queue.append(target)
    return seen


def test_every_state_can_be_reached_from_enroll() -> None:
    assert reachable(State.ENROLL) == set(State)


@pytest.mark.parametrize("state", State)
def test_every_state_can_reach_manageable_or_active_so_nothing_is_a_dead_end(state: State) -> None:
    assert reachable(state) & {State.MANAGEABLE, State.ACTIVE}


@pytest.mark.parametrize("state", sorted(set(State) - STABLE - FAILED))
def test_every_state_in_which_work_goes_on_can_fail(state: State) -> None:
    assert any(s == state and e in {Event.FAIL, Event.ABORT} for s, e in TRANSITIONS)


@pytest.mark.parametrize("state", State)
def test_only_stable_states_have_no_target(state: State) -> None:
    assert (target_of(state) is None) == (state in STABLE)


def test_a_verb_that_is_not_possible_names_those_that_are() -> None:
    with pytest.raises(InvalidStateRequested, match=r'"provide".*"enroll".*possible there: manage'):
        after(State.ENROLL, Event.PROVIDE)


@pytest.mark.parametrize(
    ("state", "verb", "possible"),
    [
        (State.ENROLL, "provide", "manage"),
        (State.DEPLOY_WAIT, "provide", "abort, deleted"),
        (State.AVAILABLE, "deleted", "active, manage"),
        (State.DEPLOYING, "abort", "none, wait for its end"),
        (State.CLEANING, "manage", "none, wait for its end"),
        (State.DELETING, "clean", "none, wait for its end"),
    ],
)
def test_a_client_is_told_the_verbs_that_are_possible_not_what_the_work_does(
    state: State, verb: str, possible: str
) -> None:
    with pytest.raises(InvalidStateRequested, match=f"possible there: {possible}$"):
        check_verb(state, verb, tuple(VERBS))


def test_only_verbs_that_are_served_are_advised() -> None:
    with pytest.raises(InvalidStateRequested, match=r"possible there: provide$"):
        check_verb(State.MANAGEABLE, "active", ("provide", "active"))
