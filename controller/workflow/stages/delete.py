"""Tear-down of an instance: from ``deleting`` to ``cleaning``."""

from collections.abc import Mapping

from controller.states import Event
from controller.workflow.machine import SYSTEM_IS_DOWN, forget_agent
from controller.workflow.networks.plan import Moment
from controller.workflow.outcome import Outcome, leave
from controller.workflow.stage import Context, Stage, To, Workflow
from controller.workflow.stages import power
from controller.workflow.stages.network import connect_stage


def forget_instance(_context: Context) -> Outcome:
    """Wipe what belongs to the instance; the machine is off, unless it must stay on."""
    return leave(
        columns={
            "instance_info": {},
            "instance_uuid": None,
            "instance_name": None,
            "config_drive": None,
            "agent_secret": None,
        },
        internal={
            **forget_agent(),
            "boot_target": None,
            "root_uuid_or_disk_id": None,
            SYSTEM_IS_DOWN: None,
        },
        ends_instance=True,
    )


STAGES: Mapping[str, Stage] = {
    "delete.power_off": Stage(
        run=power.power_off,
        ways={"done": To(stage="delete.disconnect")},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    **connect_stage("delete.disconnect", Moment.IDLE, To(stage="delete.forget_instance")),
    "delete.forget_instance": Stage(
        run=forget_instance, ways={"done": To(stage="clean.begin", event=Event.CLEAN)}
    ),
}
WORKFLOWS: Mapping[str, Workflow] = {"delete": Workflow(title="tear-down")}
