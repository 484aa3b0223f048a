"""Queries for nodes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import Session

from controller.errors import Invalid, NotFound
from controller.store.identity import is_legal_name, is_uuid
from controller.store.tables import Node, Work


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
    """
    query = select(Node).where(_is_node(ident))
    if for_update:
        query = query.with_for_update()
    node = session.scalars(query).one_or_none()
    if node is None:
        raise NotFound(f"Node {ident} could not be found")
    if for_update and node.work is not None:
        _lock_work(session, node.work)
    return node


def read_node(session: Session, ident: str, columns: Sequence[str]) -> Row[Any]:
    """Return ``columns`` of the node with this UUID or name.

    Raises:
        Invalid: That is neither a UUID nor a name.
        NotFound: There is no such node.
    """
    query = select(*(getattr(Node, name) for name in columns)).where(_is_node(ident))
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"Node {ident} could not be found")
    return row


def _is_node(ident: str) -> ColumnElement[bool]:
    if is_uuid(ident):
        return Node.uuid == ident.lower()
    if not is_legal_name(ident):
        raise Invalid(f"Expected UUID or name for node: {ident}")
    return Node.name == ident


def _lock_work(session: Session, work: Work) -> None:
    """Lock the node's workflow too, and read it as it is under the lock: a worker may be about to claim it."""
    query = select(Work).where(Work.id == work.id).with_for_update()
    session.scalars(query.execution_options(populate_existing=True)).one_or_none()
