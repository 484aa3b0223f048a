"""The power state of idle nodes is read now and then, so that the API does not tell old news.

Every node has one row of background work for that, which makes itself due again: no statement ever goes through all nodes.
"""

import logging
import random
from typing import cast

from sqlalchemy import Table
from sqlalchemy.orm import Session

from agent.protocol.foreign_text import clean_text
from controller.errors import ControllerError
from controller.states import State
from controller.store.events import record_event
from controller.store.notifying import note_look
from controller.store.tables import BACKGROUND, NODE, Node, Work
from controller.workflow.services import Services

log = logging.getLogger(__name__)

MOST_LETTERS = 4000
"""Of an error that is shown with a node."""
STAGE = "sync.power"
POWER_FAILURE = "power failure"
"""The ``fault`` of a node whose BMC does not answer; it is looked at until it does."""
_NOT_YET_KNOWN = frozenset({State.ENROLL})
_JITTER = 0.25
_WATCH = cast("Table", Work.__table__).insert()


def watch_power(services: Services, session: Session, node: Node) -> None:
    """Have a new node's power read from now on; the node has been flushed."""
    now = services.steady()
    interval_s = services.settings.power_sync_interval_s
    session.connection().execute(
        _WATCH,
        {
            "subject_kind": NODE,
            "subject_id": node.id,
            "lane": BACKGROUND,
            "stage": STAGE,
            "data": {},
            "conductor": node.conductor,
            "entered_at": now,
            "started_at": services.clock(),
            "due_at": now + jittered(interval_s),
        },
    )


def may_look(node: Node) -> bool:
    """Say whether a node's power is to be read now: nothing else is at it, and its BMC is known to be right."""
    is_resting = not node.maintenance or node.fault == POWER_FAILURE
    return node.work is None and is_resting and node.provision_state not in _NOT_YET_KNOWN


def note_silence(
    services: Services, session: Session, node: Node, tries: int, error: ControllerError
) -> None:
    """Take a failed look at a node's power for what it is: after some in a row nobody knows the power state.

    As Ironic (``handle_sync_power_state_max_retries_exceeded``): the power state is forgotten and the node goes into
    maintenance with the fault ``power failure``, unless it is in maintenance already. One entry of history for the whole row.

    Args:
        services: The controller's parts.
        session: A session of ``Store.edit``.
        node: The locked row.
        tries: How many looks in a row have failed.
        error: What the last one came to.
    """
    label = node.name or node.uuid
    if tries != services.settings.power_sync_tries:
        log.info("%s: power state check failed (%d in a row): %s", label, tries, error)
        return
    text = clean_text(f"power state check failed: {error} ({tries} looks in a row)", MOST_LETTERS)
    log.error("%s: %s", label, text)
    data = {"stage": STAGE, "from": node.power_state, "to": None}
    record_event(session, node, "error", text, severity="ERROR", data=data, at=services.clock())
    note_look(session, node)
    node.power_state, node.last_error = None, text
    if not node.maintenance:
        node.maintenance, node.maintenance_reason, node.fault = True, text, POWER_FAILURE


def note_answer(services: Services, session: Session, node: Node) -> None:
    """End the fault of a node whose BMC answers again; a maintenance that a person has set stays."""
    if node.fault != POWER_FAILURE:
        return
    text = "the BMC answers again; the maintenance because of its power failure is over"
    log.info("%s: %s", node.name or node.uuid, text)
    record_event(session, node, "power", text, at=services.clock())
    if node.last_error == node.maintenance_reason:
        node.last_error = None
    node.maintenance, node.maintenance_reason, node.fault = False, None, None


def jittered(seconds: float) -> float:
    """Return about so many seconds, so that what began together does not stay together."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  # no secret
