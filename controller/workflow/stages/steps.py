"""The steps of a cleaning or a deployment, one after the other; ``kind`` is ``clean`` or ``deploy``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from controller.errors import StepFailed
from controller.workflow.agent_view import erase_rules, node_for_agent, ports_for_agent
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.plan import AGENT, PlannedStep, offered_steps
from controller.workflow.stage import Context
from controller.workflow.stages.orders import ask, new_order
from controller.workflow.unbreakable import ABORTED, AFTER_STEP

Planner = Callable[[Context, Sequence[PlannedStep]], Sequence[PlannedStep]]
Arguments = Callable[[Context, PlannedStep], Mapping[str, Any] | None]
_MOST_PLANS = 4
"""An agent whose hardware managers change more often than this is not planned for again."""


def make_plan(context: Context, *, kind: str, planner: Planner, steps_done: int) -> Outcome:
    """Ask the agent for its steps and plan them; ``steps_done`` of the plan have already been taken."""
    plans = int(context.data.get("plans", 0)) + 1
    if plans > _MOST_PLANS:
        raise StepFailed(
            f"{context.label}: the agent's hardware managers have changed {_MOST_PLANS} times while their "
            f"{kind} steps ran; look at the agent's log for the manager whose version changes"
        )
    result = ask(context, f"{kind}.get_{kind}_steps", agent_params(context))
    plan = planner(context, offered_steps(result, kind))
    names = ", ".join(f"{step.step} ({step.priority})" for step in plan) or "none"
    return leave(
        data={
            "steps": msgspec.to_builtins(plan),
            "version": result.get("hardware_manager_version"),
            "index": steps_done - 1,
            "plans": plans,
        },
        notes=(Note(kind="step", message=f"{kind} steps planned: {names}"),),
    )


def next_step(context: Context, *, kind: str) -> Outcome:
    """End the step before, begin the next.

    Leaves by ``agent``, the name of a core step, ``finished``, or what was asked for while a step ran that must not be
    interrupted: ``abort``, ``deleted``.
    """
    data = context.data
    steps = msgspec.convert(data["steps"], list[PlannedStep])
    index = int(data["index"])
    notes = (ended(context, kind, steps[index].step),) if index >= 0 else ()
    postponed = data.get(AFTER_STEP)
    if postponed:
        error = ABORTED if postponed == "abort" else None
        columns: dict[str, Any] = {"last_error": error, f"{kind}_step": {}}
        return leave(postponed, columns=columns, data={AFTER_STEP: None}, notes=notes)
    if index + 1 >= len(steps):
        return leave("finished", columns={f"{kind}_step": {}}, notes=notes)
    step = steps[index + 1]
    changes: dict[str, Any] = {"index": index + 1, "step_started_at": context.now, "order": None}
    if step.where == AGENT:
        order = new_order(context, f"{kind}.execute_{kind}_step", step.step)
        changes["order"] = {**order, "reboot_requested": step.reboot_requested}
    notes = (*notes, Note(kind="step", message=f"{kind} step {step.step} begins"))
    way = "agent" if step.where == AGENT else step.step
    return leave(way, columns={f"{kind}_step": step.shown()}, data=changes, notes=notes)


def ended(context: Context, kind: str, step: str) -> Note:
    """Return the event of a step that has succeeded."""
    seconds = context.now - float(context.data.get("step_started_at", context.now))
    return Note(
        kind="step",
        message=f"{kind} step {step} ended after {seconds:.1f} s",
        data={"kind": kind, "step": step, "seconds": round(seconds, 3)},
    )


def step_params(context: Context, *, kind: str, arguments: Arguments) -> dict[str, Any]:
    """Return the parameters of ``execute_<kind>_step`` for the current step."""
    data = context.data
    step = msgspec.convert(data["steps"][int(data["index"])], PlannedStep)
    sent = step.shown()
    args = arguments(context, step)
    if args:
        sent["args"] = args
    return {**agent_params(context), "step": sent, f"{kind}_version": data.get("version")}


def agent_params(context: Context) -> dict[str, Any]:
    """Return the parameters that every step order has."""
    node = node_for_agent(context.node)
    node["driver_internal_info"] |= erase_rules(context.settings)
    return {"node": node, "ports": ports_for_agent(context.node, context.ports)}
