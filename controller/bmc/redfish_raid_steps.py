"""The steps of the RAID interface ``redfish``; names and arguments are Ironic's.

Everything is planned and checked before the first order. Then one volume after the other: order, follow the task, have the machine restarted where the
BMC waits for that, and read the volume back. What a look finds stands in the step's state, so that another controller can go on; an order of a
controller that died before it could note it is known by its volume or its task, which were not there before.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from agent.protocol.foreign_text import clean_line
from agent.protocol.refusal import Refusal
from controller.bmc.redfish_raid_guard import Guard
from controller.bmc.redfish_raid_plan import (
    ON_RESET,
    Action,
    Wishes,
    configuration,
    differences,
    plan_creation,
    plan_deletion,
)
from controller.bmc.redfish_storage import Store, Volume
from controller.bmc.redfish_task import Progress, TaskLook
from controller.errors import BmcError, BmcUnreachable
from controller.hardware.bmc import NODE, BmcStep, BmcStepLook, StepArgument

_SHOWN = 300
_MARK_LETTERS = 12
_WAITS_S = 60.0
"""A task that has done nothing for so long waits for a start of the machine."""
_SCHEDULED_S = 10.0
"""The same of one that was ordered for a start: so long it may take until the BMC has put it down."""
_SETTLES_S = 180.0
"""So long after its task has ended well a volume may take to be listed, or to go from the list."""
_SILENT_S = 900.0
"""So long a BMC may not answer while it is at work, or restarts with the machine; and so long after a start volumes may take to be listed."""
_MOST_STARTS = 2
_FIELDS = ("target_raid_config", "raid_config", "properties")
"""What the steps have to know of the node."""


class MakesVolumes(Protocol):
    """What the steps need of the connection; as ``abilities.py``."""

    def stores(self, *, timeout_s: float) -> Sequence[Store]:
        """Return every storage with its drives and volumes."""

    def volumes(self, collection: str, *, timeout_s: float) -> Sequence[Volume] | None:
        """Return the volumes of one; ``None`` = it is not there now."""

    def tasks(self, *, timeout_s: float) -> Sequence[str]:
        """Return the addresses of the tasks that there are."""

    def carry_out(self, action: Action, *, timeout_s: float) -> str | None:
        """Order one volume to be made or deleted; return the task, ``None`` = there is none."""

    def look_at(self, task: str, *, timeout_s: float) -> TaskLook:
        """Ask how a task goes on."""

    def refusal(self, what: str, why: str) -> BmcError:
        """Return an error that names the BMC."""


_Plan = Callable[[Mapping[str, Any], Sequence[Store], Guard], tuple[Action, ...]]


class _FailedError(Exception):
    """An order has come to nothing; the text says why."""


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
        "recorded": recorded,
        **_before_order(known, tasks),
    }
    return _stay(
        state, f"{len(todo)} orders are to be given: {'; '.join(one.title for one in todo)}"
    )


def _before_order(known: Sequence[str], tasks: Sequence[str]) -> dict[str, Any]:
    """Return the state before an order; ``known``: the volumes that there are, ``tasks``: the tasks."""
    return {
        "phase": "order",
        "known": [_mark(path) for path in known],
        "tasks": [_mark(task) for task in tasks],
        "task": None,
        "starts": 0,
        "waits_since": None,
        "settles_since": None,
    }


def _look(bmc: MakesVolumes, what: str, state: Mapping[str, Any], timeout_s: float) -> BmcStepLook:
    """Go one move on; a BMC that does not answer is waited for, as some restart with the machine."""
    now = time.time()
    if not state["todo"]:
        return _end(bmc, what, state, timeout_s)
    action = msgspec.convert(state["todo"][0], Action)
    try:
        found = _MOVES[state["phase"]](bmc, action, state, now, timeout_s)
    except BmcUnreachable as error:
        since = float(state.get("silent_since") or now)
        if now - since >= _SILENT_S:
            raise
        return _stay({**state, "silent_since": since}, f"{action.title}: {error}")
    except _FailedError as failed:
        raise bmc.refusal(what, f"{action.title}: {failed}{_done(state)}") from failed
    except BmcError as error:
        raise BmcError(f"{error} ({action.title}){_done(state)}") from error
    return replace(found, state=found.state and {**found.state, "silent_since": None})


def _order(
    bmc: MakesVolumes, action: Action, state: Mapping[str, Any], now: float, timeout_s: float
) -> BmcStepLook:
    """Give the order, unless its volume or its task is there already."""
    ends_at = time.monotonic() + timeout_s
    standing = bmc.volumes(action.collection, timeout_s=timeout_s)
    if standing is None:
        raise BmcUnreachable("the BMC tells of no volumes there now; look at the controller")
    if _is_done(action, state, standing):
        return _see(bmc, action, state, now, ends_at - time.monotonic())
    listed = bmc.tasks(timeout_s=ends_at - time.monotonic())
    new = [one for one in listed if _mark(one) not in state["tasks"]]
    task = new[-1] if new else bmc.carry_out(action, timeout_s=ends_at - time.monotonic())
    ordered = {**state, "tasks": [], "task": task, "phase": "task" if task else "see"}
    if task is None and action.apply_time == ON_RESET:
        return _start(ordered, f"{action.title}: it waits for a start of the machine")
    return _stay(ordered, f"{action.title}: ordered")


def _follow(
    bmc: MakesVolumes, action: Action, state: Mapping[str, Any], now: float, timeout_s: float
) -> BmcStepLook:
    """Look at the task."""
    task = bmc.look_at(state["task"], timeout_s=timeout_s)
    if task.progress is Progress.FAILED:
        raise _FailedError(f"the BMC's task ended badly: {task.words}; look at the BMC's own log")
    if task.progress in (Progress.DONE, Progress.GONE):
        return _stay({**state, "phase": "see"}, f"{action.title}: its task has ended")
    shown = f"{action.title}: {task.words}"
    if task.progress is Progress.RUNS:
        return _stay({**state, "waits_since": None, "words": task.words}, shown)
    since = float(state["waits_since"] or now)
    longest_s = _SCHEDULED_S if action.apply_time == ON_RESET else _WAITS_S
    if now - since >= longest_s and state["starts"] < _MOST_STARTS:
        return _start(state, f"{shown}: it waits for a start of the machine")
    return _stay({**state, "waits_since": since}, shown)


def _see(
    bmc: MakesVolumes, action: Action, state: Mapping[str, Any], now: float, timeout_s: float
) -> BmcStepLook:
    """Read back what was ordered: a task that ended well is no proof."""
    ends_at = time.monotonic() + timeout_s
    standing = bmc.volumes(action.collection, timeout_s=timeout_s)
    if standing is None or not _is_done(action, state, standing):
        return _settle(action, state, now)
    roots = list(state["roots"])
    if action.delete is None:
        made = _made(action, state, standing)[0]
        if wrong := differences(action, made):
            raise _FailedError(
                f"the volume {made.ident} was made, but {', and '.join(wrong)}; delete it with delete_configuration"
            )
        roots += [made.path] * action.is_root
    tasks = bmc.tasks(timeout_s=ends_at - time.monotonic())
    known = [one.path for one in standing]
    done = [*state["done"], action.title]
    others = [mark for mark in state["known"] if mark not in {_mark(path) for path in known}]
    after = {**_before_order(known, tasks), "todo": state["todo"][1:], "done": done}
    after["known"] = [*others, *after["known"]]
    return _stay({**state, **after, "roots": roots}, f"{action.title}: done")


def _settle(action: Action, state: Mapping[str, Any], now: float) -> BmcStepLook:
    """Wait until the volumes are listed as they are, for a while."""
    since = float(state["settles_since"] or now)
    longest_s = _SILENT_S if state["starts"] else _SETTLES_S
    if now - since < longest_s:
        return _stay({**state, "settles_since": since}, f"{action.title}: not to be seen yet")
    missing = "the volume is not there" if action.delete is None else "the volume is still there"
    raise _FailedError(
        f"the BMC took the order, and {longest_s:.0f} s later {missing}; look at the BMC's own log and at the controller"
    )


def _end(bmc: MakesVolumes, what: str, state: Mapping[str, Any], timeout_s: float) -> BmcStepLook:
    """Read everything back."""
    found = bmc.stores(timeout_s=timeout_s)
    standing = {volume.path for store in found for volume in store.volumes}
    if missing := [path for path in state["roots"] if path not in standing]:
        raise bmc.refusal(what, f"{missing[0]} was made and is gone{_done(state)}")
    told = configuration(found, state["roots"], state["recorded"])
    return BmcStepLook(state=None, message="; ".join(state["done"]), result=told)


def _is_done(action: Action, state: Mapping[str, Any], standing: Sequence[Volume]) -> bool:
    if action.delete is not None:
        return all(one.path != action.delete for one in standing)
    return bool(_made(action, state, standing))


def _made(
    action: Action, state: Mapping[str, Any], standing: Sequence[Volume]
) -> tuple[Volume, ...]:
    """Return the volumes that were not there before and may be the one that was ordered."""
    known = {*state["known"]}
    new = [one for one in standing if _mark(one.path) not in known]
    return tuple(one for one in new if not one.drives or {*one.drives} & {*action.drives})


def _start(state: Mapping[str, Any], message: str) -> BmcStepLook:
    changes = {"starts": state["starts"] + 1, "waits_since": None, "settles_since": None}
    return replace(_stay({**state, **changes}, message), restarts=True)


def _stay(state: Mapping[str, Any], message: str) -> BmcStepLook:
    return BmcStepLook(state=state, message=clean_line(message, _SHOWN))


def _mark(path: str) -> str:
    """Return what a state keeps of an address: a BMC names hundreds, each as long as it likes."""
    return hashlib.sha256(path.encode()).hexdigest()[:_MARK_LETTERS]


def _done(state: Mapping[str, Any]) -> str:
    done = "; ".join(state["done"])
    return f"; before that was done: {done}" if done else ""


_Move = Callable[[MakesVolumes, Action, Mapping[str, Any], float, float], BmcStepLook]
_MOVES: Mapping[str, _Move] = {"order": _order, "task": _follow, "see": _see}
