"""Who works on which node: one worker at a time, for the length of a lease.

A claim is the pair (owner, end of lease) in the node's row; the end of the lease also tells one claim of
an owner from the next. While a node is claimed its ``due_at`` is empty, so that whoever makes the node
due in the meantime (a heartbeat, a verb) is noticed when the claim ends. A claim whose lease is over
counts as due: its worker has died.

Both databases run the same statements: PostgreSQL skips rows that another worker locks, SQLite has one
writer (``Store.edit`` begins with its lock).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from controller.store.database import Store
from controller.store.tables import Node, Port


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A node in the hands of one worker; ``node`` and ``ports`` are as they were when it was claimed."""

    owner: str
    expires_at: float
    node: Node
    ports: tuple[Port, ...]


def claim_due(store: Store, owner: str, *, lease_s: float) -> Claim | None:
    """Claim the node that has been due for the longest time; ``None`` = nothing is due.

    Args:
        store: The database.
        owner: Name of this controller.
        lease_s: How long the claim lasts; longer than any stage may take.
    """
    with store.edit() as session:
        now = store.clock()  # not before SQLite's lock is there: what was made due meanwhile counts
        is_due = and_(Node.claim_owner.is_(None), Node.due_at <= now)
        is_abandoned = Node.claim_expires_at <= now
        node = _first(session, is_due, Node.due_at)
        node = node or _first(session, is_abandoned, Node.claim_expires_at)
        if node is None:
            return None
        node.claim_owner = owner
        node.claim_expires_at = now + lease_s
        node.due_at = None
        session.flush()
        ports = _ports(session, node)
        session.expunge_all()
    return Claim(owner=owner, expires_at=now + lease_s, node=node, ports=ports)


def held(session: Session, claim: Claim) -> Node | None:
    """Return the claimed node's row, locked, or ``None`` if the claim has been lost."""
    query = select(Node).where(
        Node.id == claim.node.id,
        Node.claim_owner == claim.owner,
        Node.claim_expires_at == claim.expires_at,
    )
    return session.scalars(query.with_for_update()).one_or_none()


def let_go(node: Node, *, due_at: float | None) -> None:
    """End the claim; the node is due at the earlier of ``due_at`` and what others have asked for."""
    node.claim_owner = None
    node.claim_expires_at = None
    times = [time for time in (due_at, node.due_at) if time is not None]
    node.due_at = min(times, default=None)


def next_due_at(store: Store) -> float | None:
    """Return when the next node is due or the next lease ends; ``None`` = neither."""
    with store.read() as session:
        due = session.scalar(select(func.min(Node.due_at)).where(Node.claim_owner.is_(None)))
        lease_end = session.scalar(select(func.min(Node.claim_expires_at)))
    return min((time for time in (due, lease_end) if time is not None), default=None)


def release_all(store: Store, owner: str) -> Sequence[str]:
    """Make everything that ``owner`` had claimed due at once, and return the UUIDs; for its next start."""
    with store.edit() as session:
        mine = Node.claim_owner == owner
        uuids = session.scalars(select(Node.uuid).where(mine)).all()
        session.execute(
            update(Node)
            .where(mine)
            .values(claim_owner=None, claim_expires_at=None, due_at=store.clock())
            .execution_options(synchronize_session=False)
        )
    return uuids


def is_claimed(node: Node, now: float) -> bool:
    """Say whether a worker is at the node."""
    return node.claim_expires_at is not None and node.claim_expires_at > now


def _first(
    session: Session, condition: ColumnElement[bool], order: InstrumentedAttribute[float | None]
) -> Node | None:
    """Lock and return the first such node that nobody else locks; one index answers it."""
    query = select(Node).where(condition).order_by(order).limit(1)
    return session.scalars(query.with_for_update(skip_locked=True)).first()


def _ports(session: Session, node: Node) -> tuple[Port, ...]:
    return tuple(session.scalars(select(Port).where(Port.node_id == node.id).order_by(Port.id)))
