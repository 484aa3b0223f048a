"""Verify steps: what a node's interfaces do without the ramdisk between ``enroll`` and ``manageable``, one after the other.

Source: Ironic's ``conductor/verify.py`` and ``steps.py``: those with a priority above 0 run by themselves, nobody asks for them, and
they are shown nowhere but in the history. There a step that fails lets the others run; here it ends the verification.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from controller.errors import BmcError, StepFailed, TemporaryError
from controller.hardware.bmc import NODE, BmcStep, BmcStepLook
from controller.workflow.firmware_look import KINDS, with_firmware
from controller.workflow.outcome import Note, Outcome, leave, stay
from controller.workflow.stage import Context
from controller.workflow.stages.step_runners import bmc_step_of
from controller.workflow.steps.known import bmc_steps

PHASE = "verify"
"""Key of ``BmcStep.priorities``."""
_KEY = "verify"
"""Key of a work's data: ``{"left": [[interface, step], ..], "state": .., "begun_at": ..}``; the first of ``left`` runs."""
_RANKS = {
    kind: rank
    for rank, kind in enumerate(("power", "management", "firmware", "bios", "raid", "vendor"))
}
"""Of interfaces whose steps have the same priority; the first runs first."""


def plan(offered: Iterable[BmcStep], priorities: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    """Return which steps run, as interface and name, in their order. Pure.

    Args:
        offered: By the node's interfaces.
        priorities: The operator's, by ``<interface>.<step>``; they win.
    """
    found = [
        (priorities.get(f"{one.interface}.{one.name}", one.priorities[PHASE]), one)
        for one in offered
        if PHASE in one.priorities
    ]
    run = [(priority, one) for priority, one in found if priority > 0]
    run.sort(key=lambda pair: (-pair[0], _RANKS.get(pair[1].interface, len(_RANKS))))
    return tuple(dict.fromkeys((one.interface, one.name) for _priority, one in run))


def begin(context: Context) -> dict[str, Any]:
    """Return the change of the work's data that begins them; nothing = the node has none."""
    offered = bmc_steps(context.services, context.node)
    left = plan(offered, context.settings.verify_priorities())
    return {_KEY: _place([list(one) for one in left])} if left else {}


def run(context: Context) -> Outcome:
    """Begin the first step that is left, or look at it; leave behind the last one, with what the BMC says of its firmware then.

    Raises:
        StepFailed: A step failed, or needs what there is not in a verification.
    """
    place = context.data[_KEY]
    interface, name = place["left"][0]
    look = _go_on(context, interface, name, place["state"])
    if look.restarts:
        raise StepFailed(
            f"{context.label}: verify step {name} needs a start of the machine, which a verification leaves as it is; set its priority "
            "to 0 (verify_step_priority_override), and have it carried out in cleaning"
        )
    if look.state is None:
        return _end(context, place, look)
    state = dict(look.state)
    limit_s = context.settings.verify_step_timeout_s
    return stay(
        context.settings.power_check_interval_s,
        waiting_for=f"{context.label}: verify step {name} is still running at the BMC and has not moved for {limit_s:.0f} s",
        advice="look at the BMC's own log, and raise verify_step_timeout_s if it only needs longer",
        data={_KEY: {**place, "state": state, "begun_at": place["begun_at"] or context.now}},
        deadline_in_s=limit_s if state != place["state"] else None,
    )


def _go_on(context: Context, interface: str, name: str, state: Any) -> BmcStepLook:
    title, limit_s = f"verify step {name}", context.settings.bmc_timeout_s
    step, bmc = bmc_step_of(context, interface, name, title)
    try:
        if state is not None:
            return step.look(bmc, state, limit_s)
        fields = {field: getattr(context.node, field) for field in step.node_fields}
        return step.begin(bmc, {NODE: fields} if fields else {}, limit_s)
    except BmcError as error:
        if isinstance(error, TemporaryError):
            raise
        raise StepFailed(f"{title}: {error}") from error


def _end(context: Context, place: Mapping[str, Any], look: BmcStepLook) -> Outcome:
    _interface, name = place["left"][0]
    seconds = context.now - (place["begun_at"] or context.now)
    text = f"verify step {name} ended after {seconds:.1f} s"
    said = f"{text}: {look.message}" if look.message else text
    told = {"kind": PHASE, "step": name, "seconds": round(seconds, 3)}
    notes = (Note(kind="step", message=said, data=told),)
    left = place["left"][1:]
    if not left:
        return with_firmware(context, leave(data={_KEY: None}, notes=notes), KINDS)
    return stay(
        0.0,
        waiting_for=f"{context.label}: verify step {left[0][1]} has not begun",
        advice="look at the controller's log",
        data={_KEY: _place(left)},
        deadline_in_s=context.settings.verify_step_timeout_s,
        notes=notes,
    )


def _place(left: list[Any]) -> dict[str, Any]:
    return {"left": left, "state": None, "begun_at": None}
