"""Adoption: a machine that is in use becomes ``active`` without anything being done to it.

Source: Ironic's ``_do_adoption``. From then on the machine boots its disk, as after a deployment.
"""

from collections.abc import Mapping

from controller.hardware.bmc import PowerState
from controller.states import Event
from controller.workflow.fast_track import is_kept
from controller.workflow.machine import check_bmc, forget_agent
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.stage import Context, Stage, To, Workflow
from controller.workflow.stages.power import read_power


def check(context: Context) -> Outcome:
    """Check that ``driver_info`` is complete and that the BMC answers to it; nothing is switched."""
    check_bmc(context.services, context.node)
    return read_power(context)


def take(context: Context) -> Outcome:
    """Have the machine boot its disk when it asks; a ramdisk that was left running is nobody's business any more."""
    internal = {**forget_agent(), "boot_target": "disk"}
    text = "the machine runs the ramdisk that fast track left there, not its own system: reboot it"
    is_ramdisk = is_kept(context.node) and context.node.power_state == PowerState.ON
    notes = (Note(kind="agent", message=text, severity="WARNING"),) if is_ramdisk else ()
    return leave(columns={"agent_secret": None}, internal=internal, notes=notes)


STAGES: Mapping[str, Stage] = {
    "adopt.check": Stage(run=check, ways={"done": To(stage="adopt.take")}, is_before_touch=True),
    "adopt.take": Stage(run=take, ways={"done": To(stage=None, event=Event.DONE)}),
}
WORKFLOWS: Mapping[str, Workflow] = {"adopt": Workflow(title="adoption")}
