"""The stages that carry steps out, one after the other, in cleaning, deployment and service alike.

``plan`` asks the agent and plans; ``next`` ends a step and begins another; ``step.send`` and ``step.watch`` are the one pair that
runs every step, whoever carries it out; ``hold`` waits for a person; ``reboot.*`` brings the ramdisk back.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from agent.protocol.steps import RESERVED_NAMES
from controller.errors import StepFailed
from controller.hardware.steps import Kind, PlannedStep, StepSpec
from controller.states import Event
from controller.workflow import burnin
from controller.workflow.agent_view import erase_rules, node_for_agent, ports_for_agent
from controller.workflow.limits import silence_limit
from controller.workflow.machine import core_steps_of
from controller.workflow.networks.plan import Moment
from controller.workflow.outcome import Note, Outcome, leave, stay
from controller.workflow.stage import Context, Stage, To, leaves_by
from controller.workflow.stages import orders
from controller.workflow.stages.boot import boot_ramdisk
from controller.workflow.stages.child_steps import runner_of
from controller.workflow.stages.step_runners import RUNNERS, runs_in_ramdisk
from controller.workflow.steps.course import WISHES, Course, course_of
from controller.workflow.steps.known import (
    bmc_offer,
    bmc_steps,
    read_offer,
    remember_offer,
    rules_of,
)
from controller.workflow.steps.planner import plan_steps, same_so_far
from controller.workflow.steps.wishes import Wish, read_wishes
from controller.workflow.unbreakable import ABORTED, AFTER_STEP

Arguments = Callable[[Context, PlannedStep], Mapping[str, Any] | None]
_MOST_PLANS = 4
"""An agent whose hardware managers change more often than this is not planned for again."""
_MOMENTS: Mapping[Kind, Moment] = {
    Kind.CLEAN: Moment.CLEANING,
    Kind.DEPLOY: Moment.PROVISIONING,
    Kind.SERVICE: Moment.SERVICING,
}
_WATCHED = ("done", "reboot", "changed")


def own_arguments(_context: Context, step: PlannedStep) -> Mapping[str, Any] | None:
    """Return the arguments that were asked for."""
    return step.args


def step_stages(
    kind: Kind,
    *,
    finished: To,
    aborted: To,
    deleted: To | None,
    arguments: Arguments = own_arguments,
    core: Mapping[str, To] | None = None,
) -> Mapping[str, Stage]:
    """Return the stages of one workflow's steps: ``<kind>.plan``, ``.next``, ``.step.*``, ``.hold``, ``.unheld``, ``.reboot.*``.

    Args:
        kind: The workflow.
        finished: Where the end of the last step leads.
        aborted: Where an abort leads that waited for a step, or stopped it.
        deleted: Where ``deleted`` leads, likewise; ``None`` = it is not possible there.
        arguments: Makes the arguments of an order to the agent.
        core: Where steps lead that have stages of their own, by ``runs_as``.
    """
    again = To(stage=f"{kind}.next", event=Event.RESUME)
    ends = {"abort": aborted, **({} if deleted is None else {"deleted": deleted})}
    core = core or {}
    return {
        f"{kind}.plan": Stage(
            run=partial(make_plan, kind=kind), ways={"done": To(stage=f"{kind}.next")}
        ),
        f"{kind}.next": Stage(
            run=leaves_by("step", "watch", "hold", "boot", "finished", *ends, *core)(
                partial(next_step, kind=kind)
            ),
            ways={
                "step": To(stage=f"{kind}.step.send"),
                "watch": To(stage=f"{kind}.step.watch", event=Event.WAIT),
                "hold": To(stage=f"{kind}.hold", event=Event.HOLD),
                "boot": To(stage=f"{kind}.reboot.power_off"),
                "finished": finished,
                **ends,
                **core,
            },
        ),
        f"{kind}.step.send": Stage(
            run=partial(_send, kind=kind, arguments=arguments),
            ways={"done": To(stage=f"{kind}.step.watch", event=Event.WAIT)},
        ),
        f"{kind}.step.watch": _watch_stage(kind, again, ends),
        f"{kind}.hold": Stage(run=leaves_by()(partial(_hold, kind=kind)), ways={}, rests=True),
        f"{kind}.unheld": Stage(run=_unhold, ways={"done": again}),
        **boot_ramdisk(f"{kind}.reboot", _MOMENTS[kind], then=again),
    }


def _watch_stage(kind: Kind, again: To, ends: Mapping[str, To]) -> Stage:
    """Return the stage that follows a step; ``again`` leads to the next one, ``ends`` to what an abort leads to."""
    ways = frozenset({*_WATCHED, *ends})
    return Stage(
        run=leaves_by(*ways)(partial(_watch, kind=kind, ways=ways)),
        ways={
            "done": again,
            "reboot": To(stage=f"{kind}.reboot.power_off", event=Event.RESUME),
            "changed": To(stage=f"{kind}.plan", event=Event.RESUME),
            **ends,
        },
        timeout_s=lambda settings: silence_limit(settings, kind, "")[1],
    )


def begin_course(context: Context, kind: Kind, *, uses_ramdisk: bool) -> Course:
    """Plan as far as it can be done without an agent: what was asked for, and what the BMC offers.

    Raises:
        Invalid: A step cannot be carried out.
    """
    wishes = wishes_of(context, kind)
    plan = plan_steps(
        kind,
        bmc_offer(bmc_steps(context.services, context.node), kind),
        wishes,
        rules_of(context.settings, kind, core_steps_of(context.services, context.node)),
        agent_is_known=not uses_ramdisk,
    )
    return Course(kind=kind, is_automatic=wishes is None, uses_ramdisk=uses_ramdisk, steps=plan)


def wishes_of(context: Context, kind: Kind) -> tuple[Wish, ...] | None:
    """Return what was asked for; ``None`` = nothing, and the steps run by their priorities."""
    documents = context.data.get(WISHES)
    if documents is None and kind is not Kind.DEPLOY:
        return None
    return read_wishes(kind, documents or ())


def make_plan(context: Context, *, kind: Kind) -> Outcome:
    """Ask the agent for its steps and plan; what has been done already is not done again."""
    before = course_of(context.data, context.stage_name)
    if before.plans >= _MOST_PLANS:
        raise StepFailed(
            f"{context.label}: the agent's hardware managers have changed {_MOST_PLANS} times while their "
            f"{kind} steps ran; look at the agent's log for the manager whose version changes"
        )
    result = orders.ask(context, f"{kind}.get_{kind}_steps", agent_params(context))
    offer = read_offer(result, kind)
    rules = rules_of(context.settings, kind, core_steps_of(context.services, context.node))
    offers = (*offer, *bmc_offer(bmc_steps(context.services, context.node), kind))
    plan = plan_steps(kind, offers, wishes_of(context, kind), rules)
    is_anew = before.is_automatic and before.plans > 0
    place = -1 if is_anew else same_so_far(before.done, plan) - 1
    course = msgspec.structs.replace(
        before,
        steps=plan,
        index=place,
        ended=min(before.ended, place),
        version=result.get("hardware_manager_version"),
        plans=before.plans + 1,
    )
    return leave(
        data=course.data(),
        internal=remember_offer(context.node, context.settings, kind, offer, context.wall_now),
        notes=_plan_notes(kind, plan, offers, rules.disallowed, rules.disallowed_by),
    )


def _plan_notes(
    kind: Kind,
    plan: tuple[PlannedStep, ...],
    offers: tuple[StepSpec, ...],
    disallowed: frozenset[str],
    setting: str,
) -> tuple[Note, ...]:
    names = ", ".join(f"{step.step} ({step.priority})" for step in plan) or "none"
    left_out = sorted({step.id for step in offers if step.id in disallowed and step.priority > 0})
    text = f"; left out by {setting}: {', '.join(left_out)}" if left_out else ""
    planned = Note(kind="step", message=f"{kind} steps planned: {names}{text}")
    taken = sorted({step.id for step in offers if step.step in RESERVED_NAMES})
    if not taken:
        return (planned,)
    warning = (
        f"{kind} steps {', '.join(taken)} are left out: their names are reserved for the controller's own steps, whatever the "
        "interface; rename them in the hardware manager"
    )
    return (planned, Note(kind="step", message=warning, severity="WARNING"))


def next_step(context: Context, *, kind: Kind) -> Outcome:
    """End the step before, begin the next.

    Leaves by ``step``, ``hold``, the name of a step with stages of its own, ``boot`` (the ramdisk is needed and has gone),
    ``watch`` (a BMC's step had the machine restarted and goes on), ``finished``, or what was asked for while a step ran that was
    waited for: ``abort``, ``deleted``.
    """
    course = course_of(context.data, context.stage_name)
    if context.data.get("bmc"):
        return leave("watch")
    notes: tuple[Note, ...] = ()
    if course.index > course.ended:
        notes = (ended(context, course),)
        course = msgspec.structs.replace(course, ended=course.index)
    postponed = context.data.get(AFTER_STEP)
    if postponed:
        columns: dict[str, Any] = {
            "last_error": ABORTED if postponed == "abort" else None,
            f"{kind}_step": {},
        }
        data = {**course.data(), AFTER_STEP: None}
        return leave(postponed, columns=columns, data=data, notes=notes)
    step = course.following
    if step is None:
        return leave("finished", columns={f"{kind}_step": {}}, data=course.data(), notes=notes)
    has_agent = bool(context.node.driver_internal_info.get("agent_url"))
    if step.asks_agent and not has_agent:
        text = f"{step.title} needs the ramdisk, which has ended: it is booted again"
        booted = (*notes, Note(kind="step", message=text))
        return leave("boot", columns={f"{kind}_step": {}}, data=course.data(), notes=booted)
    return _begin(context, course, step, notes)


def _begin(context: Context, course: Course, step: PlannedStep, notes: tuple[Note, ...]) -> Outcome:
    course = msgspec.structs.replace(course, index=course.index + 1, begun_at=context.now)
    changes: dict[str, Any] = {**course.data(), "order": None}
    if step.runs_as == "agent":
        order = orders.new_order(context, f"{step.kind}.execute_{step.kind}_step", step.step)
        changes["order"] = {
            **order,
            "reboot_requested": step.reboot_requested,
            "abortable": step.abortable,
        }
    return leave(
        _way(context, course, step),
        columns={f"{step.kind}_step": step.shown()},
        internal=burnin.begun(context.node, step.interface, step.step, context.wall_now),
        data=changes,
        notes=(*notes, Note(kind="step", message=f"{step.title} begins")),
    )


def _way(context: Context, course: Course, step: PlannedStep) -> str:
    """Return where a step is carried out; a machine that runs the ramdisk comes back with it."""
    if step.runs_as == "hold":
        return "hold"
    has_agent = bool(context.node.driver_internal_info.get("agent_url"))
    comes_back = step.runs_as == "reboot" or (step.runs_as == "power_on" and not has_agent)
    if comes_back and runs_in_ramdisk(course, step) and not step.execute_on_child_nodes:
        return "boot"
    return "step" if step.runs_as == "agent" or step.runs_as in RUNNERS else step.runs_as


def ended(context: Context, course: Course) -> Note:
    """Return the event of a step that has succeeded."""
    seconds = context.now - course.begun_at
    return Note(
        kind="step",
        message=f"{course.step.title} ended after {seconds:.1f} s",
        data={"kind": course.kind, "step": course.step.step, "seconds": round(seconds, 3)},
    )


def agent_params(context: Context) -> dict[str, Any]:
    """Return the parameters that every step order has."""
    node = node_for_agent(context.node)
    node["driver_internal_info"] |= erase_rules(context.settings)
    return {"node": node, "ports": ports_for_agent(context.node, context.ports)}


def _send(context: Context, *, kind: Kind, arguments: Arguments) -> Outcome:
    course = course_of(context.data, context.stage_name)
    step = course.step
    if step.runs_as != "agent":
        return runner_of(step).begin(context, step)

    def params(_context: Context) -> Mapping[str, Any]:
        order = step.ordered(arguments(context, step))
        return {**agent_params(context), "step": order, f"{kind}_version": course.version}

    return orders.send(context, params)


def _watch(context: Context, *, kind: Kind, ways: frozenset[str]) -> Outcome:
    step = course_of(context.data, context.stage_name).step
    if step.runs_as == "agent":
        return orders.watch(context, kind=kind, ways=ways)
    return runner_of(step).look(context, step)


def _hold(context: Context, *, kind: Kind) -> Outcome:
    """Wait for ``unhold``, however long that takes; the state says that a person has to act."""
    step = course_of(context.data, context.stage_name).step
    return stay(
        None,
        waiting_for=f"{context.label}: {step.title} holds the {kind} steps until unhold is asked for",
        advice="ask for unhold to go on, or for abort",
    )


def _unhold(_context: Context) -> Outcome:
    """Go on: the step ``hold`` has ended."""
    return leave()
