"""Cleaning: automated from ``cleaning`` to ``available``, manual from ``cleaning`` to ``manageable``."""

from collections.abc import Mapping

import msgspec

from controller.errors import Invalid
from controller.hardware.steps import Kind
from controller.states import Event
from controller.store.runbooks import get_runbook
from controller.workflow.fast_track import may_be_kept
from controller.workflow.firmware_look import and_firmware
from controller.workflow.machine import forget_agent, interfaces_of
from controller.workflow.networks.plan import Moment
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.stage import Context, Stage, To, Workflow, leaves_by
from controller.workflow.stages import power
from controller.workflow.stages.boot import boot_ramdisk
from controller.workflow.stages.fast_track import find_agent_stage, keep_agent, kept_note
from controller.workflow.stages.network import check_networks, connect_stage
from controller.workflow.stages.steps import begin_course, step_stages, wishes_of
from controller.workflow.steps.course import DISABLE_RAMDISK, WISHES, Course, course_of
from controller.workflow.steps.known import bmc_offer, bmc_steps
from controller.workflow.steps.planner import needs_ramdisk
from controller.workflow.stored_steps import cleaning_runbook, refuse_foreign

_RUNBOOK = "runbook"
"""Key of a work's data: the runbook that an automated cleaning has its steps from."""


@leaves_by("clean", "steps", "skip", "runbook")
def begin(context: Context) -> Outcome:
    """Decide whether there is anything to clean, and whether that needs the ramdisk."""
    wishes = wishes_of(context, Kind.CLEAN)
    if wishes is None:
        return _begin_automated(context)
    course = plan_wanted(context, Kind.CLEAN)
    if context.data.get(_RUNBOOK):
        course = msgspec.structs.replace(course, is_automatic=True)
    if course.uses_ramdisk:
        check_networks(context, Moment.CLEANING)
    return leave("clean" if course.uses_ramdisk else "steps", data=course.data())


def plan_wanted(context: Context, kind: Kind) -> Course:
    """Plan what a client asked for, as far as that can be done before the ramdisk runs.

    Raises:
        Invalid: A step cannot be carried out.
    """
    offers = bmc_offer(bmc_steps(context.services, context.node), kind)
    wishes = wishes_of(context, kind)
    if wishes is None:
        raise Invalid(f"{context.label}: no {kind} steps were asked for; give {kind}_steps")
    is_off = bool(context.data.get(DISABLE_RAMDISK)) or not _uses_agent(context, kind)
    return begin_course(
        context, kind, uses_ramdisk=not is_off and needs_ramdisk(kind, offers, wishes)
    )


@and_firmware
@leaves_by("available", "manageable")
def finish(context: Context) -> Outcome:
    """Forget the agent; the machine is off, was reset, or never ran the ramdisk."""
    internal = {**forget_agent(), "boot_target": None}
    return leave(_ready_as(context), columns={"agent_secret": None}, internal=internal)


@and_firmware
@leaves_by("available", "manageable")
def keep(context: Context) -> Outcome:
    """Leave the machine in the ramdisk for the next workflow."""
    return leave(_ready_as(context), internal=keep_agent(context), notes=(kept_note(),))


def _ready_as(context: Context) -> str:
    is_manual = not course_of(context.data, context.stage_name).is_automatic
    return "manageable" if is_manual or context.node.retired else "available"


@leaves_by("ramdisk", "none", "keep")
def end(context: Context) -> Outcome:
    """See whether the ramdisk has to be ended: this cleaning's, or that of one before, which failed."""
    if course_of(context.data, context.stage_name).uses_ramdisk and may_be_kept(
        context.node, context.settings
    ):
        return leave("keep")
    is_ramdisk = context.node.driver_internal_info.get("boot_target") == "ramdisk"
    return leave("ramdisk" if is_ramdisk else "none")


def _uses_agent(context: Context, kind: Kind) -> bool:
    return kind in interfaces_of(context.services, context.node).deploy.agent_in


def _begin_automated(context: Context) -> Outcome:
    wanted = context.node.automated_clean
    is_wanted = context.settings.automated_clean if wanted is None else wanted
    name = cleaning_runbook(context.node, context.settings) if is_wanted else None
    if name is not None:
        return _by_runbook(context, name)
    if not _uses_agent(context, Kind.CLEAN):  # who would clean is the agent
        return leave("skip")
    course = Course(kind=Kind.CLEAN, is_automatic=True)
    if is_wanted:
        check_networks(context, Moment.CLEANING)
    return leave("clean" if is_wanted else "skip", data=course.data())


def _by_runbook(context: Context, name: str) -> Outcome:
    """Begin anew with the steps of a runbook, without those that the operator does not allow."""
    with context.services.store.read() as session:
        runbook = get_runbook(session, name)
    if context.settings.automated_cleaning_runbook_validate_traits:
        refuse_foreign(runbook, context.node)
    disallowed = context.settings.listed("disallow_clean_steps")
    steps = [
        dict(step)
        for step in runbook.steps
        if f"{step['interface']}.{step['step']}" not in disallowed
    ]
    note = Note(kind="step", message=f"cleaned by runbook {runbook.name}")
    data = {_RUNBOOK: runbook.name, WISHES: steps, DISABLE_RAMDISK: runbook.disable_ramdisk}
    return leave("runbook" if steps else "skip", data=data, notes=(note,))


_READY = {
    "available": To(stage=None, event=Event.DONE),
    "manageable": To(stage=None, event=Event.MANAGE),
}
STAGES: Mapping[str, Stage] = {
    "clean.begin": Stage(
        run=begin,
        ways={
            "clean": To(stage="clean.find_agent"),
            "steps": To(stage="clean.next"),
            "skip": To(stage=None, event=Event.DONE),
            "runbook": To(stage="clean.begin"),
        },
        is_before_touch=True,
    ),
    **find_agent_stage("clean", Moment.CLEANING, running="clean.plan"),
    **boot_ramdisk("clean", Moment.CLEANING, then=To(stage="clean.plan", event=Event.RESUME)),
    **step_stages(
        Kind.CLEAN,
        finished=To(stage="clean.end"),
        aborted=To(stage="aborted.eject_medium", event=Event.FAIL),
        deleted=None,
    ),
    "clean.end": Stage(
        run=end,
        ways={
            "ramdisk": To(stage="clean.last_power_off"),
            "none": To(stage="clean.disconnect"),
            "keep": To(stage="clean.keep"),
        },
    ),
    "clean.last_power_off": Stage(
        run=power.power_off_or_reset,
        ways={"done": To(stage="clean.disconnect")},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    **connect_stage("clean.disconnect", Moment.IDLE, To(stage="clean.finish")),
    "clean.finish": Stage(run=finish, ways=_READY),
    "clean.keep": Stage(run=keep, ways=_READY),
}
WORKFLOWS: Mapping[str, Workflow] = {
    "clean": Workflow(
        title="cleaning",
        after_failure="clean_failed.eject_medium",
        faults={"clean_step": "clean failure"},
    ),
}
