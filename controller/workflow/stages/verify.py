"""Verification: from ``enroll`` by ``verifying`` to ``manageable``."""

from collections.abc import Mapping

from controller.states import Event
from controller.workflow.firmware_look import and_firmware
from controller.workflow.machine import check_bmc
from controller.workflow.outcome import Outcome
from controller.workflow.stage import Context, Stage, To, Workflow
from controller.workflow.stages.power import read_power


@and_firmware
def credentials(context: Context) -> Outcome:
    """Check that ``driver_info`` is complete and that the BMC answers to it; keep what it says of its firmware."""
    check_bmc(context.services, context.node)
    return read_power(context)


STAGES: Mapping[str, Stage] = {
    "verify.credentials": Stage(run=credentials, ways={"done": To(stage=None, event=Event.DONE)}),
}
WORKFLOWS: Mapping[str, Workflow] = {"verify": Workflow(title="verification")}
