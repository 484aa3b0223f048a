"""What a workflow's failure means for its node."""

import logging

from sqlalchemy.orm import Session

from agent.protocol.foreign_text import clean_text
from controller.errors import ControllerError
from controller.store.events import record_event
from controller.store.tables import Node
from controller.workflow.graph import STAGES, workflow_of
from controller.workflow.services import Services
from controller.workflow.transition import change_state, enter_stage

log = logging.getLogger(__name__)

MOST_LETTERS = 4000
"""Of an error that is shown with a node."""


def fail(
    services: Services, session: Session, node: Node, stage: str, error: ControllerError
) -> None:
    """Write a failure down and go where the workflow goes then."""
    workflow = workflow_of(stage)
    message = clean_text(f"{workflow.title} failed: {error}", MOST_LETTERS)
    severity = "ERROR" if workflow.sets_error else "WARNING"
    now = services.clock()
    log.log(logging.getLevelName(severity), "%s: %s", node.name or node.uuid, message)
    record_event(session, node, "error", message, severity=severity, data={"stage": stage}, at=now)
    if workflow.sets_error:
        node.last_error = message
        node.target_power_state = None
    for step, fault in workflow.faults.items():
        if getattr(node, step):
            node.maintenance, node.maintenance_reason, node.fault = True, message, fault
    if STAGES[stage].again_s is not None:
        return
    if workflow.fails_with is not None:
        change_state(session, node, workflow.fails_with, now)
    is_tidied_up = workflow.after_failure is not None and not _is_untouched(node, stage)
    enter_stage(services, node, None)
    if is_tidied_up:
        enter_stage(services, node, workflow.after_failure)


def _is_untouched(node: Node, stage: str) -> bool:
    """Say whether the machine still does what it did before the workflow, which may be somebody's work.

    One that still runs the ramdisk of an earlier attempt is tidied up as after any failure.
    """
    is_ramdisk = node.driver_internal_info.get("boot_target") == "ramdisk"
    return STAGES[stage].is_before_touch and not is_ramdisk
