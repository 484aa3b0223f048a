"""Adoption: a machine that is in use becomes ``active`` without anything being done to it.

Source: Ironic's ``_do_adoption``. From then on the machine boots its disk, as after a deployment.
"""

from collections.abc import Mapping

from controller.states import Event
from controller.workflow.machine import driver_of
from controller.workflow.outcome import Outcome, leave
from controller.workflow.stage import Context, Stage, To, Workflow
from controller.workflow.stages.power import read_power


def check(context: Context) -> Outcome:
    """Check that ``driver_info`` is complete and that the BMC answers to it; nothing is switched."""
    driver_of(context.services, context.node).validate(dict(context.node.driver_info))
    return read_power(context)


def take(_context: Context) -> Outcome:
    """Have the machine boot its disk when it asks."""
    return leave(internal={"boot_target": "disk"})


STAGES: Mapping[str, Stage] = {
    "adopt.check": Stage(run=check, ways={"done": To(stage="adopt.take")}, is_before_touch=True),
    "adopt.take": Stage(run=take, ways={"done": To(stage=None, event=Event.DONE)}),
}
WORKFLOWS: Mapping[str, Workflow] = {"adopt": Workflow(title="adoption")}
