"""Who does which work: one worker at a time, under a claim with an identity of its own.

A claim is made by the controller that owns the work (``work.conductor``). It has no end: a process keeps its own claims
in memory too and gives them back, others release those of a process whose beat stands still, and a verb may take one
away. Whoever holds a claim that is no longer the row's stores nothing. While work is claimed its ``due_at`` is empty, so
that whoever makes it due in the meantime (a heartbeat, a verb) is noticed when the claim ends.

Both databases run the same statements: PostgreSQL skips rows that another transaction locks, SQLite has one writer
(``Store.edit`` begins with its lock). The order of locks is always the node's row before its work's.
"""

import secrets
import typing
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Float,
    String,
    Table,
    Update,
    and_,
    bindparam,
    case,
    cast,
    func,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from controller.store.database import Store
from controller.store.nodes import ALONE
from controller.store.tables import BACKGROUND, NODE, WORKFLOW, Node, Port, Work

_WORK = typing.cast("Table", Work.__table__)
_NODE = select(Node).where(Node.id == bindparam("node_id"))
_NODE_TO_LOOK_AT = _NODE.options(*ALONE[1:])
"""For the background, where nobody needs what may be large."""
_HELD_NODE = _NODE.options(*ALONE).with_for_update(of=Node)
_HELD_WORK = (
    select(Work)
    .where(Work.id == bindparam("work_id"), Work.claim_id == bindparam("claim_id"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_IS_OURS = select(_WORK.c.id).where(
    _WORK.c.id == bindparam("work_id"), _WORK.c.claim_id == bindparam("claim_id")
)
_OWNERS = select(_WORK.c.claim_owner).where(_WORK.c.claim_owner.is_not(None)).distinct()
_PORTS = select(Port).where(Port.node_id == bindparam("node_id")).order_by(Port.id)
_MAKE_DUE = (
    update(_WORK)
    .where(
        _WORK.c.subject_kind == NODE,
        _WORK.c.subject_id == bindparam("node_id"),
        _WORK.c.lane == WORKFLOW,
    )
    .values(due_at=bindparam("now"))
)
_BATCH_BYTES = 12
"""Of randomness in a claim id, which is this in hex, a dash and ``work.id``: 36 characters at most."""


def _waiting(is_suspect: bool) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that one index answers."""
    return (
        _WORK.c.conductor == bindparam("mine"),
        _WORK.c.lane == bindparam("in_lane"),
        _WORK.c.is_suspect.is_(is_suspect),
        _WORK.c.due_at.is_not(None),
        _WORK.c.claim_id.is_(None),
    )


def _due(*, is_suspect: bool) -> CTE:
    """Return the rows of one kind that have been due for the longest time, those locked by others left out.

    A common table expression, because PostgreSQL runs it once; as a part of the condition it could lock more rows than
    the limit says.
    """
    kind = "suspect" if is_suspect else "other"
    query = select(_WORK.c.id, _WORK.c.due_at)
    query = query.where(*_waiting(is_suspect), _WORK.c.due_at <= bindparam("now"))
    query = query.where(_WORK.c.id.not_in(bindparam("besides", expanding=True)))
    query = query.order_by(_WORK.c.due_at).limit(bindparam(f"most_{kind}"))
    return query.with_for_update(skip_locked=True).cte(f"due_{kind}")


def _claim() -> Update:
    """Return the one statement that claims; it brings no rows back.

    So SQLite's lock is held for one step of the driver, however much there is to claim. Each further step, also each
    row that is fetched, would give up the interpreter's lock and wait for it again, behind every busy thread.
    """
    kinds = (_due(is_suspect=False), _due(is_suspect=True))
    every = union_all(*(select(kind.c.id, kind.c.due_at) for kind in kinds)).subquery()
    due = select(every.c.id).order_by(every.c.due_at).limit(bindparam("most")).cte("due")
    begins = and_(
        _WORK.c.lane == WORKFLOW, _WORK.c.deadline_at.is_(None), _WORK.c.timeout_s.is_not(None)
    )
    deadline_at = bindparam("now", type_=Float) + _WORK.c.timeout_s
    return (
        update(_WORK)
        .where(_WORK.c.id.in_(select(due.c.id)))
        .values(
            claim_id=bindparam("batch", type_=String) + cast(_WORK.c.id, String),
            claim_owner=bindparam("mine", type_=String),
            due_at=None,
            deadline_at=case((begins, deadline_at), else_=_WORK.c.deadline_at),
        )
    )


# Put together once: dispatchers ask for something due many times a second.
_CLAIM = _claim()
_CLAIMED = (
    select(Work)
    .where(
        Work.claim_owner == bindparam("mine"),
        func.substr(Work.claim_id, 1, 2 * _BATCH_BYTES + 1) == bindparam("batch"),
    )
    .order_by(Work.id)
)
_NEXT_DUE = {
    kind: select(func.min(_WORK.c.due_at)).where(*_waiting(kind)) for kind in (False, True)
}


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
    about = {
        "batch": f"{batch}-",
        "mine": conductor,
        "in_lane": lane,
        "besides": list(besides),
        "most": room.any,
        "most_other": room.any,
        "most_suspect": max(0, min(room.any, room.suspects)),
    }
    with store.edit() as session:
        # The time is read when SQLite's lock is there, not before: what was made due meanwhile counts.
        found = session.connection().execute(_CLAIM, {**about, "now": store.steady()})
    return _claimed(store, conductor, batch) if found.rowcount else ()


def next_due_at(store: Store, conductor: str, lane: str, *, with_suspects: bool) -> float | None:
    """Return when the next work of the lane is due, by the steady clock; ``None`` = none is."""
    kinds = (False, True) if with_suspects else (False,)
    with store.look() as connection:
        about = {"mine": conductor, "in_lane": lane}
        times = [connection.scalar(_NEXT_DUE[kind], about) for kind in kinds]
    return min((time for time in times if time is not None), default=None)


def read_subject(store: Store, claim: Claim) -> Subject | None:
    """Read the claimed work's node with its ports; ``None`` = it has gone."""
    with store.read() as session:
        query = _NODE_TO_LOOK_AT if claim.work.lane == BACKGROUND else _NODE
        node = session.scalars(query, {"node_id": claim.work.subject_id}).one_or_none()
        if node is None:
            return None
        ports = session.scalars(_PORTS, {"node_id": node.id})
        return Subject(node=node, ports=tuple(ports))


def held(session: Session, claim: Claim) -> tuple[Node, Work] | None:
    """Return the claimed work and its node, both locked, or ``None`` if the claim has been lost."""
    node = session.scalars(_HELD_NODE, {"node_id": claim.work.subject_id}).one_or_none()
    mine = {"work_id": claim.work.id, "claim_id": claim.id}
    work = session.scalars(_HELD_WORK, mine).one_or_none()
    if node is None or work is None:
        return None
    if work.lane == WORKFLOW:
        set_committed_value(node, "work", work)
    return node, work


def still_holds(store: Store, claim: Claim) -> bool:
    """Say whether the claim is still the row's."""
    with store.look() as connection:
        mine = {"work_id": claim.work.id, "claim_id": claim.id}
        return connection.scalar(_IS_OURS, mine) is not None


def let_go(work: Work, *, due_at: float | None) -> None:
    """End the claim; the work is due at the earlier of ``due_at`` and what others have asked for."""
    work.claim_id = work.claim_owner = None
    times = [time for time in (due_at, work.due_at) if time is not None]
    work.due_at = min(times, default=None)


def make_workflow_due(connection: Connection, node_id: int, now: float) -> bool:
    """Have a worker look at the workflow of the locked node; false = nothing is to be done for it."""
    return connection.execute(_MAKE_DUE, {"node_id": node_id, "now": now}).rowcount > 0


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


def claim_owners(store: Store) -> set[str]:
    """Return the controllers that have claimed anything."""
    with store.look() as connection:
        return set(connection.scalars(_OWNERS))


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


def _claimed(store: Store, conductor: str, batch: str) -> Sequence[Claim]:
    """Read what a batch has claimed, without what a verb has taken away since."""
    about = {"mine": conductor, "batch": f"{batch}-"}
    with store.read() as session:
        rows = session.scalars(_CLAIMED, about).all()
    return tuple(Claim(id=row.claim_id, work=row) for row in rows if row.claim_id is not None)
