"""Lists of nodes: filters and pages; reads only the columns that are asked for, in one query."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, or_, select
from sqlalchemy.orm import Session

from controller.errors import NotFound
from controller.store.identity import is_uuid
from controller.store.paging import Page, fetch_page
from controller.store.tables import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFilters:
    """Which nodes a list has; ``None`` = whatever. All that are given must hold."""

    equal: tuple[tuple[str, Any], ...] = ()
    """Columns and the value they must have."""
    is_associated: bool | None = None
    project: str | None = None
    """Owner or lessee."""
    description_contains: str | None = None
    shards: tuple[str, ...] | None = None
    is_sharded: bool | None = None
    with_children: bool = False
    """Also nodes that have a parent; a filter by parent includes them anyway."""


def list_nodes(
    session: Session, columns: Sequence[str], filters: NodeFilters, page: Page
) -> list[Row[Any]]:
    """Return one page of nodes, each with ``columns`` as attributes."""
    query = select(*(getattr(Node, name) for name in columns)).where(*_conditions(filters))
    return fetch_page(session, Node, query, page)


def read_node(session: Session, ident: str, columns: Sequence[str]) -> Row[Any]:
    """Return ``columns`` of the node with this UUID or name.

    Raises:
        NotFound: There is no such node.
    """
    wanted = Node.uuid == ident.lower() if is_uuid(ident) else Node.name == ident
    query = select(*(getattr(Node, name) for name in columns)).where(wanted)
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"Node {ident} could not be found")
    return row


def _conditions(filters: NodeFilters) -> list[ColumnElement[bool]]:
    found = [getattr(Node, name) == value for name, value in filters.equal]
    if filters.is_associated is not None:
        found.append(_is_set(Node.instance_uuid, filters.is_associated))
    if filters.is_sharded is not None:
        found.append(_is_set(Node.shard, filters.is_sharded))
    if filters.shards is not None:
        found.append(Node.shard.in_(filters.shards))
    if filters.project is not None:
        found.append(or_(Node.owner == filters.project, Node.lessee == filters.project))
    if filters.description_contains is not None:
        found.append(Node.description.icontains(filters.description_contains, autoescape=True))
    if not filters.with_children and not any(name == "parent_node" for name, _ in filters.equal):
        found.append(Node.parent_node.is_(None))
    return found


def _is_set(column: Any, wanted: bool) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = column.is_not(None) if wanted else column.is_(None)
    return condition
