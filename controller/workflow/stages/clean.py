"""Automated cleaning: from ``cleaning`` to ``available``."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from controller.states import Event
from controller.workflow.machine import forget_agent, is_fake
from controller.workflow.outcome import Outcome, leave
from controller.workflow.plan import PlannedStep, plan_cleaning
from controller.workflow.stage import Context, Stage, To, Workflow, leaves_by
from controller.workflow.stages import power
from controller.workflow.stages.boot import boot_ramdisk
from controller.workflow.stages.orders import order_stages
from controller.workflow.stages.steps import make_plan, next_step, step_params


@leaves_by("clean", "skip")
def begin(context: Context) -> Outcome:
    """Decide whether there is anything to clean; the fake deploy interface has no clean steps."""
    if is_fake(context.node, "deploy"):
        return leave("skip")
    wanted = context.node.automated_clean
    is_wanted = context.settings.automated_clean if wanted is None else wanted
    return leave("clean" if is_wanted else "skip")


def finish(_context: Context) -> Outcome:
    """Forget the agent; the machine is off, or was reset."""
    return leave(columns={"agent_secret": None}, internal={**forget_agent(), "boot_target": None})


def _plan(context: Context, offered: Sequence[PlannedStep]) -> Sequence[PlannedStep]:
    settings = context.settings
    priorities = {
        "erase_devices": settings.erase_devices_priority,
        "erase_devices_metadata": settings.erase_devices_metadata_priority,
    }
    return plan_cleaning(offered, priorities)


def _arguments(_context: Context, step: PlannedStep) -> Mapping[str, Any] | None:
    return step.args


STAGES: Mapping[str, Stage] = {
    "clean.begin": Stage(
        run=begin,
        ways={"clean": To(stage="clean.power_off"), "skip": To(stage=None, event=Event.DONE)},
    ),
    **boot_ramdisk("clean", then=To(stage="clean.plan", event=Event.RESUME)),
    "clean.plan": Stage(
        run=partial(make_plan, kind="clean", planner=_plan, steps_done=0),
        ways={"done": To(stage="clean.next")},
    ),
    "clean.next": Stage(
        run=leaves_by("agent", "finished", "abort")(partial(next_step, kind="clean")),
        ways={
            "agent": To(stage="clean.step.send"),
            "finished": To(stage="clean.last_power_off"),
            "abort": To(stage="aborted.power_off", event=Event.FAIL),
        },
    ),
    **order_stages(
        "clean.step",
        partial(step_params, kind="clean", arguments=_arguments),
        {
            "done": To(stage="clean.next", event=Event.RESUME),
            "reboot": To(stage="clean.reboot.power_off", event=Event.RESUME),
            "changed": To(stage="clean.plan", event=Event.RESUME),
        },
    ),
    **boot_ramdisk("clean.reboot", then=To(stage="clean.next", event=Event.RESUME)),
    "clean.last_power_off": Stage(
        run=power.power_off_or_reset,
        ways={"done": To(stage="clean.finish")},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    "clean.finish": Stage(run=finish, ways={"done": To(stage=None, event=Event.DONE)}),
}
WORKFLOWS: Mapping[str, Workflow] = {
    "clean": Workflow(
        title="cleaning", after_failure="clean_failed.logs", faults={"clean_step": "clean failure"}
    ),
}
