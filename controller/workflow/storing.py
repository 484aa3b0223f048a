"""Stores what a run of a stage came to.

Each result is one short transaction that first checks that the claim is still held; a worker that lost its claim leaves
no trace.
"""

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.protocol.foreign_text import clean_text
from controller.errors import ControllerError
from controller.hardware.boot_target import KEY, BootTarget
from controller.store.allocations import forget_allocation_of
from controller.store.claims import Claim, held, let_go
from controller.store.notifying import note_look
from controller.store.tables import BACKGROUND, Node, Port, Work
from controller.store.volumes import forget_targets
from controller.workflow import inspection_storing
from controller.workflow.failure import fail
from controller.workflow.firmware_look import store_firmware
from controller.workflow.graph import STAGES
from controller.workflow.locks import ask_node
from controller.workflow.outcome import DONE, Outcome
from controller.workflow.power_sync import MOST_LETTERS, jittered, note_answer, note_silence
from controller.workflow.put_off import again_s
from controller.workflow.services import Services
from controller.workflow.stage import Context, Stage, To
from controller.workflow.transition import (
    change_state,
    enter_stage,
    keep_certificates,
    merge,
    record_notes,
)
from controller.workflow.vifs import detach_all

log = logging.getLogger(__name__)


def store_result(
    context: Context,
    claim: Claim,
    stage: Stage,
    result: Outcome | ControllerError,
    *,
    is_suspect: bool,
) -> None:
    """Store what a stage came to, unless the claim has been lost; ``is_suspect``: it took long, or a machine was silent."""
    services = context.services
    with services.store.edit() as session:
        found = _held(session, claim, context.label)
        if found is None:
            return
        node, work = found
        let_go(work, due_at=None)
        work.is_suspect = is_suspect
        if isinstance(result, Outcome):
            _store_outcome(context, session, node, work, stage, result)
        elif stage.again_s is None:
            fail(services, session, node, work.stage, result)
        else:
            _fail_background(context, session, node, work, stage, result)


def store_failure(context: Context, claim: Claim, stage: Stage, error: ControllerError) -> None:
    """Fail the node because of a result that cannot be stored."""
    with context.services.store.edit() as session:
        found = _held(session, claim, context.label)
        if found is None:
            return
        node, work = found
        let_go(work, due_at=None)
        if stage.again_s is None:
            fail(context.services, session, node, work.stage, error)
        else:
            _fail_background(context, session, node, work, stage, error)


def end_work(context: Context, claim: Claim, error: ControllerError) -> None:
    """End the work of a node whose state table has no way out."""
    with context.services.store.edit() as session:
        found = _held(session, claim, context.label)
        if found is not None:
            found[0].last_error = clean_text(error, MOST_LETTERS)
            found[0].target_power_state = None
            enter_stage(context.services, found[0], None)


def _held(session: Session, claim: Claim, label: str) -> tuple[Node, Work] | None:
    found = held(session, claim)
    if found is None or (claim.work.lane == BACKGROUND and found[0].work is not None):
        log.info(
            "%s: the claim of %s was taken away, its result is dropped", label, claim.work.stage
        )
        return None
    return found


def _store_outcome(
    context: Context, session: Session, node: Node, work: Work, stage: Stage, outcome: Outcome
) -> None:
    services, now = context.services, context.services.steady()
    if stage.again_s is not None:
        note_look(session, node)
    _store_columns(services, session, node, outcome)
    _store_ports(session, node, outcome, services.clock())
    node.driver_internal_info = merge(node.driver_internal_info, outcome.internal)
    retry = {"_tries": None, "_failing_since": None}
    work.data = merge(work.data, {**retry, **outcome.data})
    record_notes(session, node, outcome.notes, services.clock())
    keep_certificates(services, session, node, outcome.certificates)
    store_firmware(session, node, outcome.firmware, at=services.clock())
    if outcome.findings is not None:
        inspection_storing.store_result(services, session, node, outcome.findings)
    for asked in outcome.asked:
        ask_node(services, session, node, asked)
    if outcome.columns.get("power_state") is not None:
        note_answer(services, session, node)  # before a workflow would rest because of the fault
    if outcome.way is None:
        _stay(context, work, outcome, now)
        return
    to = _follow(services, session, node, stage.ways[outcome.way])
    if stage.again_s is not None:
        work.tries, work.due_at = 0, now + jittered(again_s(services, stage))
        return
    log.debug("%s: %s -> %s", context.label, work.stage, to.stage)
    enter_stage(services, node, to.stage)


def _follow(services: Services, session: Session, node: Node, to: To) -> To:
    """Take the steps of the state table on a way, past the stages that the node has no need of; returns where it ends."""
    while True:
        for event in (to.event, to.then):
            if event is not None:
                change_state(session, node, event, services.clock())
        stage = STAGES[to.stage] if to.stage is not None else None
        if stage is None or stage.is_needed is None or stage.is_needed(services, node):
            return to
        to = stage.ways[DONE]


def _store_ports(session: Session, node: Node, outcome: Outcome, now: float) -> None:
    """Change the node's ports; one that has gone meanwhile is passed over."""
    if not outcome.ports:
        return
    mine = select(Port).where(Port.node_id == node.id, Port.uuid.in_(outcome.ports))
    for port in session.scalars(mine):
        for column, value in outcome.ports[port.uuid].items():
            setattr(port, column, value)
        port.updated_at = now


def _store_columns(services: Services, session: Session, node: Node, outcome: Outcome) -> None:
    """Write what the node's row says; what belongs to an instance that has gone goes with it."""
    for column, value in outcome.columns.items():
        setattr(node, column, value)
    if outcome.columns.get("instance_uuid", "") is None:
        forget_allocation_of(session, node)
    if outcome.ends_instance:
        detach_all(services, session, node)
        if node.driver_internal_info.get(KEY) == BootTarget.VOLUME:
            forget_targets(session, node.id)


def _stay(context: Context, work: Work, outcome: Outcome, now: float) -> None:
    if outcome.deadline_in_s is not None:
        work.deadline_at = now + outcome.deadline_in_s
    if outcome.due_in_s is None:
        return
    times = [now + outcome.due_in_s, work.due_at]
    if not context.is_late:  # a deadline that was past when the stage ran has had its effect
        times.append(work.deadline_at)
    work.due_at = min(at for at in times if at is not None)


def _fail_background(
    context: Context, session: Session, node: Node, work: Work, stage: Stage, error: ControllerError
) -> None:
    """Count a row of failures, and look again: at the usual pace until it counts, then after pauses that grow."""
    services, settings = context.services, context.settings
    work.tries += 1
    note_silence(services, session, node, work.tries, error)
    usual_s = again_s(services, stage)
    longest_s = max(settings.power_recovery_interval_s, usual_s)
    doublings = max(0, min(work.tries - settings.power_sync_tries, 10))
    work.due_at = services.steady() + jittered(min(usual_s * 2.0**doublings, longest_s))
