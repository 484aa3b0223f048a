"""Adoption: a machine that is in use becomes ``active`` without anything being done to it.

Source: Ironic's ``_do_adoption``. From then on the machine boots its disk, or what it boots from the network, as after a deployment.
"""

from collections.abc import Mapping

from controller.hardware.bmc import PowerState
from controller.hardware.boot_target import FROM_NETWORK, KEY
from controller.states import Event
from controller.workflow.fast_track import is_kept
from controller.workflow.machine import check_bmc, forget_agent, interfaces_of
from controller.workflow.node_rules import require_bootable
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.stage import Context, Stage, To, Workflow
from controller.workflow.stages.power import read_power


def check(context: Context) -> Outcome:
    """Check that ``driver_info`` is complete and that the BMC answers to it; nothing is switched.

    Of an instance that boots from the network what it boots is checked, too; of one on a disk nothing need be known.
    """
    check_bmc(context.services, context.node)
    interfaces = interfaces_of(context.services, context.node)
    if interfaces.deploy.target(context.node) in FROM_NETWORK:
        require_bootable(context.node, interfaces)
        interfaces.deploy.check(context.node, context.settings)
    return read_power(context)


def take(context: Context) -> Outcome:
    """Have the machine boot its instance when it asks; a ramdisk that was left running is nobody's business any more."""
    target = interfaces_of(context.services, context.node).deploy.target(context.node)
    internal = {**forget_agent(), KEY: str(target)}
    text = "the machine runs the ramdisk that fast track left there, not its own system: reboot it"
    is_ramdisk = is_kept(context.node) and context.node.power_state == PowerState.ON
    notes = (Note(kind="agent", message=text, severity="WARNING"),) if is_ramdisk else ()
    return leave(columns={"agent_secret": None}, internal=internal, notes=notes)


STAGES: Mapping[str, Stage] = {
    "adopt.check": Stage(run=check, ways={"done": To(stage="adopt.take")}, is_before_touch=True),
    "adopt.take": Stage(run=take, ways={"done": To(stage=None, event=Event.DONE)}),
}
WORKFLOWS: Mapping[str, Workflow] = {"adopt": Workflow(title="adoption")}
