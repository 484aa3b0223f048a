"""The steps of the RAID interface ``redfish``; names and arguments are Ironic's.

Everything is planned and checked before the first order; ``redfish_raid_moves`` carries the plan out, look by look.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import msgspec

from agent.protocol.refusal import Refusal
from controller.bmc.redfish_raid_guard import Guard
from controller.bmc.redfish_raid_moves import (
    FailedError,
    MakesVolumes,
    before_order,
    move,
    stay,
)
from controller.bmc.redfish_raid_plan import (
    Action,
    Wishes,
    configuration,
    plan_creation,
    plan_deletion,
)
from controller.bmc.redfish_storage import Store
from controller.errors import BmcError, BmcUnreachable
from controller.hardware.bmc import NODE, BmcStep, BmcStepLook, StepArgument
from controller.hardware.step_clock import step_now

_SILENT_S = 900.0
"""So long a BMC may not answer while it is at work, or restarts with the machine."""
_NO_STORAGE = "it does not offer storage by Redfish; set the raid_interface agent, whose ramdisk knows the controllers' own programs"
_FIELDS = ("target_raid_config", "raid_config", "properties")
"""What the steps have to know of the node."""


_Plan = Callable[[Mapping[str, Any], Sequence[Store], Guard], tuple[Action, ...]]


def raid_steps() -> tuple[BmcStep, ...]:
    """Return the steps."""
    return (
        _step(
            "create_configuration",
            _plan_target,
            ("clean", "service"),
            {name: StepArgument(description=text) for name, text in _CHOICES.items()},
        ),
        _step("delete_configuration", _plan_nothing, ("clean", "deploy", "service"), {}),
        _step(
            "apply_configuration",
            _plan_given,
            ("deploy", "service"),
            {
                "raid_config": StepArgument(description="The logical disks to make", required=True),
                **{name: StepArgument(description=text) for name, text in _CHOICES.items()},
            },
        ),
    )


_CHOICES: Mapping[str, str] = MappingProxyType(
    {
        "create_root_volume": "Whether the root volume is made; true unless given",
        "create_nonroot_volumes": "Whether the other volumes are made; true unless given",
        "delete_existing": "Whether the volumes that there are get deleted before; false unless given",
    }
)


def _step(
    name: str, plan: _Plan, kinds: Sequence[str], arguments: Mapping[str, StepArgument]
) -> BmcStep:
    what = f"RAID, {name}"

    def begin(bmc: MakesVolumes, given: Mapping[str, Any], timeout_s: float) -> BmcStepLook:
        return _begin(bmc, what, plan, given, timeout_s)

    def look(bmc: MakesVolumes, state: Mapping[str, Any], timeout_s: float) -> BmcStepLook:
        return _look(bmc, what, state, timeout_s)

    return BmcStep(
        name=name,
        interface="raid",
        priorities=dict.fromkeys(kinds, 0),
        begin=begin,
        look=look,
        arguments=arguments,
        node_fields=_FIELDS,
    )


def _plan_target(
    given: Mapping[str, Any], found: Sequence[Store], guard: Guard
) -> tuple[Action, ...]:
    config = given[NODE]["target_raid_config"]
    return plan_creation(_wishes(given, config, "target_raid_config"), found, guard)


def _plan_given(
    given: Mapping[str, Any], found: Sequence[Store], guard: Guard
) -> tuple[Action, ...]:
    config = given.get("raid_config")
    return plan_creation(_wishes(given, config, "raid_config"), found, guard)


def _plan_nothing(
    _given: Mapping[str, Any], found: Sequence[Store], guard: Guard
) -> tuple[Action, ...]:
    return plan_deletion(found, guard)


def _wishes(given: Mapping[str, Any], config: Any, where: str) -> Wishes:
    for name in _CHOICES:
        if not isinstance(given.get(name, True), bool):
            raise Refusal(f"{name} is {given[name]!r:.100}; give true or false")
    return Wishes(
        config=config,
        where=where,
        makes_root=given.get("create_root_volume", True),
        makes_others=given.get("create_nonroot_volumes", True),
        deletes=given.get("delete_existing", False),
    )


def _begin(
    bmc: MakesVolumes, what: str, plan: _Plan, given: Mapping[str, Any], timeout_s: float
) -> BmcStepLook:
    """Plan and refuse; nothing is ordered before the plan is stored."""
    ends_at = time.monotonic() + timeout_s
    found = bmc.stores(timeout_s=timeout_s)
    if not found:
        raise bmc.refusal(what, _NO_STORAGE)
    try:
        todo = plan(given, found, Guard(given[NODE]["properties"] or {}))
    except Refusal as error:
        where = f"{error.field}: " if error.field.startswith("properties") else ""
        raise bmc.refusal(what, f"{where}{error}; nothing was changed") from None
    recorded = given[NODE]["raid_config"]
    if not todo:
        told = configuration(found, (), recorded)
        return BmcStepLook(state=None, message="nothing is to be done", result=told)
    tasks = bmc.tasks(timeout_s=ends_at - time.monotonic())
    known = [volume.path for store in found for volume in store.volumes]
    state = {
        "todo": [msgspec.to_builtins(one) for one in todo],
        "done": [],
        "roots": [],
        "made": [],
        "deleted": [],
        "collections": [one.collection for one in found if one.collection],
        "recorded": recorded,
        **before_order(known, tasks),
    }
    return stay(
        state, f"{len(todo)} orders are to be given: {'; '.join(one.title for one in todo)}"
    )


def _look(bmc: MakesVolumes, what: str, state: Mapping[str, Any], timeout_s: float) -> BmcStepLook:
    """Go one move on; a BMC that does not answer is waited for, as some restart with the machine."""
    now = step_now()
    action = msgspec.convert(state["todo"][0], Action) if state["todo"] else None
    title = action.title if action else "reading back"
    try:
        found = move(bmc, action, _without_silence(state, now), now, timeout_s)
    except BmcUnreachable as error:
        since = float(state.get("silent_since") or now)
        if now - since >= _SILENT_S:
            raise
        return stay({**state, "silent_since": since}, f"{title}: {error}")
    except FailedError as failed:
        raise bmc.refusal(what, f"{title}: {failed}{_done(state)}") from failed
    except BmcError as error:
        raise BmcError(f"{error} ({title}){_done(state)}") from error
    return replace(found, state=found.state and {**found.state, "silent_since": None})


def _without_silence(state: Mapping[str, Any], now: float) -> Mapping[str, Any]:
    """Return a state in which the time of a silence does not count: a BMC that restarts shows nothing."""
    silent_since, settles_since = state.get("silent_since"), state["settles_since"]
    if silent_since is None or settles_since is None:
        return state
    return {**state, "settles_since": settles_since + max(0.0, now - silent_since)}


def _done(state: Mapping[str, Any]) -> str:
    """Return what was done, to be said after what was not."""
    return f"; before that was done: {'; '.join(state['done'])}" if state["done"] else ""
