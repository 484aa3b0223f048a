"""Who does which work: one worker at a time, under a claim with an identity of its own.

A claim is made by the controller that owns the work (``work.conductor``). It has no end: a process keeps its own claims
in memory too and gives them back, others release those of a process whose beat stands still, and a verb may take one
away. Whoever holds a claim that is no longer the row's stores nothing. While work is claimed its ``due_at`` is empty, so
that whoever makes it due in the meantime (a heartbeat, a verb) is noticed when the claim ends.

Both databases run the same statements: PostgreSQL skips rows that another transaction locks, SQLite has one writer
(``Store.edit`` begins with its lock). The order of locks is always the node's row before its work's.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    CTE,
    ColumnElement,
    String,
    Update,
    and_,
    case,
    cast,
    func,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from controller.store.database import Store
from controller.store.tables import BACKGROUND, NODE, WORKFLOW, Node, Port, Work

_BATCH_BYTES = 12
"""Of randomness in a claim id, which is this in hex, a dash and ``work.id``: 36 characters at most."""


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
    batch = secrets.token_hex(_BATCH_BYTES)
    with store.edit() as session:
        # The time is read when SQLite's lock is there, not before: what was made due meanwhile counts.
        session.execute(_claim(batch, conductor, lane, room, store.steady(), besides))
    return _claimed(store, conductor, batch)


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


def _claim(
    batch: str, conductor: str, lane: str, room: Room, now: float, besides: Collection[int]
) -> Update:
    """Return the one statement that claims; it brings no rows back.

    So SQLite's lock is held for one step of the driver, however much there is to claim. Each further step, also each
    row that is fetched, would give up the interpreter's lock and wait for it again, behind every busy thread.
    """
    kinds = [
        _due(conductor, lane, is_suspect, now, most, besides)
        for is_suspect, most in ((False, room.any), (True, min(room.any, room.suspects)))
        if most > 0
    ]
    every = union_all(*(select(kind.c.id, kind.c.due_at) for kind in kinds)).subquery()
    due = select(every.c.id).order_by(every.c.due_at).limit(room.any).cte("due")
    begins = and_(Work.lane == WORKFLOW, Work.deadline_at.is_(None), Work.timeout_s.is_not(None))
    return (
        update(Work)
        .where(Work.id.in_(select(due.c.id)))
        .values(
            claim_id=literal(f"{batch}-") + cast(Work.id, String),
            claim_owner=conductor,
            due_at=None,
            deadline_at=case((begins, now + Work.timeout_s), else_=Work.deadline_at),
        )
        .execution_options(synchronize_session=False)
    )


def _due(
    conductor: str,
    lane: str,
    is_suspect: bool,
    now: float,
    most: int,
    besides: Collection[int],
) -> CTE:
    """Return the rows of one kind that have been due for the longest time, those locked by others left out.

    A common table expression, because PostgreSQL runs it once; as a part of the condition it could lock more rows than
    the limit says.
    """
    waiting = _waiting(conductor, lane, is_suspect)
    query = select(Work.id, Work.due_at).where(*waiting, Work.due_at <= now)
    query = query.where(Work.id.not_in(besides)).order_by(Work.due_at).limit(most)
    name = "due_suspect" if is_suspect else "due_other"
    return query.with_for_update(skip_locked=True).cte(name)


def _claimed(store: Store, conductor: str, batch: str) -> Sequence[Claim]:
    """Read what a batch has claimed, without what a verb has taken away since."""
    mine = (Work.claim_owner == conductor, Work.claim_id.startswith(f"{batch}-"))
    with store.read() as session:
        rows = session.scalars(select(Work).where(*mine).order_by(Work.id)).all()
    return tuple(Claim(id=row.claim_id, work=row) for row in rows if row.claim_id is not None)
