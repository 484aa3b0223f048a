"""What a workflow's failure means for its node."""

import logging

from sqlalchemy.orm import Session

from agent.protocol.foreign_text import clean_text
from controller.errors import ControllerError, NobodySwitchesOff, StepFailed, StepUnfinished
from controller.signed_certificate import Signed
from controller.states import Event
from controller.store.certificates import sign_in
from controller.store.events import record_event
from controller.store.tables import Node
from controller.workflow.certificates import of_interrupted
from controller.workflow.graph import STAGES, workflow_of
from controller.workflow.node_secrets import quotable_of
from controller.workflow.power_sync import MOST_LETTERS
from controller.workflow.services import Services
from controller.workflow.stage import Error
from controller.workflow.transition import (
    change_state,
    enter_stage,
    first_needed,
    keep_certificates,
)
from controller.workflow.unbreakable import AFTER_STEP, unbreakable_step

log = logging.getLogger(__name__)

STEP_FAILURE = "step failure"
"""The ``fault`` of a node whose step must not be interrupted and has not been seen to end."""
_LEFT_ON = (
    "; this step must not be interrupted, so the machine is left as it is: look at its console, wait for the end of the "
    "step, and only then end the maintenance and go on (every verb begins by switching the machine off)"
)


def fail(
    services: Services, session: Session, node: Node, stage: str, error: ControllerError
) -> None:
    """Write a failure down and go where the workflow goes then."""
    workflow = workflow_of(stage)
    is_of_step = isinstance(error, StepUnfinished) and workflow.fails_with is not None
    is_left_on = is_of_step and unbreakable_step(node) is not None
    message = clean_text(f"{workflow.title} failed: {error}", MOST_LETTERS)
    message += _LEFT_ON if is_left_on else ""
    severity = "ERROR" if workflow.error is Error.SET else "WARNING"
    now = services.clock()
    log.log(logging.getLevelName(severity), "%s: %s", node.name or node.uuid, message)
    record_event(session, node, "error", message, severity=severity, data={"stage": stage}, at=now)
    if isinstance(error, StepFailed) and error.certificates:
        certified = error.certificates
    else:
        certified = _interrupted(services, session, node, stage, message)
    keep_certificates(services, session, node, certified)
    _show(node, message, workflow.error)
    if is_left_on:
        node.maintenance, node.maintenance_reason, node.fault = True, message, STEP_FAILURE
    for step, fault in workflow.faults.items():
        if getattr(node, step):
            node.maintenance, node.maintenance_reason, node.fault = True, message, fault
    if workflow.fails_with is not None:
        change_state(session, node, workflow.fails_with, now)
    is_deleted = node.work is not None and node.work.data.get(AFTER_STEP) == "deleted"
    is_left_alone = is_left_on or _is_untouched(node, stage, error)
    next_stage = None if is_left_alone else workflow.after_failure
    if is_deleted and next_stage is not None:
        change_state(session, node, Event.DELETE, now)
        next_stage = "delete.power_off"
    quotable = quotable_of(node)
    enter_stage(services, node, None)
    if next_stage is not None:
        enter_stage(services, node, first_needed(services, node, next_stage), data=quotable)


def _interrupted(
    services: Services, session: Session, node: Node, stage: str, message: str
) -> tuple[Signed, ...]:
    """Return what is certified of a step whose agent reported nothing: that the end of an erasure was not seen."""
    at, controller = services.clock(), services.hostname
    made = of_interrupted(node, stage, message, controller=controller, at=at)
    return sign_in(session, made, at=at)


def _show(node: Node, message: str, how: Error) -> None:
    is_added = how is Error.ADDED and node.last_error
    node.last_error = f"{node.last_error}; {message}" if is_added else message
    node.target_power_state = None


def _is_untouched(node: Node, stage: str, error: ControllerError) -> bool:
    """Say whether the machine still does what it did before the workflow, which may be somebody's work.

    That goes for one that nobody could switch off, too, at the first power-off of a workflow. One that still runs the ramdisk of an
    earlier attempt is tidied up as after any failure.
    """
    is_first_off = stage == f"{stage.partition('.')[0]}.power_off"
    stayed_on = is_first_off and isinstance(error, NobodySwitchesOff)
    is_ramdisk = node.driver_internal_info.get("boot_target") == "ramdisk"
    return (STAGES[stage].is_before_touch or stayed_on) and not is_ramdisk
