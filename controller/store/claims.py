"""Who does which work: one worker at a time, under a claim with an identity of its own.

A claim is made by the controller that owns the work (``work.conductor``). It has no end: a process keeps its own claims
in memory too and gives them back, others release those of a process whose beat stands still, and a verb may take one
away. Whoever holds a claim that is no longer the row's stores nothing. While work is claimed its ``due_at`` is empty, so
that whoever makes it due in the meantime (a heartbeat, a verb) is noticed when the claim ends.

Both databases run the same statements: PostgreSQL skips rows that another transaction locks, SQLite has one writer
(``Store.edit`` begins with its lock). The order of locks is always the node's row before its work's.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from controller.store.database import Store
from controller.store.tables import BACKGROUND, NODE, WORKFLOW, Node, Port, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Work in the hands of one worker; ``work`` is as it was when it was claimed."""

    id: str
    work: Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A node and its ports, as they were when its worker began."""

    node: Node
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much may be claimed now."""

    any: int
    """Work of any kind, suspect or not."""
    suspects: int
    """Of these, work whose last run was slow or found nobody."""


def claim_due(
    store: Store,
    conductor: str,
    lane: str,
    room: Room,
    *,
    besides: Collection[int] = (),
) -> Sequence[Claim]:
    """Claim what has been due for the longest time, as much as there is room for.

    Args:
        store: The database.
        conductor: Name of this controller.
        lane: ``workflow`` or ``background``.
        room: How much.
        besides: ``work.id`` of what this process is still at, though its claim was taken away.
    """
    if room.any <= 0:
        return ()
    with store.edit() as session:
        now = (
            store.steady()
        )  # not before SQLite's lock is there: what was made due meanwhile counts
        rows = [
            row
            for is_suspect, most in ((False, room.any), (True, min(room.any, room.suspects)))
            for row in _due(session, _waiting(conductor, lane, is_suspect), now, most, besides)
        ]
        rows = sorted(rows, key=lambda row: row.due_at or 0.0)[: room.any]
        claims = [_claim(row, conductor, now) for row in rows]
        session.flush()
        session.expunge_all()
    return tuple(claims)


def next_due_at(store: Store, conductor: str, lane: str, *, with_suspects: bool) -> float | None:
    """Return when the next work of the lane is due, by the steady clock; ``None`` = none is."""
    with store.read() as session:
        times = [
            session.scalar(select(func.min(Work.due_at)).where(*_waiting(conductor, lane, kind)))
            for kind in ((False, True) if with_suspects else (False,))
        ]
    return min((time for time in times if time is not None), default=None)


def read_subject(store: Store, claim: Claim) -> Subject | None:
    """Read the claimed work's node with its ports; ``None`` = it has gone."""
    with store.read() as session:
        node = session.get(Node, claim.work.subject_id)
        if node is None:
            return None
        ports = select(Port).where(Port.node_id == node.id).order_by(Port.id)
        return Subject(node=node, ports=tuple(session.scalars(ports)))


def held(session: Session, claim: Claim) -> tuple[Node, Work] | None:
    """Return the claimed work and its node, both locked, or ``None`` if the claim has been lost."""
    mine = Node.id == claim.work.subject_id
    node = session.scalars(select(Node).where(mine).with_for_update()).one_or_none()
    query = select(Work).where(Work.id == claim.work.id, Work.claim_id == claim.id)
    work = session.scalars(
        query.with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    return (node, work) if node is not None and work is not None else None


def let_go(work: Work, *, due_at: float | None) -> None:
    """End the claim; the work is due at the earlier of ``due_at`` and what others have asked for."""
    work.claim_id = work.claim_owner = None
    times = [time for time in (due_at, work.due_at) if time is not None]
    work.due_at = min(times, default=None)


def is_claimed(node: Node) -> bool:
    """Say whether a worker is at the node's workflow."""
    return node.work is not None and node.work.claim_id is not None


def supersede_background(session: Session, node: Node, due_at: float) -> None:
    """Have what a background look at the node brings dropped, and the next one not before ``due_at``."""
    session.execute(
        update(Work)
        .where(Work.subject_kind == NODE, Work.subject_id == node.id, Work.lane == BACKGROUND)
        .values(claim_id=None, claim_owner=None, due_at=due_at)
        .execution_options(synchronize_session=False)
    )


def release(
    store: Store, owner: str, *, besides: Collection[str] = (), due_in_s: float = 0.0
) -> int:
    """Make everything that ``owner`` has claimed due again, and return how much that was.

    Args:
        store: The database.
        owner: A controller that has ended, or this one.
        besides: Claims that stay.
        due_in_s: When it is due.
    """
    mine = (Work.claim_owner == owner, Work.claim_id.not_in(besides))
    with store.edit() as session:
        ids = session.scalars(select(Work.id).where(*mine).with_for_update()).all()
        if ids:
            session.execute(
                update(Work)
                .where(Work.id.in_(ids))
                .values(claim_id=None, claim_owner=None, due_at=store.steady() + due_in_s)
                .execution_options(synchronize_session=False)
            )
    return len(ids)


def remove_work(session: Session, node_id: int) -> None:
    """Remove everything that is to be done for a node that goes."""
    for work in session.scalars(
        select(Work).where(Work.subject_kind == NODE, Work.subject_id == node_id)
    ):
        session.delete(work)


def _waiting(conductor: str, lane: str, is_suspect: bool) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that one index answers."""
    return (
        Work.conductor == conductor,
        Work.lane == lane,
        Work.is_suspect.is_(is_suspect),
        Work.due_at.is_not(None),
        Work.claim_id.is_(None),
    )


def _due(
    session: Session,
    waiting: tuple[ColumnElement[bool], ...],
    now: float,
    most: int,
    besides: Collection[int],
) -> Sequence[Work]:
    if most <= 0:
        return ()
    query = select(Work).where(*waiting, Work.due_at <= now, Work.id.not_in(besides))
    query = query.order_by(Work.due_at).limit(most)
    return session.scalars(query.with_for_update(skip_locked=True)).all()


def _claim(row: Work, conductor: str, now: float) -> Claim:
    row.claim_id, row.claim_owner, row.due_at = str(uuid.uuid4()), conductor, None
    if row.lane == WORKFLOW and row.deadline_at is None and row.timeout_s is not None:
        row.deadline_at = now + row.timeout_s
    return Claim(id=row.claim_id, work=row)
