"""Verification: from ``enroll`` by ``verifying`` to ``manageable``."""

from collections.abc import Mapping
from dataclasses import replace

from controller.states import Event
from controller.workflow.firmware_look import KINDS, with_firmware
from controller.workflow.machine import check_bmc
from controller.workflow.outcome import Outcome
from controller.workflow.stage import Context, Stage, To, Workflow, leaves_by
from controller.workflow.stages import verify_steps
from controller.workflow.stages.power import read_power


@leaves_by("done", "steps")
def credentials(context: Context) -> Outcome:
    """Check that ``driver_info`` is complete and that the BMC answers to it; leave by ``steps`` if the node's interfaces have some.

    Without any, what the BMC says of its firmware is kept now.
    """
    check_bmc(context.services, context.node)
    outcome = read_power(context)
    if outcome.way is None:
        return outcome
    steps = verify_steps.begin(context)
    if steps:
        return replace(outcome, way="steps", data={**outcome.data, **steps})
    return with_firmware(context, outcome, KINDS)


_MANAGEABLE = To(stage=None, event=Event.DONE)
STAGES: Mapping[str, Stage] = {
    "verify.credentials": Stage(
        run=credentials, ways={"done": _MANAGEABLE, "steps": To(stage="verify.steps")}
    ),
    "verify.steps": Stage(
        run=verify_steps.run,
        ways={"done": _MANAGEABLE},
        timeout_s=lambda settings: settings.verify_step_timeout_s,
    ),
}
WORKFLOWS: Mapping[str, Workflow] = {"verify": Workflow(title="verification")}
