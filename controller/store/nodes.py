"""Queries for nodes."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select
from sqlalchemy.orm import Session, lazyload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from controller.errors import Invalid, NotFound
from controller.store.confirming import confirm
from controller.store.identity import is_legal_name, is_uuid
from controller.store.tables import NODE, NODE_TABLE, WORKFLOW, Node, Work

_CHOSEN = "chosen"
ALONE = (lazyload(Node.work), lazyload(Node.kept_inventory), lazyload(Node.kept_drive))
"""Reads a node's row and nothing that belongs to it; what is needed of that, a locked row's too, is read when it is asked for."""
_LOCKED_WORK = (
    select(Work)
    .where(
        Work.subject_kind == NODE,
        Work.subject_id == bindparam("node_id"),
        Work.lane == WORKFLOW,
    )
    .with_for_update()
    .execution_options(populate_existing=True)
)


def no_node(ident: str) -> NotFound:
    """Return the error for one that is not there, or that is hidden from who asks."""
    return NotFound(f"Node {ident} could not be found")


def get_node(session: Session, ident: str, *, for_update: bool = False) -> Node:
    """Return the node with this UUID or name.

    Args:
        session: An open session; a writing one when ``for_update``.
        ident: UUID in any case, or name.
        for_update: Lock the row, and that of the workflow at it, until the transaction ends (PostgreSQL; SQLite has one
            writer).

    Raises:
        Invalid: That is neither a UUID nor a name.
        NotFound: There is no such node.
        ControllerError: It is locked for a request that may not change it (``confirming.py``).
    """
    by, chosen = _place_of(ident)
    query = _whole(by, for_update=for_update)
    node: Node | None = session.scalars(query, {_CHOSEN: chosen}).one_or_none()
    if node is None:
        raise no_node(ident)
    if for_update:
        confirm(node)
        _lock_work(session, node)
    return node


def locking(query: Select[Node], *, skip_locked: bool = False) -> Select[Node]:
    """Return a query of nodes that locks them.

    A node's work is read by a statement of its own, when the lock is there: PostgreSQL gives what is joined as it was before
    the wait for the lock.
    """
    query = query.options(*ALONE[1:], selectinload(Node.work))
    return query.with_for_update(of=Node, skip_locked=skip_locked)


def read_node(session: Session | Connection, ident: str, columns: Sequence[str]) -> Row[Any]:
    """Return ``columns`` of the node with this UUID or name.

    Raises:
        Invalid: That is neither a UUID nor a name.
        NotFound: There is no such node.
    """
    by, chosen = _place_of(ident)
    row = session.execute(_columns(by, tuple(columns)), {_CHOSEN: chosen}).one_or_none()
    if row is None:
        raise no_node(ident)
    return row


def _place_of(ident: str) -> tuple[str, str]:
    """Return the column by which the node is found, and its value there."""
    if is_uuid(ident):
        return "uuid", ident.lower()
    if not is_legal_name(ident):
        raise Invalid(f"Expected UUID or name for node: {ident}")
    return "name", ident


@cache
def _whole(by: str, *, for_update: bool) -> Select[Any]:
    """Return the query of a node; put together once, which costs more than running it."""
    query = select(Node).where(getattr(Node, by) == bindparam(_CHOSEN))
    return query.options(*ALONE).with_for_update(of=Node) if for_update else query


@cache
def _columns(by: str, names: tuple[str, ...]) -> Select[Any]:
    """Return the query of some columns of a node; callers have few choices of them."""
    own = NODE_TABLE.c
    columns = (own[name] if name in own else getattr(Node, name) for name in names)
    return select(*columns).where(own[by] == bindparam(_CHOSEN))


def _lock_work(session: Session, node: Node) -> None:
    """Lock the node's workflow too, and read it as it is under the lock: a worker may be about to claim it."""
    work = session.scalars(_LOCKED_WORK, {"node_id": node.id}).one_or_none()
    set_committed_value(node, "work", work)
