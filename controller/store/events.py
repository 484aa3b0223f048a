"""The history of nodes: what happened, when, and how long it took."""

import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from sqlalchemy import Table, bindparam, func, select
from sqlalchemy.orm import Session

from agent.protocol.foreign_text import clean_document, clean_text
from agent.protocol.masking import masked
from controller.store.actor import actor
from controller.store.tables import Node, NodeEvent

MOST_CHARS = 4000
"""Of a message."""
QUIET_S = 300.0
"""What strangers can cause is counted together for so long, and written anew after it."""
FOREIGN_KEPT = 100
"""So many entries of a node's history may come from strangers; beside its own, which they never push out."""
_FOREIGN_AT_ONCE = 20
"""So many different ones within ``QUIET_S``; further ones are only counted."""
_INSERT = cast("Table", NodeEvent.__table__).insert()
_SAME = (
    select(NodeEvent)
    .where(
        NodeEvent.node_id == bindparam("node_id"),
        NodeEvent.at >= bindparam("since"),
        NodeEvent.is_foreign == bindparam("is_foreign"),
        func.substr(NodeEvent.message, 1, bindparam("letters")) == bindparam("beginning"),
    )
    .order_by(NodeEvent.id.desc())
    .limit(1)
)
_MORE = "more requests of strangers came than are written down one by one"


class HasHistory(Protocol):
    """A node, or as much of its row as a history needs."""

    @property
    def id(self) -> int:
        """Key of its row."""

    @property
    def uuid(self) -> str:
        """Its name for everybody."""


def record_event(
    session: Session,
    node: HasHistory,
    kind: str,
    message: str,
    *,
    severity: str = "INFO",
    data: Mapping[str, Any] | None = None,
    at: float | None = None,
    is_foreign: bool = False,
) -> None:
    """Add an event to the node's history, with whom it is done for; the words of others in it are cleaned and masked here.

    Args:
        session: A session of ``Store.edit``.
        node: The node, which is in the database.
        kind: ``state``, ``power``, ``boot``, ``agent``, ``step``, ``error`` or ``request``.
        message: A sentence for people; never a password or a token.
        severity: ``INFO``, ``WARNING`` or ``ERROR``.
        data: The same for programs (``seconds``, ``from``, ``to``, ``step`` ...); an ``error`` also gets where the node stands.
        at: Seconds since the epoch; ``None`` = now.
        is_foreign: Not known to come from the node's own machine.
    """
    who = actor()
    if who is not None:
        who.has(node.uuid, is_told=True)
    now = time.time() if at is None else at
    if kind == "error" and isinstance(node, Node):
        data = _standing(node, now) | dict(data or {})
    session.connection().execute(
        _INSERT,
        {
            "uuid": str(uuid.uuid4()),
            "node_id": node.id,
            "at": now,
            "kind": kind,
            "severity": severity,
            "message": clean_text(message, MOST_CHARS),
            "data": masked(clean_document(dict(data or {}))),
            "is_foreign": is_foreign,
            "user": who.user if who else None,
            "project": who.project if who else None,
        },
    )


def _standing(node: Node, now: float) -> dict[str, Any]:
    """Return in which state a failure has met a node, where it was heading, and for how long it had been there."""
    return {
        "state": node.provision_state,
        "target": node.target_provision_state,
        "seconds": round(now - (node.provision_updated_at or node.created_at), 3),
    }


def tell_request(session: Session, node: Node, now: float, *, fields: Collection[str] = ()) -> None:
    """Write down who changes a node now, if that has not been told in other words; the same again is counted.

    Args:
        session: A session of ``Store.edit``.
        node: What is changed; one that is deleted takes its history with it.
        now: Seconds since the epoch.
        fields: Names of what changes, where that is known.
    """
    who = actor()
    if who is None:
        return
    who.has(node.uuid, is_told=False)
    if who.nodes.get(node.uuid) is False and node not in session.deleted:
        which = f": {', '.join(sorted(fields))}" if fields else ""
        text = f'{who.words} asked for "{who.request}"{which}'
        data = {"address": who.address, "request": who.request}
        event = ForeignEvent(kind="request", message=text, same=text, severity="INFO", data=data)
        count_event(session, node, event, now=now, is_foreign=False)
        who.has(node.uuid, is_told=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignEvent:
    """Something in a node's history that a stranger may have caused, once or often."""

    kind: str
    message: str
    """A sentence for people; what the stranger chose stands in it bounded, if at all."""
    same: str
    """How messages begin that count as the same."""
    severity: str = "WARNING"
    data: Mapping[str, Any] = field(default_factory=dict)
    since: float | None = None
    """The same counts together from then on; ``None`` = for ``QUIET_S``."""


def count_event(
    session: Session,
    node: HasHistory,
    event: ForeignEvent,
    *,
    now: float,
    times: int = 1,
    is_foreign: bool = True,
) -> None:
    """Add an event, or count it with the one that says the same already: ``data`` then has ``times`` and ``last_at``.

    Args:
        session: A session of ``Store.edit``.
        node: The node.
        event: What happened.
        now: Seconds since the epoch.
        times: How often it happened since it was last told here.
        is_foreign: It is not known to come from the node's own machine, and counts against the quota.
    """
    since = max(event.since or 0.0, now - QUIET_S)
    row = _begins(session, node, event.same, since, is_foreign=is_foreign)
    if row is None and is_foreign and _is_over_quota(session, node, now - QUIET_S):
        event = replace(event, kind="agent", message=_MORE, same=_MORE, severity="WARNING", data={})
        row = _begins(session, node, _MORE, now - QUIET_S, is_foreign=True)
    if row is not None:
        counted = int(row.data.get("times", 1)) + times
        row.data = {**row.data, "times": counted, "last_at": now}
        return
    record_event(
        session,
        node,
        event.kind,
        event.message,
        severity=event.severity,
        data={**event.data, "times": times} if times > 1 else event.data,
        at=now,
        is_foreign=is_foreign,
    )


def _begins(
    session: Session, node: HasHistory, beginning: str, since: float, *, is_foreign: bool
) -> NodeEvent | None:
    about = {
        "node_id": node.id,
        "since": since,
        "is_foreign": is_foreign,
        "beginning": beginning,
        "letters": len(beginning),
    }
    return session.scalars(_SAME, about).first()


def _is_over_quota(session: Session, node: HasHistory, since: float) -> bool:
    query = select(NodeEvent.id).where(
        NodeEvent.node_id == node.id, NodeEvent.at >= since, NodeEvent.is_foreign
    )
    return len(session.scalars(query.limit(_FOREIGN_AT_ONCE)).all()) == _FOREIGN_AT_ONCE


def last_event(
    session: Session, node: Node, kinds: Collection[str], since: float
) -> NodeEvent | None:
    """Return the newest event of these kinds that is not older than ``since``."""
    query = select(NodeEvent).where(
        NodeEvent.node_id == node.id, NodeEvent.kind.in_(kinds), NodeEvent.at >= since
    )
    return session.scalars(query.order_by(NodeEvent.id.desc()).limit(1)).first()
