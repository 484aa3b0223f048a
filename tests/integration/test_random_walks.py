"""Random walks through the provision states with faults: whatever is asked for and whatever breaks, no node stays stuck.

After each walk everything is mended, and then every state has a way out: the node comes to rest by itself, and by the verbs that a
person would use it becomes ``available``.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from controller.errors import ControllerError
from controller.states import VERBS, State
from controller.store.tables import Node
from tests.integration.running_controller import (
    IMAGE,
    MachineBmc,
    RunningController,
    running_controller,
)

_NUMBERS = itertools.count(1)
_LONGEST_REST_S = 120.0
_MOST_WAY_OUT = 8
_HOLDS = frozenset({State.CLEAN_HOLD, State.DEPLOY_HOLD, State.SERVICE_HOLD})
WAY_OUT = {
    State.ENROLL: "manage",
    State.MANAGEABLE: "provide",
    State.ACTIVE: "deleted",
    State.ERROR: "deleted",
    State.DEPLOY_FAILED: "deleted",
    State.CLEAN_FAILED: "manage",
    State.INSPECT_FAILED: "manage",
    State.ADOPT_FAILED: "manage",
    State.RESCUE: "unrescue",
    State.RESCUE_FAILED: "deleted",
    State.UNRESCUE_FAILED: "deleted",
    State.SERVICE_FAILED: "deleted",
    State.CLEAN_HOLD: "abort",
    State.DEPLOY_HOLD: "abort",
    State.SERVICE_HOLD: "abort",
}
_ERASE = {"interface": "deploy", "step": "erase_devices_metadata"}
_HOLD = {"interface": "deploy", "step": "hold"}
ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "clean": [{"clean_steps": [_ERASE]}, {"clean_steps": [_ERASE, _HOLD]}],
    "service": [{"service_steps": [_ERASE]}, {"service_steps": [_HOLD]}],
    "rescue": [{"rescue_password": "password"}],
}


def _break_bmc(bmc: MachineBmc) -> None:
    bmc.is_reachable = False


def _jam_off(bmc: MachineBmc) -> None:
    bmc.stays_off = True


def _jam_on(bmc: MachineBmc) -> None:
    bmc.stays_on = True


def _silence(bmc: MachineBmc) -> None:
    bmc.machine.behaviour.calls_back = False


def _pull_plug(bmc: MachineBmc) -> None:
    bmc.machine.power_off()


def _restart(bmc: MachineBmc) -> None:
    bmc.machine.power_off()
    bmc.machine.power_on()


def _fail_steps(bmc: MachineBmc) -> None:
    for step in ("write_image", "erase_devices_metadata", "sync"):
        bmc.machine.behaviour.failures[step] = "the drive answered no"


def _slow_steps(bmc: MachineBmc) -> None:
    for step in ("write_image", "erase_devices_metadata"):
        bmc.machine.behaviour.seconds[step] = 0.5


def _mend(bmc: MachineBmc) -> None:
    bmc.is_reachable = True
    bmc.stays_off = bmc.stays_on = False
    bmc.machine.behaviour.calls_back = True
    bmc.machine.behaviour.failures.clear()
    bmc.machine.behaviour.seconds.clear()


FAULTS: tuple[Callable[[MachineBmc], None], ...] = (
    _break_bmc,
    _jam_off,
    _jam_on,
    _silence,
    _pull_plug,
    _restart,
    _fail_steps,
    _slow_steps,
    _mend,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningController]:
    limits: dict[str, Any] = {
        "callback_timeout_s": 2.0,
        "agent_silence_timeout_s": 2.0,
        "bmc_tries": 2,
        "power_change_timeout_s": 2.0,
        "agent_power_off_timeout_s": 2.0,
        "step_stop_timeout_s": 2.0,
    }
    with running_controller(tmp_path_factory.mktemp("walks"), **limits) as running:
        yield running


def _rests(node: Node) -> bool:
    return node.stage is None or State(node.provision_state) in _HOLDS


def _wait_for_rest(site: RunningController, name: str) -> Node:
    ends_at = time.monotonic() + _LONGEST_REST_S
    while True:
        node = site.node(name)
        if _rests(node):
            return node
        assert time.monotonic() < ends_at, _story(site, name, "does not come to rest")
        time.sleep(0.02)


def _story(site: RunningController, name: str, what: str) -> str:
    node = site.node(name)
    lines = [f"{event.at:.2f} {event.message}" for event in site.events(name)]
    return "\n".join(
        (f"{name} {what}: {node.provision_state}, stage {node.stage}: {node.last_error}", *lines)
    )


def _ask(site: RunningController, name: str, verb: str, arguments: dict[str, Any]) -> None:
    """Ask for a verb, which may be refused, but by no error that nobody foresaw."""
    with suppress(ControllerError):
        site.ask(name, verb, **arguments)


def _walk(site: RunningController, data: st.DataObject, name: str, bmc: MachineBmc) -> None:
    for _ in range(data.draw(st.integers(2, 10), label="steps")):
        what = data.draw(st.sampled_from(("verb", "verb", "verb", "way", "fault", "rest")))
        if what == "fault":
            data.draw(st.sampled_from(FAULTS))(bmc)
        elif what == "rest":
            _wait_for_rest(site, name)
        elif what == "way":
            verb = WAY_OUT.get(State(site.node(name).provision_state))
            if verb is not None:
                _ask(site, name, verb, {})
        else:
            verb = data.draw(st.sampled_from(sorted(VERBS)))
            _ask(site, name, verb, data.draw(st.sampled_from(ARGUMENTS.get(verb, [{}]))))
        time.sleep(data.draw(st.sampled_from((0.0, 0.05, 0.3))))


def _go_out(site: RunningController, name: str) -> None:
    """Take the node to ``available`` as a person would, now that nothing is broken."""
    taken = []
    for _ in range(_MOST_WAY_OUT):
        node = _wait_for_rest(site, name)
        if node.maintenance:
            site.maintain(name, is_on=False)
        if node.provision_state == State.AVAILABLE:
            return
        verb = WAY_OUT[State(node.provision_state)]
        taken.append(f"{node.provision_state} -> {verb}")
        site.ask(name, verb)
        _wait_for_rest(site, name)
    raise AssertionError(_story(site, name, f"has no way out: {taken}"))


def _check_walk(site: RunningController, data: st.DataObject) -> None:
    name = f"m{next(_NUMBERS)}"
    state = data.draw(st.sampled_from(("enroll", "manageable", "available", "active")))
    bmc = site.enrol(name, state, instance_info=IMAGE)
    try:
        _walk(site, data, name, bmc)
        _mend(bmc)
        _go_out(site, name)
        node = site.node(name)
        assert node.last_error is None
        assert node.stage is None
    finally:
        _mend(bmc)
        bmc.machine.power_off()


def test_every_resting_state_has_a_way_out_in_this_test() -> None:
    moving = {"ing", "wait", "call-back"}
    resting = {state for state in State if not any(state.value.endswith(end) for end in moving)}
    assert resting - {State.AVAILABLE} == set(WAY_OUT)


_QUIET = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large)
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""No shrinking: what happens in a walk depends on time too, and the node's history tells it."""


@given(data=st.data())
@settings(max_examples=6, deadline=None, suppress_health_check=_QUIET, phases=_PHASES)
def test_no_walk_ends_where_nothing_goes_on(site: RunningController, data: st.DataObject) -> None:
    _check_walk(site, data)


@pytest.mark.long
@pytest.mark.timeout(7000)
@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=_QUIET, phases=_PHASES)
def test_none_of_many_walks_ends_where_nothing_goes_on(
    site: RunningController, data: st.DataObject
) -> None:
    _check_walk(site, data)
