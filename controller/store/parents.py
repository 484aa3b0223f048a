"""Which node stands above which (``parent_node``): a tree, which a change must not turn into a circle.

Ironic refuses no circle. Here a node whose ancestor is itself is refused, because no order of its steps could be right.
"""

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from controller.store.tables import Node

_POSTGRES_LOCK = 0x1A609


def is_at_or_above(session: Session, uuid: str, other: str) -> bool:
    """Say whether the node ``uuid`` is ``other`` or an ancestor of it; ends in rows that hold a circle already, too.

    The answer is good until the transaction ends: whoever else changes a parent waits for it (SQLite has one writer).

    Args:
        session: A session of ``Store.edit``.
        uuid: A node, which need not exist yet: one that was deleted may be the parent of others, and come again.
        other: The node from whose place it goes upwards.
    """
    if session.get_bind().dialect.name != "sqlite":
        session.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})"))
    above = select(Node.uuid, Node.parent_node).where(Node.uuid == other).cte(recursive=True)
    above = above.union(  # without doubles: a circle brings nothing new
        select(Node.uuid, Node.parent_node).where(Node.uuid == above.c.parent_node)
    )
    names = select(above.c.uuid).where((above.c.uuid == uuid) | (above.c.parent_node == uuid))
    return session.execute(names.limit(1)).first() is not None
