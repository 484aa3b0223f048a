"""Who carries a step out: a pair of functions for each ``runs_as``, called by the one pair of stages of ``steps.py``.

``begin`` may be run again from its start; ``look`` is called until it leaves. Both make at most three calls to a machine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from controller.errors import StepFailed
from controller.hardware.bmc import NODE, BmcStep, BmcStepLook
from controller.hardware.step_clock import by_clock
from controller.hardware.steps import Kind, PlannedStep
from controller.workflow import raid_result
from controller.workflow.firmware_look import KINDS, with_firmware
from controller.workflow.machine import interfaces_of
from controller.workflow.outcome import Note, Outcome, leave, stay
from controller.workflow.stage import Context
from controller.workflow.stages import power
from controller.workflow.steps.course import Course, course_of
from controller.workflow.steps.planner import AGENT_IS_UP
from controller.workflow.timed_bmc import timed

_Function = Callable[[Context, PlannedStep], Outcome]
_BEYOND_S = 60.0
"""A wait is late after so much more than it asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """One way of carrying steps out."""

    begin: _Function
    look: _Function


def _begin_nothing(_context: Context, _step: PlannedStep) -> Outcome:
    return leave()


def _power_on(context: Context, _step: PlannedStep) -> Outcome:
    return _limited(context, power.power_on(context))


def _power_off(context: Context, step: PlannedStep) -> Outcome:
    if context.node.disable_power_off:
        raise StepFailed(
            f"{context.label} has disable_power_off and is not switched off; leave {step.title} out, or clear "
            "disable_power_off first"
        )
    return power.without_agent(_limited(context, power.power_off(context)))


def _reboot(context: Context, _step: PlannedStep) -> Outcome:
    """Switch off and on again; nobody is waited for, what boots is what the machine boots by itself."""
    if context.data.get("_is_off"):
        return _limited(context, power.power_on_or_reset(context))
    outcome = power.without_agent(_limited(context, power.power_off(context)))
    if outcome.way is None:
        return outcome
    data = {**outcome.data, "_is_off": True, "_ordered_at": None}
    return replace(outcome, way=None, due_in_s=0.0, data=data, waiting_for="the power cycle")


def _limited(context: Context, outcome: Outcome) -> Outcome:
    """Give a change of the power its own time limit, counted from the first look."""
    if outcome.way is not None or context.data.get("_is_limited"):
        return outcome
    limit_s = context.settings.power_change_timeout_s
    return replace(outcome, deadline_in_s=limit_s, data={**outcome.data, "_is_limited": True})


def _begin_wait(context: Context, step: PlannedStep) -> Outcome:
    seconds = (step.args or {}).get("seconds")
    if seconds is not None:
        return leave(data={"wait": {"until": context.now + float(seconds)}})
    beat = context.node.driver_internal_info.get("agent_last_heartbeat")
    if beat is None:
        raise StepFailed(
            f"{context.label}: {step.title} without seconds ends at the agent's next heartbeat, but no agent runs; give "
            "it seconds, or use hold to wait for a person"
        )
    return leave(data={"wait": {"beat": beat}})


def _look_wait(context: Context, step: PlannedStep) -> Outcome:
    wait = context.data["wait"]
    until = wait.get("until")
    if until is None:
        return _look_for_beat(context, step, wait["beat"])
    left_s = float(until) - context.now
    if left_s <= 0:
        return leave(data={"wait": None})
    return stay(
        left_s,
        waiting_for=f"{context.label}: {step.title} has not ended",
        advice="look at the controller's clock, then try again",
        deadline_in_s=left_s + _BEYOND_S,
    )


def _look_for_beat(context: Context, step: PlannedStep, beat: str) -> Outcome:
    if context.node.driver_internal_info.get("agent_last_heartbeat") != beat:
        return leave(data={"wait": None})
    return stay(
        context.settings.power_check_interval_s,
        waiting_for=f"{context.label}: {step.title} waits for the agent's next heartbeat, which has not come",
        advice="look at the machine's console and the network between",
    )


def _begin_at_bmc(context: Context, step: PlannedStep) -> Outcome:
    one, bmc = bmc_step_of(context, step.interface, step.step, step.title)
    node = {name: getattr(context.node, name) for name in one.node_fields}
    arguments = {**(step.args or {}), **({NODE: node} if node else {})}
    look = one.begin(bmc, arguments, context.settings.bmc_timeout_s)
    return leave(data=_of_bmc(look))


def _look_at_bmc(context: Context, step: PlannedStep) -> Outcome:
    state, settings = context.data["bmc"]["state"], context.settings
    if state is None:
        return _ended_at_bmc(context, step, context.data["bmc"].get("ended") or {})
    if context.data["bmc"].get("restarts"):
        return _restart(context, step)
    one, bmc = bmc_step_of(context, step.interface, step.step, step.title)
    look = one.look(bmc, state, settings.bmc_timeout_s)
    if look.state is None:
        return _ended_at_bmc(context, step, _ended(look))
    has_moved = dict(look.state) != state
    setting, limit_s = _limit(context, step)
    progress: dict[str, Any] = {
        "step": step.step,
        "phase": look.message or "at the BMC",
        "updated_at": context.wall_now,
    }
    return stay(
        settings.power_check_interval_s,
        waiting_for=f"{context.label}: {step.title} is still running at the BMC and has not moved for {limit_s:.0f} s",
        advice=f"look at the BMC's own log, and raise {setting} if it only needs longer",
        columns={"progress": progress},
        data=_of_bmc(look),
        deadline_in_s=limit_s if has_moved or look.restarts else None,
    )


def _of_bmc(look: BmcStepLook) -> dict[str, Any]:
    """Return what a work's data keep of a look."""
    state = None if look.state is None else dict(look.state)
    ended = _ended(look) if state is None else None
    return {"bmc": {"state": state, "restarts": look.restarts, "ended": ended}}


def _ended(look: BmcStepLook) -> dict[str, Any]:
    """Return what the end of a step has to say."""
    return {"said": look.message, "result": look.result and dict(look.result)}


def _limit(context: Context, step: PlannedStep) -> tuple[str, float]:
    setting = f"{step.kind}_step_timeout_s"
    return setting, float(getattr(context.settings, setting))


def _restart(context: Context, step: PlannedStep) -> Outcome:
    """Start the machine anew, with the ramdisk where that runs; the step's looks go on after it."""
    bmc = {**context.data["bmc"], "restarts": False}
    stage_of_steps = f"{step.kind}.step.watch"
    if context.stage_name == stage_of_steps and runs_in_ramdisk(
        course_of(context.data, context.stage_name), step
    ):
        text = f"{step.title} needs a start of the machine: the ramdisk is booted again"
        return leave("reboot", data={"bmc": bmc}, notes=(Note(kind="step", message=text),))
    outcome = _reboot(context, step)
    if outcome.way is None:
        return outcome
    again = dict.fromkeys(("_is_off", "_ordered_at", "_is_limited"))
    return replace(
        outcome,
        way=None,
        due_in_s=context.settings.power_check_interval_s,
        waiting_for=f"{context.label}: {step.title} has had the machine restarted",
        advice="look at the machine's console",
        data={**outcome.data, **again, "bmc": bmc},
        deadline_in_s=_limit(context, step)[1],
    )


def runs_in_ramdisk(course: Course, step: PlannedStep) -> bool:
    """Say whether a workflow's agent is up at a step: a machine that is restarted has to come back with it."""
    return course.uses_ramdisk and (step.kind is not Kind.DEPLOY or step.priority in AGENT_IS_UP)


def _ended_at_bmc(context: Context, step: PlannedStep, ended: Mapping[str, Any]) -> Outcome:
    """Leave; what a step of ``bios`` or ``firmware`` has changed is looked at now, and what one of ``raid`` says stands is kept."""
    said = ended.get("said")
    notes = (Note(kind="step", message=f"{step.title}: {said}"),) if said else ()
    raid = raid_result.columns_at_bmc(context, step.interface, ended.get("result"))
    columns = {"progress": None, **raid}
    outcome = leave(columns=columns, data={"bmc": None}, notes=notes)
    return with_firmware(context, outcome, [kind for kind in KINDS if kind == step.interface])


def bmc_step_of(context: Context, interface: str, name: str, title: str) -> tuple[BmcStep, Any]:
    """Return a step, and the connection of the implementation that offers it.

    Raises:
        StepFailed: None of the node's offers it.
    """
    info = dict(context.node.driver_info)
    interfaces = interfaces_of(context.services, context.node)
    for part in interfaces.offering():
        for one in part.steps(info):
            if (one.interface, one.name) == (interface, name):
                used, steady = interfaces.names[one.interface], context.services.steady
                begin, look = by_clock(steady, one.begin), by_clock(steady, one.look)
                return replace(one, begin=begin, look=look), timed(
                    part.connect(info), used, context.services.measures
                )
    raise StepFailed(
        f"{context.label}: the BMC's driver no longer offers {title} of interface {interface}; the node's "
        "driver or driver_info has been changed; ask for the verb again"
    )


RUNNERS: Mapping[str, Runner] = {
    "power_on": Runner(begin=_begin_nothing, look=_power_on),
    "power_off": Runner(begin=_begin_nothing, look=_power_off),
    "reboot": Runner(begin=_begin_nothing, look=_reboot),
    "wait": Runner(begin=_begin_wait, look=_look_wait),
    "bmc": Runner(begin=_begin_at_bmc, look=_look_at_bmc),
}
"""By ``StepSpec.runs_as``; the agent's steps are orders (``orders.py``), and ``hold`` is a state."""
