"""Allocations: somebody wants a node of a kind; at most one allocation has a node, and a node at most one."""

from typing import Any

from sqlalchemy import ForeignKey, Select, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from controller.errors import NotFound
from controller.store.base import Base, JsonObject
from controller.store.identity import is_uuid
from controller.store.tables import Node

ALLOCATING, ACTIVE, ERROR = "allocating", "active", "error"
"""States; the first is the only one that ends by itself."""


class Allocation(Base):
    """What is wanted, and the node that it has."""

    __tablename__ = "allocations"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    """Becomes the node's ``instance_uuid``."""
    name: Mapped[str | None] = mapped_column(String(255), unique=True)
    node_id: Mapped[int | None] = mapped_column(
        ForeignKey("nodes.id", ondelete="CASCADE"), unique=True
    )
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    state: Mapped[str] = mapped_column(String(15), index=True, default=ALLOCATING)
    owner: Mapped[str | None] = mapped_column(String(255))
    last_error: Mapped[str | None] = mapped_column(Text)
    resource_class: Mapped[str | None] = mapped_column(String(80))
    traits: Mapped[list[Any]] = mapped_column(default=list)
    candidate_nodes: Mapped[list[Any]] = mapped_column(default=list)
    """UUIDs; empty = any node."""
    extra: Mapped[JsonObject] = mapped_column(default=dict)
    tries: Mapped[int] = mapped_column(default=0)
    """How often in a row every suitable node was at something else."""


def no_allocation(ident: str) -> NotFound:
    """Return the error for one that is not there, or that is hidden from who asks."""
    return NotFound(f"Allocation {ident} could not be found")


def get_allocation(session: Session, ident: str) -> Allocation:
    """Return the allocation with this UUID or name.

    Raises:
        NotFound: There is none.
    """
    is_it = Allocation.uuid == ident.lower() if is_uuid(ident) else Allocation.name == ident
    found = session.scalars(select(Allocation).where(is_it)).one_or_none()
    if found is None:
        raise no_allocation(ident)
    return found


def allocation_of(session: Session, node_id: int) -> Allocation | None:
    """Return the allocation that has the node; ``None`` = none has."""
    query = select(Allocation).where(Allocation.node_id == node_id)
    with session.no_autoflush:
        return session.scalars(query).one_or_none()


def forget_allocation_of(session: Session, node: Node) -> None:
    """Delete the allocation that has the node, if one has; its instance is the caller's affair."""
    found = allocation_of(session, node.id)
    if found is not None:
        session.delete(found)


def waiting(most: int) -> Select[Any]:
    """Return the query of the ids of what waits for a node, the oldest first."""
    query = select(Allocation.id).where(Allocation.state == ALLOCATING)
    return query.order_by(Allocation.id).limit(most)


UUID_OF_NODE = (
    select(Allocation.uuid).where(Allocation.node_id == Node.id).correlate(Node).scalar_subquery()
)
"""The UUID of a node's allocation, as a column of queries for nodes."""
