import pytest

from controller.errors import InvalidStateRequested
from controller.states import FAILED, STABLE, TRANSITIONS, Event, State, after, target_of


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
