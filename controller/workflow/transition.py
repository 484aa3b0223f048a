"""Changes to a node's row that the engine and the verbs share: states, stages, merges.

All of it happens inside one transaction of the caller, on a locked row.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session, object_session
from sqlalchemy.orm.attributes import set_committed_value

from controller.signed_certificate import Signed
from controller.states import Event, State, after, target_of
from controller.store.certificates import keep_signed
from controller.store.claims import supersede_background
from controller.store.events import record_event
from controller.store.node_changes import ProvisionStep
from controller.store.notifying import note_order, note_step
from controller.store.tables import NODE, WORKFLOW, Node, Work
from controller.workflow import children
from controller.workflow.aside import is_beside, lay_aside, take_up
from controller.workflow.graph import STAGES
from controller.workflow.outcome import DONE, ORDERED, Note
from controller.workflow.services import Services
from controller.workflow.unbreakable import can_be_cut_off

log = logging.getLogger(__name__)

_INSPECTION = frozenset({State.INSPECTING, State.INSPECT_WAIT})
_PRIVATE = "_"
"""Keys of a work's data that begin with this belong to one stage and go with it."""


def change_state(session: Session, node: Node, event: Event, now: float) -> None:
    """Move the provision state along the state table and write it into the history.

    Raises:
        InvalidStateRequested: The table has no such step.
    """
    before = State(node.provision_state)
    state = after(before, event)
    seconds = now - (node.provision_updated_at or node.created_at)
    target_before = node.target_provision_state
    node.provision_state = state
    target = target_of(state, target_before)
    node.target_provision_state = target.value if target else None
    step = ProvisionStep(
        event=event,
        before=before,
        target_before=target_before,
        after=state,
        target_after=node.target_provision_state,
    )
    note_step(session, node, step)
    node.provision_updated_at = now
    _note_inspection(node, before, state, now)
    log.info("%s: %s -> %s", node.name or node.uuid, before, state)
    record_event(
        session,
        node,
        "state",
        f"{before} -> {state}",
        data={
            "from": str(before),
            "to": str(state),
            "target": node.target_provision_state,
            "seconds": round(seconds, 3),
        },
        at=now,
    )


def _note_inspection(node: Node, before: State, state: State, now: float) -> None:
    """Keep the times of the last inspection as Ironic does: the start only while it runs."""
    if state == State.INSPECTING and before != State.INSPECT_WAIT:
        node.inspection_started_at, node.inspection_finished_at = now, None
    elif before in _INSPECTION and state not in _INSPECTION:
        node.inspection_started_at = None
        node.inspection_finished_at = now if state == State.MANAGEABLE else None


def first_needed(services: Services, node: Node, stage: str | None) -> str | None:
    """Return the stage, or the first behind it that the node has any need of."""
    while stage is not None and (is_needed := STAGES[stage].is_needed) is not None:
        if is_needed(services, node):
            break
        stage = STAGES[stage].ways[DONE].stage
    return stage


def enter_stage(
    services: Services,
    node: Node,
    stage: str | None,
    *,
    timeout_s: float | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Put the node into a stage, due at once; ``None`` = there is nothing more to do, or what lies aside is taken up again.

    Whoever is at the node loses the claim, and what a background look is about to bring is dropped.

    Args:
        services: The controller's parts.
        node: The locked row, in its session.
        stage: Name of the stage.
        timeout_s: Another time limit than the stage's own.
        data: What the workflow begins with; ``None`` = it goes on with what it has kept, and one that follows another
            begins with nothing.
    """
    session = object_session(node)
    if session is None:
        raise RuntimeError(f"node {node.uuid} is in no session")  # a fault of the caller
    now = services.steady()
    if stage is None and node.work is not None and is_beside(node.work):
        take_up(node.work, now)
        session.flush()
        return
    if stage is None:
        _leave_all(services, session, node)
        return
    if node.work is None:
        supersede_background(session, node, now + (services.settings.power_sync_interval_s or 1.0))
        work = Work(subject_kind=NODE, subject_id=node.id, lane=WORKFLOW, data={}, stage=stage)
        session.add(work)
        set_committed_value(node, "work", work)
    else:
        work = node.work
    before = work.stage
    limit = STAGES[stage].timeout_s
    work.stage, work.conductor = stage, node.conductor
    work.entered_at, work.started_at = now, services.clock()
    work.timeout_s = timeout_s if timeout_s is not None else limit and limit(services.settings)
    work.deadline_at, work.due_at = None, now
    work.claim_id = work.claim_owner = None
    work.tries, work.is_suspect = 0, bool(work.is_suspect)
    kept = _kept(before, work, stage) if data is None else data
    work.data = {key: value for key, value in kept.items() if not key.startswith(_PRIVATE)}
    session.flush()


def enter_beside(
    services: Services, node: Node, stage: str, *, timeout_s: float | None = None
) -> None:
    """Put the node into a stage of a request; a workflow that may lie aside goes on afterwards."""
    work = node.work
    is_resting = node.stage in STAGES and STAGES[str(node.stage)].rests
    may_lie_aside = is_resting or can_be_cut_off(node)
    data = lay_aside(work, services.steady()) if work is not None and may_lie_aside else {}
    enter_stage(services, node, stage, timeout_s=timeout_s, data=data)


def _kept(before: str, work: Work, stage: str) -> Mapping[str, Any]:
    """Return what a stage knows of those before it; steps that were asked for are not those of the workflow that follows."""
    is_same = before.partition(".")[0] == stage.partition(".")[0]
    return work.data if is_same else {}


def _leave_all(services: Services, session: Session, node: Node) -> None:
    if node.work is not None:
        _end_children(services, session, node, node.work)
        session.delete(node.work)
        session.flush()
        set_committed_value(node, "work", None)
    node.progress = None
    node.clean_step, node.deploy_step, node.service_step = {}, {}, {}


def _end_children(services: Services, session: Session, node: Node, work: Work) -> None:
    """End the steps that child nodes have begun for a node whose own workflow ends before them: aborted, failed, deleted."""
    order, left = children.began(work) or ("", ())
    for child in children.children_of(session, node, left, lock=True) if left else ():
        is_ours = child.driver_internal_info.get(children.ASKED) == order
        if not is_ours or not str(child.stage).startswith(children.PREFIX):
            continue
        text = (
            f"the step for the parent node {node.name or node.uuid} was ended before its end, as the parent's own workflow was;"
            " what its BMC was told before may still go on"
        )
        record_event(session, child, "error", text, severity="WARNING", at=services.clock())
        child.last_error, child.target_power_state = text, None
        enter_stage(services, child, None)


def make_due(services: Services, node: Node) -> None:
    """Have a worker look at the locked node now, if there is something to do for it."""
    if node.work is not None:
        node.work.due_at = services.steady()


def merge(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``old`` with the changes; ``None`` removes a key."""
    merged = {**old, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def record_notes(session: Session, node: Node, notes: tuple[Note, ...], now: float) -> None:
    """Write the notes of a stage into the history."""
    for note in notes:
        level = logging.getLevelName(note.severity)
        log.log(level, "%s: %s", node.name or node.uuid, note.message)
        if note.kind == "power" and ORDERED in note.data:
            note_order(session, node, str(note.data[ORDERED]))
        record_event(
            session,
            node,
            note.kind,
            note.message,
            severity=note.severity,
            data=note.data,
            at=now,
        )


def keep_certificates(
    services: Services, session: Session, node: Node, certificates: Sequence[Signed]
) -> None:
    """Keep sanitization certificates of a node."""
    keep, at = services.settings.certificates_per_node, services.clock()
    keep_signed(session, node.id, certificates, at=at, keep=keep)
