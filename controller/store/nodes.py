"""Queries for nodes."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.errors import NotFound
from controller.store.tables import Node

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def get_node(session: Session, ident: str, *, for_update: bool = False) -> Node:
    """Return the node with this UUID or name.

    Args:
        session: An open session; of ``Store.edit`` when ``for_update``.
        ident: UUID or name.
        for_update: Lock the row until the transaction ends (PostgreSQL; SQLite has one writer anyway).

    Raises:
        NotFound: There is no such node.
    """
    column = Node.uuid if _UUID.fullmatch(ident) else Node.name
    query = select(Node).where(column == (ident.lower() if column is Node.uuid else ident))
    if for_update:
        query = query.with_for_update()
    node = session.scalars(query).one_or_none()
    if node is None:
        raise NotFound(f"Node {ident} could not be found")
    return node
