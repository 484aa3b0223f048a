"""Service of a machine in use: from ``servicing`` back to ``active``; and its end in the middle.

Source: Ironic's ``conductor/servicing.py``. Whoever ends a service, the machine boots its own system afterwards.
An aborted one is ``service failed`` until that has begun, so that ``abort`` can be asked for again if it fails.
"""

from collections.abc import Mapping
from dataclasses import replace

from controller.hardware.steps import Kind
from controller.states import Event
from controller.workflow.firmware_look import and_firmware
from controller.workflow.machine import SYSTEM_IS_DOWN, forget_agent
from controller.workflow.networks.plan import Moment
from controller.workflow.outcome import Outcome, leave
from controller.workflow.stage import Context, Error, Stage, To, Workflow, leaves_by
from controller.workflow.stages import power
from controller.workflow.stages.boot import boot_ramdisk
from controller.workflow.stages.boot_device import boot_instance_next
from controller.workflow.stages.clean import plan_wanted
from controller.workflow.stages.medium import insert_stage
from controller.workflow.stages.network import check_networks, connect_stage
from controller.workflow.stages.steps import step_stages

_ACTIVE = To(stage=None, event=Event.DONE)
_ABORTED = To(stage=None, event=Event.ABORT)


@leaves_by("ramdisk", "steps")
def begin(context: Context) -> Outcome:
    """Plan what was asked for, and decide whether that needs the ramdisk."""
    course = plan_wanted(context, Kind.SERVICE)
    if not course.uses_ramdisk:
        return leave("steps", data=course.data())
    check_networks(context, Moment.SERVICING)
    # The power-off that follows may act and still fail. One that must stay on runs its system until its boot device is set.
    internal = {} if context.node.disable_power_off else {SYSTEM_IS_DOWN: True}
    return leave("ramdisk", data=course.data(), internal=internal)


def boot_from_disk(context: Context) -> Outcome:
    """Have the machine boot its own system again, and forget the agent."""
    internal = {**forget_agent(), **boot_instance_next(context), SYSTEM_IS_DOWN: True}
    return leave(columns={"agent_secret": None}, internal=internal)


def boot_instance(context: Context) -> Outcome:
    """Begin the boot of the machine's own system."""
    outcome = power.power_on_or_reset(context)
    if outcome.way is None:
        return outcome
    return replace(outcome, internal={**outcome.internal, SYSTEM_IS_DOWN: None})


@and_firmware
@leaves_by("ramdisk", "down", "none")
def end(context: Context) -> Outcome:
    """See whether the machine still runs the ramdisk, whichever service booted it, or nothing at all."""
    internal = context.node.driver_internal_info
    if internal.get("boot_target") == "ramdisk":
        return leave("ramdisk")
    return leave("down" if internal.get(SYSTEM_IS_DOWN) else "none")


def back_to_disk(prefix: str, then: To) -> Mapping[str, Stage]:
    """Return the stages ``<prefix>.last_power_off`` to ``<prefix>.boot_instance``: from the ramdisk to the machine's own system."""
    return {
        f"{prefix}.last_power_off": Stage(
            run=power.power_off,
            ways={"done": To(stage=f"{prefix}.connect_again")},
            timeout_s=lambda settings: settings.power_change_timeout_s,
        ),
        **connect_stage(
            f"{prefix}.connect_again", Moment.TENANT, To(stage=f"{prefix}.boot_from_disk")
        ),
        f"{prefix}.boot_from_disk": Stage(
            run=boot_from_disk, ways={"done": To(stage=f"{prefix}.insert_medium_again")}
        ),
        **insert_stage(
            prefix, To(stage=f"{prefix}.boot_instance"), name=f"{prefix}.insert_medium_again"
        ),
        f"{prefix}.boot_instance": Stage(
            run=boot_instance,
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
    **boot_ramdisk("service", Moment.SERVICING, then=To(stage="service.plan", event=Event.RESUME)),
    **step_stages(
        Kind.SERVICE,
        finished=To(stage="service.end"),
        aborted=To(stage="unservice.begin", event=Event.FAIL),
        deleted=To(stage="delete.power_off", event=Event.FAIL, then=Event.DELETE),
    ),
    "service.end": Stage(
        run=end,
        ways={
            "ramdisk": To(stage="service.last_power_off"),
            "down": To(stage="service.connect_again"),
            "none": _ACTIVE,
        },
    ),
    **back_to_disk("service", then=_ACTIVE),
    "unservice.begin": Stage(
        run=end,
        ways={
            "ramdisk": To(stage="unservice.last_power_off"),
            "down": To(stage="unservice.connect_again"),
            "none": _ABORTED,
        },
    ),
    **back_to_disk("unservice", then=_ABORTED),
}
WORKFLOWS: Mapping[str, Workflow] = {
    "service": Workflow(
        title="service",
        after_failure="service_failed.eject_medium",
        faults={"service_step": "service failure"},
    ),
    "unservice": Workflow(
        title="return to the machine's own system after an aborted service",
        fails_with=None,
        error=Error.ADDED,
    ),
}
