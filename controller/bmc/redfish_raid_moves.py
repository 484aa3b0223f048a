"""How the steps of the RAID interface ``redfish`` go on: one move a look, by what stands in the step's state.

One volume after the other: note that it will be ordered, order, follow the task, have the machine restarted where the BMC waits for that, and read the
volume back; at the end everything. What a look finds stands in the state, so that another controller can go on. An order that may have gone out without
an answer (the BMC was silent, the controller died) is not given again until its volume or its task has had the time to show.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol

from agent.protocol.foreign_text import clean_line
from controller.bmc.redfish_intents import Intents
from controller.bmc.redfish_raid_plan import ON_RESET, Action, configuration, differences
from controller.bmc.redfish_storage import Store, Volume
from controller.bmc.redfish_task import Progress, TaskLook
from controller.errors import BmcError, BmcUnreachable
from controller.hardware.bmc import BmcStepLook

_SHOWN = 300
_MARK_LETTERS = 12
_WAITS_S = 60.0
"""A task that has done nothing for so long waits for a start of the machine."""
_SCHEDULED_S = 10.0
"""The same of one that was ordered for a start: so long it may take until the BMC has put it down."""
_SETTLES_S = 180.0
"""So long after its task has ended well a volume may take to be listed, or to go from the list; and so long an order without an answer may take to show."""
_STARTS_S = 900.0
"""So long a start may take until waiting tasks go on and volumes are listed: no other start falls into it."""
_MOST_STARTS, _MOST_ORDERS = 2, 3
_MOST_ADOPTED = 5
"""Of one order: so many tasks that are perhaps its own are followed."""
_INTENTS = Intents()


class MakesVolumes(Protocol):
    """What the steps need of the connection; as ``abilities.py``."""

    def stores(self, *, timeout_s: float) -> Sequence[Store]:
        """Return every storage with its drives and volumes."""

    def volumes(self, collection: str, *, timeout_s: float) -> Sequence[Volume] | None:
        """Return the volumes of one; ``None`` = it is not there now."""

    def is_there(self, volume: str, *, timeout_s: float) -> bool:
        """Tell whether a volume answers at its own address."""

    def tasks(self, *, timeout_s: float) -> Sequence[str]:
        """Return the addresses of the tasks that there are."""

    def carry_out(self, action: Action, *, timeout_s: float) -> str | None:
        """Order one volume to be made or deleted; return the task, ``None`` = there is none."""

    def look_at(self, task: str, *, timeout_s: float) -> TaskLook:
        """Ask how a task goes on."""

    def refusal(self, what: str, why: str) -> BmcError:
        """Return an error that names the BMC."""


class FailedError(Exception):
    """An order has come to nothing; the text says why."""


def before_order(known: Sequence[str], tasks: Sequence[str]) -> dict[str, Any]:
    """Return the state before an order; ``known``: the volumes that there are, ``tasks``: the tasks."""
    return {
        "phase": "next",
        "known": [_mark(path) for path in known],
        "tasks": [_mark(task) for task in tasks],
        "task": None,
        "adopted": False,
        "adoptions": 0,
        "intent": None,
        "orders": 0,
        "starts": 0,
        "waits_since": None,
        "settles_since": None,
    }


def move(
    bmc: MakesVolumes,
    action: Action | None,
    state: Mapping[str, Any],
    now: float,
    timeout_s: float,
) -> BmcStepLook:
    """Go one move on.

    Args:
        bmc: The connection.
        action: The order that is the next, or has been given; ``None`` = all were carried out.
        state: Of the last look.
        now: By the clock of the steps, in seconds.
        timeout_s: Of the whole move.

    Raises:
        FailedError: It comes to nothing.
        BmcError: What the connection raises.
    """
    if action is None:
        return _end(bmc, state, now, timeout_s)
    return _MOVES[state["phase"]](bmc, action, state, now, time.monotonic() + timeout_s)


def _note(
    bmc: MakesVolumes, action: Action, state: Mapping[str, Any], _now: float, ends_at: float
) -> BmcStepLook:
    """Note that an order will be given, and what stands before it."""
    standing = _standing(bmc, action, ends_at)
    tasks = bmc.tasks(timeout_s=_left(ends_at))
    known = dict.fromkeys([*state["known"], *(_mark(one.path) for one in standing)])
    before = {**state, "known": [*known], "tasks": [_mark(one) for one in tasks]}
    return stay(_intending(before), f"{action.title}: is to be ordered")


def _intending(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **state,
        "phase": "order",
        "intent": _INTENTS.new(),
        "orders": state["orders"] + 1,
        "starts": 0,
        "settles_since": None,
    }


def _order(
    bmc: MakesVolumes, action: Action, state: Mapping[str, Any], now: float, ends_at: float
) -> BmcStepLook:
    """Give the order, if it is certain that it has not been given."""
    intent = state.get("intent")
    doubted = {"orders": 1, **state, "phase": "doubt", "settles_since": None}
    if intent is None or not _INTENTS.is_open(intent):
        return _doubt(bmc, action, doubted, now, ends_at)
    standing = _standing(bmc, action, ends_at)
    if (action.delete or state["orders"] > 1) and _is_done(bmc, action, state, standing, ends_at):
        return _see(bmc, action, {**state, "phase": "see"}, now, ends_at)
    if not _INTENTS.close(intent):
        return _doubt(bmc, action, doubted, now, ends_at)
    try:
        task = bmc.carry_out(action, timeout_s=_left(ends_at))
    except BmcUnreachable as error:
        return stay(doubted, f"{action.title}: {error}; whether it took the order is to be seen")
    ordered = {**state, "tasks": [], "task": task, "phase": "task" if task else "see"}
    if task is None and action.apply_time == ON_RESET:
        return _start(ordered, f"{action.title}: it waits for a start of the machine")
    return stay(ordered, f"{action.title}: ordered")


def _doubt(
    bmc: MakesVolumes, action: Action, state: Mapping[str, Any], now: float, ends_at: float
) -> BmcStepLook:
    """Wait for the task or the volume of an order that may have been given."""
    standing = _standing(bmc, action, ends_at)
    listed = bmc.tasks(timeout_s=_left(ends_at))
    new = [one for one in listed if _mark(one) not in state["tasks"]]
    adoptions = state.get("adoptions", 0)
    if new and adoptions < _MOST_ADOPTED:
        adopted = {"phase": "task", "task": new[0], "adopted": True, "waits_since": None}
        counted = {**adopted, "adoptions": adoptions + 1}
        return stay({**state, **counted}, f"{action.title}: a task that is perhaps its own goes on")
    if _is_done(bmc, action, state, standing, ends_at):
        seen = {**state, "phase": "see", "settles_since": None}
        return _see(bmc, action, seen, now, ends_at)
    since = float(state["settles_since"] or now)
    if now - since < _patience_s(state):
        waits = f"{action.title}: it is not known whether the BMC took the order; its task or its volume is waited for"
        return stay({**state, "settles_since": since}, waits)
    if action.apply_time == ON_RESET and not state["starts"]:
        return _start(state, f"{action.title}: perhaps it waits for a start of the machine")
    if state["orders"] >= _MOST_ORDERS:
        raise FailedError(
            f"it was ordered {state['orders']} times and the BMC did not answer to it; look at the BMC's own log"
        )
    return stay(
        _intending(state), f"{action.title}: nothing came of the order; is to be ordered again"
    )


def _follow(
    bmc: MakesVolumes, action: Action, state: Mapping[str, Any], now: float, ends_at: float
) -> BmcStepLook:
    """Look at the task."""
    task = bmc.look_at(state["task"], timeout_s=_left(ends_at))
    is_there = task.progress in (Progress.RUNS, Progress.WAITS)
    if state.get("adopted") and not is_there:
        known = [*state["tasks"], _mark(state["task"])]
        after = {"phase": "doubt", "tasks": known, "task": None, "adopted": False}
        ended = f"{action.title}: a task that was perhaps its own has ended"
        return stay({**state, **after, "settles_since": None}, ended)
    if task.progress is Progress.FAILED:
        raise FailedError(f"the BMC's task ended badly: {task.words}; look at the BMC's own log")
    if not is_there:
        return stay({**state, "phase": "see"}, f"{action.title}: its task has ended")
    shown = f"{action.title}: {task.words}"
    if task.progress is Progress.RUNS:
        return stay({**state, "waits_since": None, "words": task.words}, shown)
    since = float(state["waits_since"] or now)
    first_s = _SCHEDULED_S if action.apply_time == ON_RESET else _WAITS_S
    longest_s = _STARTS_S if state["starts"] else first_s
    if now - since >= longest_s and state["starts"] < _MOST_STARTS:
        return _start(state, f"{shown}: it waits for a start of the machine")
    return stay({**state, "waits_since": since}, shown)


def _see(
    bmc: MakesVolumes, action: Action, state: Mapping[str, Any], now: float, ends_at: float
) -> BmcStepLook:
    """Read back what was ordered: a task that ended well is no proof."""
    standing = bmc.volumes(action.collection, timeout_s=_left(ends_at))
    if standing is None or not _is_done(bmc, action, state, standing, ends_at):
        missing = "is not there" if action.delete is None else "is still there"
        return _settle(action.title, state, now, f"the volume {missing}")
    changes: dict[str, Any] = {}
    if action.delete is None:
        made = _the_one(_made(action, state, standing))
        if not made.said:
            untold = f"the BMC does not tell of what kind the volume {made.ident} is"
            return _settle(action.title, state, now, untold)
        if wrong := differences(action, made):
            raise FailedError(
                f"the volume {made.ident} was made, but {', and '.join(wrong)}; delete it with delete_configuration"
            )
        changes["made"] = [*state.get("made", ()), made.path]
        changes["roots"] = [*state["roots"], *[made.path] * action.is_root]
    else:
        gone = {"path": action.delete, "wwn": action.wwn}
        changes["deleted"] = [*state.get("deleted", ()), gone]
    tasks = bmc.tasks(timeout_s=_left(ends_at))
    after = before_order([one.path for one in standing], tasks)
    ours = {*after["known"], _mark(action.delete or "")}
    after["known"] += [mark for mark in state["known"] if mark not in ours]
    done = [*state["done"], action.title]
    left = {"todo": state["todo"][1:], "done": done}
    return stay({**state, **after, **changes, **left}, f"{action.title}: done")


def _settle(title: str, state: Mapping[str, Any], now: float, missing: str) -> BmcStepLook:
    """Wait until the volumes are listed as they are, for a while."""
    since = float(state["settles_since"] or now)
    longest_s = _patience_s(state)
    if now - since < longest_s:
        return stay({**state, "settles_since": since}, f"{title}: not to be seen yet")
    raise FailedError(
        f"the BMC took the order, and {longest_s:.0f} s later {missing}; look at the BMC's own log and at the controller"
    )


def _end(bmc: MakesVolumes, state: Mapping[str, Any], now: float, timeout_s: float) -> BmcStepLook:
    """Read everything back."""
    found = bmc.stores(timeout_s=timeout_s)
    standing = {volume.path: volume for store in found for volume in store.volumes}
    made = state.get("made", state["roots"])
    deleted = {one["path"]: one["wwn"] for one in state.get("deleted", ())}
    told = {store.collection for store in found}
    if [path for path in state.get("collections", ()) if path not in told]:
        return _settle("reading back", state, now, "the BMC does not tell of all its volumes")
    wrong = [f"{path} was made and is gone" for path in made if path not in standing] + [
        f"{path} was deleted and is there again"
        for path, wwn in deleted.items()
        if path in standing and path not in made and _is_same(standing[path], wwn)
    ]
    if wrong:
        return _settle("reading back", state, now, wrong[0])
    stands = configuration(found, state["roots"], state["recorded"], deleted)
    return BmcStepLook(state=None, message="; ".join(state["done"]), result=stands)


def _patience_s(state: Mapping[str, Any]) -> float:
    return _STARTS_S if state["starts"] else _SETTLES_S


def _left(ends_at: float) -> float:
    return ends_at - time.monotonic()


def _standing(bmc: MakesVolumes, action: Action, ends_at: float) -> Sequence[Volume]:
    found = bmc.volumes(action.collection, timeout_s=_left(ends_at))
    if found is None:
        raise BmcUnreachable("the BMC tells of no volumes there now; look at the controller")
    return found


def _is_done(
    bmc: MakesVolumes,
    action: Action,
    state: Mapping[str, Any],
    standing: Sequence[Volume],
    ends_at: float,
) -> bool:
    """Tell whether a volume is gone, by the list and at its own address, or one is there that may be the one that was ordered."""
    if action.delete is None:
        return bool(_made(action, state, standing))
    there = next((one for one in standing if one.path == action.delete), None)
    if there is not None:
        return not _is_same(there, action.wwn)
    return not bmc.is_there(action.delete, timeout_s=_left(ends_at))


def _is_same(volume: Volume, wwn: str | None) -> bool:
    """Tell whether a volume is still the one that had a WWN: its address may be another's."""
    return wwn is None or volume.wwn is None or volume.wwn == wwn


def _made(
    action: Action, state: Mapping[str, Any], standing: Sequence[Volume]
) -> tuple[Volume, ...]:
    """Return the volumes that were not there before and may be the one that was ordered; those of a kind that the BMC tells, if there are such."""
    known = {*state["known"]}
    new = [one for one in standing if _mark(one.path) not in known and not one.is_raw]
    on = [one for one in new if not one.drives or {*one.drives} & {*action.drives}]
    return tuple(one for one in on if one.said) or tuple(on)


def _the_one(made: Sequence[Volume]) -> Volume:
    if len(made) > 1:
        names = clean_line(", ".join(one.ident for one in made), _SHOWN)
        raise FailedError(
            f"{len(made)} volumes are there that were not before ({names}), perhaps because the BMC carried the order out twice;"
            " look at the controller, and delete what is too much"
        )
    return made[0]


def _start(state: Mapping[str, Any], message: str) -> BmcStepLook:
    changes = {"starts": state["starts"] + 1, "waits_since": None, "settles_since": None}
    return replace(stay({**state, **changes}, message), restarts=True)


def stay(state: Mapping[str, Any], message: str) -> BmcStepLook:
    """Return a look after which the step goes on."""
    return BmcStepLook(state=state, message=clean_line(message, _SHOWN))


def _mark(path: str) -> str:
    """Return what a state keeps of an address: a BMC names hundreds, each as long as it likes."""
    return hashlib.sha256(path.encode()).hexdigest()[:_MARK_LETTERS]


_Move = Callable[[MakesVolumes, Action, Mapping[str, Any], float, float], BmcStepLook]
_MOVES: Mapping[str, _Move] = MappingProxyType(
    {"next": _note, "order": _order, "doubt": _doubt, "task": _follow, "see": _see}
)
