"""Changes to a node's row that the engine and the verbs share: states, stages, merges.

All of it happens inside one transaction of the caller, on a locked row.
"""

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from controller.settings import Settings
from controller.states import Event, State, after, target_of
from controller.store.events import record_event
from controller.store.tables import Node
from controller.workflow.graph import STAGES
from controller.workflow.outcome import Note

log = logging.getLogger(__name__)

_INSPECTION = frozenset({State.INSPECTING, State.INSPECT_WAIT})
_PRIVATE = "_"
"""Keys of ``stage_data`` that begin with this belong to one stage and go with it."""


def change_state(session: Session, node: Node, event: Event, now: float) -> None:
    """Move the provision state along the state table and write it into the history.

    Raises:
        InvalidStateRequested: The table has no such step.
    """
    before = State(node.provision_state)
    state = after(before, event)
    seconds = now - (node.provision_updated_at or node.created_at)
    node.provision_state = state
    target = target_of(state)
    node.target_provision_state = target.value if target else None
    node.provision_updated_at = now
    _note_inspection(node, before, state, now)
    log.info("%s: %s -> %s", node.name or node.uuid, before, state)
    record_event(
        session,
        node,
        "state",
        f"{before} -> {state}",
        data={"from": str(before), "to": str(state), "seconds": round(seconds, 3)},
        at=now,
    )


def _note_inspection(node: Node, before: State, state: State, now: float) -> None:
    """Keep the times of the last inspection as Ironic does: the start only while it runs."""
    if state == State.INSPECTING and before != State.INSPECT_WAIT:
        node.inspection_started_at, node.inspection_finished_at = now, None
    elif before in _INSPECTION and state not in _INSPECTION:
        node.inspection_started_at = None
        node.inspection_finished_at = now if state == State.MANAGEABLE else None


def enter_stage(
    node: Node,
    stage: str | None,
    settings: Settings,
    now: float,
    *,
    timeout_s: float | None = None,
) -> None:
    """Put the node into a stage, due at once; ``None`` = there is nothing more to do.

    Args:
        node: The locked row.
        stage: Name of the stage.
        settings: For the stage's time limit.
        now: Seconds since the epoch.
        timeout_s: Another time limit than the stage's own.
    """
    node.stage = stage
    node.stage_started_at = now
    if stage is None:
        node.stage_data = {}
        node.stage_started_at = node.stage_deadline_at = node.due_at = None
        node.progress = None
        node.clean_step, node.deploy_step = {}, {}
        return
    limit = STAGES[stage].timeout_s
    seconds = timeout_s if timeout_s is not None else limit and limit(settings)
    node.stage_deadline_at = now + seconds if seconds is not None else None
    node.stage_data = {k: v for k, v in node.stage_data.items() if not k.startswith(_PRIVATE)}
    node.due_at = now


def make_due(node: Node, now: float) -> None:
    """Have a worker look at the locked node now, if there is something to do for it."""
    if node.stage is not None:
        node.due_at = now


def merge(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``old`` with the changes; ``None`` removes a key."""
    merged = {**old, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def record_notes(session: Session, node: Node, notes: tuple[Note, ...], now: float) -> None:
    """Write the notes of a stage into the history."""
    for note in notes:
        level = logging.getLevelName(note.severity)
        log.log(level, "%s: %s", node.name or node.uuid, note.message)
        record_event(
            session,
            node,
            note.kind,
            note.message,
            severity=note.severity,
            data=note.data,
            at=now,
        )
