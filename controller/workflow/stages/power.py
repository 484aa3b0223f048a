"""Power: the stages that every workflow shares, and the workflow of the power API.

Each stage asks for the power state before it orders anything, so that it can be run again at any time. Nodes with
``disable_power_off`` (their machine may not come back, or others hang on its power) are never switched off: what
ends with a power cycle elsewhere ends with a reset there.

A machine that nobody can switch off (``NobodySwitchesOff``) fails the workflow: a tenant's system may run there. It counts as off
in two cases only: a person says so (``power.off`` in maintenance), or what it last booted is the ramdisk, and a new one has to call
back before anything goes on.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from controller.errors import BmcError, NobodySwitchesOff
from controller.hardware.abilities import Health, TellsHealth, worst
from controller.hardware.bmc import CountsAsOff, PowerControl, PowerState
from controller.hardware.boot_target import KEY, BootTarget
from controller.settings import Settings
from controller.workflow.fast_track import end_of_stay, is_kept
from controller.workflow.machine import KEPT, forget_agent, power_of
from controller.workflow.outcome import ORDERED, Asked, Note, Outcome, leave
from controller.workflow.sensors import is_read
from controller.workflow.stage import (
    Context,
    Stage,
    StageFunction,
    TimeLimit,
    To,
    Workflow,
    leaves_by,
)
from controller.workflow.stages.power_order import ask, changed_power, reach, seen

log = logging.getLogger(__name__)

_SENSORS_HOLD = 3
"""Intervals after which what sensors said counts no more."""
END_OF_STAY = "stay.power_off"
"""Stage that ends a ramdisk left running by fast track."""
STAYED_ON = "stayed_on"
"""Key of the work's data: nobody could switch the machine off when the workflow ended."""


def power_off(context: Context) -> Outcome:
    """Cut the power, unless it is off, or the node must stay on."""
    if context.node.disable_power_off:
        return read_power(context)
    return reach(context, PowerState.OFF, _cut)


def _cut(bmc: PowerControl, timeout_s: float) -> None:
    bmc.power_off(timeout_s=timeout_s)


def power_off_to_boot(context: Context) -> Outcome:
    """Cut the power before the ramdisk is booted; see above for machines that nobody can switch off."""
    is_ramdisk = context.node.driver_internal_info.get(KEY) == BootTarget.RAMDISK
    return _power_off_or_count(context) if is_ramdisk else power_off(context)


def power_off_if_possible(context: Context) -> Outcome:
    """Cut the power after a failure; a machine that nobody can switch off stays as it is, which the history says."""
    return _if_possible(context, power_off)


def power_off_or_reset_if_possible(context: Context) -> Outcome:
    """End the ramdisk of what was aborted, as far as :func:`power_off_if_possible`."""
    return _if_possible(context, power_off_or_reset)


def _if_possible(context: Context, end: StageFunction) -> Outcome:
    try:
        return end(context)
    except NobodySwitchesOff as error:
        note = Note(kind="power", message=str(error), severity="WARNING")
        columns = {"power_state": PowerState.ON}
        return leave(columns=columns, data={STAYED_ON: True}, notes=(note,))


def _power_off_as_asked(context: Context) -> Outcome:
    """Cut the power; in maintenance a person's word will do for a machine that nobody can switch off."""
    return _power_off_or_count(context) if context.node.maintenance else power_off(context)


def _power_off_or_count(context: Context) -> Outcome:
    if context.node.disable_power_off:
        return read_power(context)
    return reach(context, PowerState.OFF, _switch_off_or_count)


def _switch_off_or_count(bmc: PowerControl, timeout_s: float) -> None:
    try:
        bmc.power_off(timeout_s=timeout_s)
    except NobodySwitchesOff:
        if not isinstance(bmc, CountsAsOff):
            raise
        bmc.count_as_off()


def power_on(context: Context) -> Outcome:
    """Switch the power on, unless it is on."""
    return reach(context, PowerState.ON, lambda bmc, timeout_s: bmc.power_on(timeout_s=timeout_s))


def power_on_or_reset(context: Context) -> Outcome:
    """Begin a new boot: switch the power on, or reset a machine that had to stay on."""
    was_ordered = context.data.get("_ordered_at") is not None
    if context.node.disable_power_off and not was_ordered:
        state = ask(context, power_of(context.services, context.node))
        if state == PowerState.ON:
            return _reset(context)
    return power_on(context)


def power_off_or_reset(context: Context) -> Outcome:
    """End the ramdisk: cut the power, or reset a machine that must stay on."""
    if not context.node.disable_power_off:
        return power_off(context)
    state = ask(context, power_of(context.services, context.node))
    return _reset(context) if state == PowerState.ON else leave(columns={"power_state": state})


def soft_power_off(context: Context) -> Outcome:
    """Ask the operating system to shut down; where none runs, by what the BMC shows, and it has to be told all the same, the power is cut."""
    return reach(
        context,
        PowerState.OFF,
        lambda bmc, timeout_s: bmc.soft_power_off(timeout_s=timeout_s),
        anew=_cut,
    )


@leaves_by("done", "late")
def soft_power_off_or_late(context: Context) -> Outcome:
    """Ask the operating system to shut down; leaves by ``late`` if it does not."""
    outcome = soft_power_off(context)
    is_over = outcome.way is None and outcome.deadline_in_s is None and context.is_late
    return leave("late") if is_over else outcome


@leaves_by("done", "late")
def wait_for_off(context: Context) -> Outcome:
    """Watch the machine switch itself off; leaves by ``late`` if it does not."""
    if context.node.disable_power_off:
        return read_power(context)
    outcome = reach(context, PowerState.OFF, None)
    return leave("late") if outcome.way is None and context.is_late else outcome


def read_power(context: Context, bmc: PowerControl | None = None) -> Outcome:
    """Store the power state as the BMC says it; ``bmc`` is the node's, if it is at hand."""
    state = ask(context, bmc or power_of(context.services, context.node))
    columns, notes = {"power_state": state}, changed_power(context, state)
    return leave(columns=columns, internal=seen(context, state), notes=notes)


def _with_health(context: Context, bmc: PowerControl, outcome: Outcome) -> Outcome:
    """Store the machine's health, too, where its BMC tells it; what it cannot say now stays as it was."""
    if not isinstance(bmc, TellsHealth):
        return outcome
    before = context.node.health
    try:
        told = bmc.health(timeout_s=context.settings.bmc_timeout_s)
    except BmcError as error:
        log.info("%s: its health could not be read: %s", context.label, error)
        return outcome
    health = worst(told, _health_by_sensors(context))
    if health == before:
        return outcome
    data = {"from": before, "to": health}
    severity = "ERROR" if health is Health.CRITICAL else "INFO"
    note = Note(
        kind="health", message=f"health: {before} -> {health}", data=data, severity=severity
    )
    columns = {**outcome.columns, "health": health}
    return replace(outcome, columns=columns, notes=(*outcome.notes, note))


def _health_by_sensors(context: Context) -> Health | None:
    """Return what the sensors mean; before the first report, after a start or from another controller, what they meant then is in the row."""
    settings, sensors, uuid = context.settings, context.services.sensors, context.node.uuid
    now, hold_s = context.services.clock(), _SENSORS_HOLD * settings.sensor_data_interval_s
    if is_read(settings, context.node) and sensors.is_awaited(uuid, now=now, hold_s=hold_s):
        stored = context.node.health
        return Health(stored) if stored in set(Health) else None
    return sensors.health(uuid, since=now - hold_s)


def _reset(context: Context) -> Outcome:
    bmc = power_of(context.services, context.node)
    bmc.reset(timeout_s=context.settings.bmc_timeout_s)
    text = (
        "the BMC was told to reset the machine, which must not be switched off (disable_power_off)"
    )
    return leave(
        columns={"power_state": PowerState.ON},
        notes=(Note(kind="power", message=text, data={ORDERED: "reset"}),),
    )


def _switch_on(context: Context) -> Outcome:
    """Switch the power on, unless it is on; an agent that ran before it went off is gone."""
    outcome = power_on(context)
    was_off = context.data.get("_ordered_at") is not None
    return _gone(context, outcome) if was_off and outcome.way else outcome


def _cycle_off(context: Context) -> Outcome:
    """Cut the power before it is switched on again, and forget the agent: what boots then is another one."""
    outcome = power_off(context)
    return outcome if outcome.way is None else _gone(context, outcome)


@leaves_by("done", "late")
def _soft_cycle_off(context: Context) -> Outcome:
    outcome = soft_power_off_or_late(context)
    return _gone(context, outcome) if outcome.way == "done" else outcome


def _look(context: Context) -> Outcome:
    """Read an idle machine's power; one that is off has no agent any more, and one that need not be on is switched off."""
    bmc = power_of(context.services, context.node)
    outcome = _with_health(context, bmc, read_power(context, bmc))
    if outcome.columns["power_state"] == PowerState.OFF:
        return _gone(context, outcome) if is_kept(context.node) else outcome
    if why := end_of_stay(context.node, context.ports, context.settings):
        return replace(outcome, asked=(_switch_off_ramdisk(context, why),))
    return outcome


def _switch_off_ramdisk(context: Context, why: str) -> Asked:
    """Return the order to switch off a machine that fast track left running; it is given once, whatever comes of it."""
    text = f"fast track: {why}; the machine is switched off"
    uuid, once = context.node.uuid, {KEPT: None}
    return Asked(uuid=uuid, stage=END_OF_STAY, data={}, internal=once, text=text)


def without_agent(outcome: Outcome) -> Outcome:
    """Forget the agent of a machine that goes off."""
    return replace(
        outcome,
        columns={**outcome.columns, "agent_secret": None},
        internal={**outcome.internal, **forget_agent()},
    )


def _gone(context: Context, outcome: Outcome) -> Outcome:
    """Forget the agent; one that was kept leaves no order to boot the ramdisk either."""
    outcome = without_agent(outcome)
    if not is_kept(context.node):
        return outcome
    return replace(outcome, internal={**outcome.internal, "boot_target": None})


def _finish(context: Context) -> Outcome:
    """End a power action."""
    outcome = leave(columns={"target_power_state": None})
    is_off = context.node.power_state == PowerState.OFF
    return _gone(context, outcome) if is_off else outcome


def _nothing(_context: Context) -> Outcome:
    """End what a request began and whose controller has died since."""
    return leave()


def _requested(settings: Settings, *, soft: bool = False) -> float:
    return settings.soft_power_off_timeout_s if soft else settings.power_change_timeout_s


_HARD_S = _requested
_SOFT_S = partial(_requested, soft=True)
_END = {"done": To(stage=None)}


def _stage(run: StageFunction, then: str, timeout_s: TimeLimit = _HARD_S, late: str = "") -> Stage:
    ways = {"done": To(stage=then)}
    if late:
        ways["late"] = To(stage=late)
    return Stage(run=run, ways=ways, timeout_s=timeout_s)


STAGES: Mapping[str, Stage] = {
    "power.on": _stage(_switch_on, "power.end"),
    "power.off": _stage(_power_off_as_asked, "power.end"),
    "power.soft_off": _stage(soft_power_off, "power.end", _SOFT_S),
    "power.cycle_off": _stage(_cycle_off, "power.cycle_on"),
    "power.cycle_on": _stage(power_on_or_reset, "power.end"),
    "power.soft_cycle_off": _stage(
        _soft_cycle_off, "power.cycle_on", _SOFT_S, late="power.cycle_off"
    ),
    "power.end": Stage(run=_finish, ways=_END),
    "management.call": Stage(run=_nothing, ways=_END),
    "sync.power": Stage(
        run=_look, ways=_END, again_s=lambda settings: settings.power_sync_interval_s
    ),
}
WORKFLOWS: Mapping[str, Workflow] = {
    "power": Workflow(title="power action", fails_with=None),
    "management": Workflow(title="a call to the BMC", fails_with=None),
    "sync": Workflow(title="power state check", fails_with=None),
}
