"""Queries for nodes."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.errors import NotFound
from controller.store.identity import is_uuid
from controller.store.tables import Node


def get_node(session: Session, ident: str, *, for_update: bool = False) -> Node:
    """Return the node with this UUID or name.

    Args:
        session: An open session; a writing one when ``for_update``.
        ident: UUID in any case, or name.
        for_update: Lock the row until the transaction ends (PostgreSQL; SQLite has one writer).

    Raises:
        NotFound: There is no such node.
    """
    wanted = Node.uuid == ident.lower() if is_uuid(ident) else Node.name == ident
    query = select(Node).where(wanted)
    if for_update:
        query = query.with_for_update()
    node = session.scalars(query).one_or_none()
    if node is None:
        raise NotFound(f"Node {ident} could not be found")
    return node
