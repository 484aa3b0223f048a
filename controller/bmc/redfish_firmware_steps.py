"""The step ``update`` of the firmware interface ``redfish``; name and arguments are Ironic's.

One component after the other: order, follow the task, wait for a BMC that is silent meanwhile (minutes, while it restarts), have the machine
restarted where an update waits for that, and read the version back. Everything that a look finds stands in the step's state, so that another
controller can go on; an order that may have been given by a controller that died before it could note it is known by its task, which was not there before.
Where it is certain that nothing was ordered yet, new tasks are those of others.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import urlsplit

from agent.protocol.foreign_text import clean_line
from agent.protocol.web_address import shown_url
from controller.bmc.redfish_components import BMC, Part
from controller.bmc.redfish_intents import Intents
from controller.bmc.redfish_push import Push
from controller.bmc.redfish_task import Progress, TaskLook
from controller.bmc.redfish_update import Begun
from controller.errors import BmcError
from controller.hardware.bmc import BmcStep, BmcStepLook, StepArgument
from controller.hardware.step_clock import step_now

_PRIORITIES: Mapping[str, int] = MappingProxyType({"clean": 0, "deploy": 0, "service": 0})
_WHAT = "update the firmware"
_SHOWN = 200
_MARK_LETTERS = 12
_KEYS = frozenset({"component", "url", "wait"})
_WAITS_S = 60.0
"""A task that has done nothing for so long waits for a start of the machine."""
_SETTLES_S = 300.0
"""So long after a task has ended well the version may stay what it was; an image of the same version changes nothing at all."""
_MOST_STARTS = 2
_LONGEST_WAIT_S = 3600
_INTENTS = Intents()


class _FailedError(Exception):
    """The update has failed; the text says why."""


class UpdatesFirmware(Protocol):
    """What the step needs of the connection; as ``abilities.py``."""

    def parts(self, *, timeout_s: float) -> Sequence[Part]:
        """Return every part, its version, and its place in the inventory."""

    def tasks(self, *, timeout_s: float) -> Sequence[str]:
        """Return the addresses of the tasks that there are."""

    def update(self, component: str, url: str, target: str | None, *, timeout_s: float) -> Begun:
        """Order an update, or begin to push its image."""

    def look_at_push(self, name: str) -> Push | None:
        """Return how a push stands; ``None`` = this process knows nothing of it."""

    def is_own(self, task: str, url: str, target: str | None, *, timeout_s: float) -> bool:
        """Ask whether a task may be that of an update with this image: a BMC of several machines has tasks of others."""

    def look_at(self, task: str, *, timeout_s: float) -> TaskLook:
        """Ask how a task goes on."""

    def refusal(self, what: str, why: str) -> BmcError:
        """Return an error that names the BMC."""


def firmware_steps(limit_s: float) -> tuple[BmcStep, ...]:
    """Return the steps; ``limit_s``: the longest time of one component's update."""
    settings = StepArgument(
        description="List of updates, each an object with component, url and maybe wait (seconds after its task)",
        required=True,
    )
    step = BmcStep(
        name="update",
        interface="firmware",
        priorities=_PRIORITIES,
        begin=_begin,
        look=partial(_look, limit_s=limit_s),
        arguments={"settings": settings},
    )
    return (step,)


def _begin(bmc: UpdatesFirmware, arguments: Mapping[str, Any], timeout_s: float) -> BmcStepLook:
    """Refuse what cannot be done, and note what there is; nothing is ordered before that is stored."""
    todo = _wanted(bmc, arguments.get("settings"))
    ends_at = time.monotonic() + timeout_s
    known = {part.component.component: part for part in bmc.parts(timeout_s=timeout_s)}
    unknown = [one["component"] for one in todo if _part_of(one["component"], known) is None]
    if unknown:
        raise bmc.refusal(
            _WHAT,
            f"it has no {', '.join(clean_line(one, _SHOWN) for one in unknown)}; it has {', '.join(sorted(known))};"
            " nothing was updated. What only the machine sees (NVMe drives, cards by PCI address) is updated by the ramdisk's deploy.update_firmware",
        )
    before = bmc.tasks(timeout_s=ends_at - time.monotonic())
    state = {"todo": todo, "done": [], **_order_next(known, todo[0], before)}
    return BmcStepLook(state=state, message=f"{len(todo)} updates are to be made")


def _look(
    bmc: UpdatesFirmware, state: Mapping[str, Any], timeout_s: float, *, limit_s: float
) -> BmcStepLook:
    """Go one move on; a BMC that does not answer meanwhile, or badly, is waited for until the limit."""
    now = step_now()
    if state["phase"] == "order":
        since = state["ordered_at"]
        if since is not None and now - float(since) >= limit_s:
            raise bmc.refusal(_WHAT, f"{state['component']}: {_too_late(limit_s)}{_done(state)}")
        return _order(bmc, state, now, timeout_s)
    move = _MOVES[state["phase"]]
    is_late = now - float(state["ordered_at"]) >= limit_s
    try:
        found = move(bmc, {**state, "looked_at": now}, now, timeout_s)
    except _FailedError as failed:
        raise bmc.refusal(_WHAT, f"{state['component']}: {failed}{_done(state)}") from failed
    except BmcError as error:
        if is_late:
            raise
        silent_since = float(state.get("silent_since") or now)
        text = f"{state['component']}: for {now - silent_since:.0f} s: {error}"
        return _stay({**state, "looked_at": now, "silent_since": silent_since}, text)
    if found.state is not None and found.state["phase"] != "order" and is_late:
        raise bmc.refusal(
            _WHAT,
            f"{state['component']}: {_too_late(limit_s)}: {found.message}{_done(state)}; look at the BMC's own log",
        )
    return replace(found, state=found.state and {**found.state, "silent_since": None})


def _too_late(limit_s: float) -> str:
    return f"it has not ended within {limit_s:.0f} s (firmware_update_timeout_s)"


def _order(
    bmc: UpdatesFirmware, state: Mapping[str, Any], now: float, timeout_s: float
) -> BmcStepLook:
    """Order the update, unless its task is there already: whoever ordered it died before it could note that."""
    ends_at = time.monotonic() + timeout_s
    listed = bmc.tasks(timeout_s=timeout_s)
    known = {*state["tasks"]}
    # who has ordered nothing yet, or waits for a turn, has no task: what is new then is somebody else's
    has_none = state.get("waits") or _INTENTS.close(state.get("intent") or "")
    new = [one for one in listed if not has_none and not {one, _mark(one)} & known]
    name, url, target = state["component"], state["url"], state["target"]
    new = [one for one in new if bmc.is_own(one, url, target, timeout_s=ends_at - time.monotonic())]
    left_s = ends_at - time.monotonic()
    begun = Begun(task=new[-1]) if new else bmc.update(name, url, target, timeout_s=left_s)
    if begun.waits:
        waiting = {**state, "looked_at": now, "waits": True}
        return _stay(waiting, f"{name}: its image waits for its turn")
    since = float(state["ordered_at"] or now)
    if begun.push is not None:
        there = {"waits": False, "tasks": [_mark(task) for task in listed]}
        pushing = {**state, **there, "phase": "push", "push": begun.push, "ordered_at": since}
        return _stay(pushing, f"{name}: its image is pushed")
    return _has_task({**state, "ordered_at": since}, begun.task, f"{name}: its update was ordered")


def _mark(task: str) -> str:
    """Return what a state keeps of a task's address: a BMC names hundreds, each as long as it likes."""
    return hashlib.sha256(task.encode()).hexdigest()[:_MARK_LETTERS]


def _has_task(state: Mapping[str, Any], task: str | None, message: str) -> BmcStepLook:
    phase = "task" if task else "settle"
    return _stay({**state, "phase": phase, "task": task, "tasks": []}, message)


def _look_at_push(
    bmc: UpdatesFirmware, state: Mapping[str, Any], _now: float, _timeout_s: float
) -> BmcStepLook:
    """Look at a push; one that a controller began which died since is begun anew, unless its task is there."""
    name, push = state["component"], bmc.look_at_push(state["push"])
    if push is None:
        return _stay({**state, "phase": "order"}, f"{name}: nobody pushes its image: once more")
    if push.failure is not None:
        raise _FailedError(push.failure)
    if not push.has_ended:
        return _stay(state, f"{name}: {push.message}")
    return _has_task(state, push.task, f"{name}: {push.message}")


def _follow(
    bmc: UpdatesFirmware, state: Mapping[str, Any], now: float, timeout_s: float
) -> BmcStepLook:
    """Look at the task."""
    name, task = state["component"], bmc.look_at(state["task"], timeout_s=timeout_s)
    if task.progress is Progress.FAILED:
        raise _FailedError(f"the BMC's task ended badly: {task.words}; it was {state['before']}")
    if task.progress in (Progress.DONE, Progress.GONE):
        is_gone = task.progress is Progress.GONE
        return _stay(
            {**state, "phase": "settle", "is_gone": is_gone}, f"{name}: its task has ended"
        )
    if task.progress is Progress.RUNS or name == BMC:
        return _stay({**state, "waits_since": None}, f"{name}: {task.words}")
    waits_since = float(state["waits_since"] or now)
    if now - waits_since >= _WAITS_S and state["starts"] < _MOST_STARTS:
        return _start(state, f"{name}: {task.words}: it waits for a start of the machine")
    return _stay({**state, "waits_since": waits_since}, f"{name}: {task.words}")


def _settle(
    bmc: UpdatesFirmware, state: Mapping[str, Any], now: float, timeout_s: float
) -> BmcStepLook:
    """Wait for another version; a start of the machine may be needed, and an image may be of the version that was there."""
    ends_at = time.monotonic() + timeout_s
    since = float(state["settles_since"] or now)
    state = {**state, "settles_since": since}
    name, before = state["component"], state["before"]
    if now - since < state["wait"]:
        return _stay(state, f"{name}: its update has ended, {state['wait']} s are waited")
    known = {part.component.component: part for part in bmc.parts(timeout_s=timeout_s)}
    part = _part_of(name, known)
    version = part.component.current_version if part else None
    is_other = version is not None and version != before
    if not is_other and name != BMC and state["starts"] == 0:
        return _start(state, f"{name}: it is still {before}: a start of the machine may be needed")
    if not is_other and now - since < _SETTLES_S:
        return _stay(state, f"{name}: it is still {before}")
    if not is_other and state["is_gone"]:
        raise _FailedError(
            f"the BMC has forgotten the update's task, and the version is still {before}; look at the BMC's own log"
        )
    said = f"{name}: {before} -> {version}" if is_other else f"{name}: {before} as before"
    done, todo = [*state["done"], said], state["todo"][1:]
    if not todo:
        return BmcStepLook(state=None, message="; ".join(done))
    tasks = bmc.tasks(timeout_s=ends_at - time.monotonic())
    return _stay({"todo": todo, "done": done, **_order_next(known, todo[0], tasks)}, said)


def _start(state: Mapping[str, Any], message: str) -> BmcStepLook:
    changes = {"starts": state["starts"] + 1, "waits_since": None, "settles_since": None}
    return replace(_stay({**state, **changes}, message), restarts=True)


def _stay(state: Mapping[str, Any], message: str) -> BmcStepLook:
    return BmcStepLook(state=state, message=clean_line(message, _SHOWN))


def _order_next(
    known: Mapping[str, Part], one: Mapping[str, Any], tasks: Sequence[str]
) -> dict[str, Any]:
    """Return the state before an order; ``tasks``: those that there are."""
    part = _part_of(one["component"], known)
    return {
        "phase": "order",
        "component": one["component"],
        "url": one["url"],
        "wait": one["wait"],
        "target": part.target if part else None,
        "before": part.component.current_version if part else None,
        "tasks": [_mark(task) for task in tasks],
        "intent": _INTENTS.new(),
        "task": None,
        "push": None,
        "ordered_at": None,
        "starts": 0,
        "waits_since": None,
        "settles_since": None,
        "is_gone": False,
    }


_MOVES = {"push": _look_at_push, "task": _follow, "settle": _settle}


def _part_of(name: str, known: Mapping[str, Part]) -> Part | None:
    return known.get(name)


def _done(state: Mapping[str, Any]) -> str:
    return f"; before that: {', '.join(state['done'])}" if state["done"] else ""


def _wanted(bmc: UpdatesFirmware, listed: Any) -> list[dict[str, Any]]:
    """Return the updates as they stand in the step's state."""
    if not isinstance(listed, list) or not listed:
        raise bmc.refusal(_WHAT, _shape(listed))
    found = []
    for one in listed:
        is_fine = (
            isinstance(one, Mapping)
            and set(one) <= _KEYS
            and isinstance(one.get("component"), str)
            and isinstance(one.get("url"), str)
            and _is_wait(one.get("wait", 0))
        )
        if not is_fine:
            raise bmc.refusal(_WHAT, _shape(one))
        if not _has_host(one["url"]):
            raise bmc.refusal(
                _WHAT,
                f"{clean_line(shown_url(one['url']), _SHOWN)!r} is no URL that a BMC could fetch",
            )
        found.append({"component": one["component"], "url": one["url"], "wait": one.get("wait", 0)})
    return found


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:  # a bracket that is never closed
        return False


def _is_wait(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LONGEST_WAIT_S


def _shape(found: Any) -> str:
    return (
        'settings must be a list of objects such as {"component": "bios", "url": "http://192.0.2.1/bios.bin"},'
        f" with a wait of at most {_LONGEST_WAIT_S} seconds where one is wanted, not {type(found).__name__}"
    )
