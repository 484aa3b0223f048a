"""The history of nodes: what happened, when, and how long it took."""

import time
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.store.tables import Node, NodeEvent

QUIET_S = 300.0
"""What strangers can cause is written into a node's history at most this often, or it would push out the rest."""


def record_event(
    session: Session,
    node: Node,
    kind: str,
    message: str,
    *,
    severity: str = "INFO",
    data: Mapping[str, Any] | None = None,
    at: float | None = None,
) -> None:
    """Add an event to the node's history.

    Args:
        session: A session of ``Store.edit``.
        node: The node.
        kind: ``state``, ``power``, ``boot``, ``agent``, ``step``, ``error`` or ``request``.
        message: A sentence for people; never a password or a token.
        severity: ``INFO``, ``WARNING`` or ``ERROR``.
        data: The same for programs (``seconds``, ``from``, ``to``, ``step`` ...).
        at: Seconds since the epoch; ``None`` = now.
    """
    session.add(
        NodeEvent(
            uuid=str(uuid.uuid4()),
            node_id=node.id,
            at=time.time() if at is None else at,
            kind=kind,
            severity=severity,
            message=message,
            data=dict(data or {}),
        )
    )


def has_event_since(session: Session, node: Node, beginning: str, since: float) -> bool:
    """Say whether the node's history has a message that begins so; keeps what strangers can cause short."""
    query = select(NodeEvent.id).where(
        NodeEvent.node_id == node.id,
        NodeEvent.at >= since,
        NodeEvent.message.startswith(beginning, autoescape=True),
    )
    return session.scalar(query.limit(1)) is not None


def last_event(
    session: Session, node: Node, kinds: Collection[str], since: float
) -> NodeEvent | None:
    """Return the newest event of these kinds that is not older than ``since``."""
    query = select(NodeEvent).where(
        NodeEvent.node_id == node.id, NodeEvent.kind.in_(kinds), NodeEvent.at >= since
    )
    return session.scalars(query.order_by(NodeEvent.id.desc()).limit(1)).first()
