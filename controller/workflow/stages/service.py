"""Service of a machine in use: from ``servicing`` back to ``active``; and its end in the middle.

Source: Ironic's ``conductor/servicing.py``. Whoever ends a service, the machine boots its own system afterwards.
"""

from collections.abc import Mapping

from controller.bmc.interface import BootDevice
from controller.states import Event
from controller.workflow.machine import bmc_of, boot_mode_of, forget_agent
from controller.workflow.outcome import Outcome, leave
from controller.workflow.stage import Context, Error, Stage, To, Workflow, leaves_by
from controller.workflow.stages import power
from controller.workflow.stages.boot import boot_ramdisk
from controller.workflow.stages.clean import end, plan_wanted
from controller.workflow.stages.steps import step_stages
from controller.workflow.steps.spec import Kind

_ACTIVE = To(stage=None, event=Event.DONE)


@leaves_by("ramdisk", "steps")
def begin(context: Context) -> Outcome:
    """Plan what was asked for, and decide whether that needs the ramdisk."""
    course = plan_wanted(context, Kind.SERVICE)
    return leave("ramdisk" if course.uses_ramdisk else "steps", data=course.data())


def boot_from_disk(context: Context) -> Outcome:
    """Have the machine boot its own system again, and forget the agent."""
    node, settings = context.node, context.settings
    bmc_of(context.services, node).set_boot_device(
        BootDevice.DISK,
        mode=boot_mode_of(node, settings),
        persistent=str(node.driver_info.get("force_persistent_boot_device")) != "Never",
        timeout_s=settings.bmc_timeout_s,
    )
    return leave(columns={"agent_secret": None}, internal={**forget_agent(), "boot_target": "disk"})


@leaves_by("ramdisk", "none")
def end_aborted(context: Context) -> Outcome:
    """See whether the machine still runs the ramdisk; without one it runs what it ran before."""
    is_ramdisk = context.node.driver_internal_info.get("boot_target") == "ramdisk"
    return leave("ramdisk" if is_ramdisk else "none")


def back_to_disk(prefix: str, then: To) -> Mapping[str, Stage]:
    """Return the stages ``<prefix>.last_power_off`` to ``<prefix>.boot_instance``: from the ramdisk to the machine's own system."""
    return {
        f"{prefix}.last_power_off": Stage(
            run=power.power_off,
            ways={"done": To(stage=f"{prefix}.boot_from_disk")},
            timeout_s=lambda settings: settings.power_change_timeout_s,
        ),
        f"{prefix}.boot_from_disk": Stage(
            run=boot_from_disk, ways={"done": To(stage=f"{prefix}.boot_instance")}
        ),
        f"{prefix}.boot_instance": Stage(
            run=power.power_on_or_reset,
            ways={"done": then},
            timeout_s=lambda settings: settings.power_change_timeout_s,
        ),
    }


STAGES: Mapping[str, Stage] = {
    "service.begin": Stage(
        run=begin,
        ways={"ramdisk": To(stage="service.power_off"), "steps": To(stage="service.next")},
        is_before_touch=True,
    ),
    **boot_ramdisk("service", then=To(stage="service.plan", event=Event.RESUME)),
    **step_stages(
        Kind.SERVICE,
        finished=To(stage="service.end"),
        aborted=To(stage="unservice.begin", event=Event.FAIL, then=Event.ABORT),
        deleted=To(stage="delete.power_off", event=Event.FAIL, then=Event.DELETE),
    ),
    "service.end": Stage(
        run=end,
        ways={"ramdisk": To(stage="service.last_power_off"), "none": _ACTIVE},
    ),
    **back_to_disk("service", then=_ACTIVE),
    "unservice.begin": Stage(
        run=end_aborted,
        ways={"ramdisk": To(stage="unservice.last_power_off"), "none": To(stage=None)},
    ),
    **back_to_disk("unservice", then=To(stage=None)),
}
WORKFLOWS: Mapping[str, Workflow] = {
    "service": Workflow(
        title="service",
        after_failure="service_failed.logs",
        faults={"service_step": "service failure"},
    ),
    "unservice": Workflow(
        title="return to the machine's own system after an aborted service",
        fails_with=None,
        error=Error.ADDED,
    ),
}
