"""What no two items may have, by the promises of their table."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import Index, UniqueConstraint, select
from sqlalchemy.orm import Session

from controller.api.resource.description import Resource
from controller.errors import Conflict
from controller.store.tables import Node

_WORDS = {"uuid": "UUID", "address": "MAC address"}
"""What unique fields are called in messages, where that is not their name."""


def refuse_taken(session: Session, resource: Resource, row: Any, columns: Collection[str]) -> None:
    """Refuse what another row has, by the table's own promises of uniqueness.

    Raises:
        Conflict: There is one already; the message says what and, for an item of a node, where.
    """
    table = resource.table
    for names in sorted(_unique(resource)):
        held = {name: getattr(row, name) for name in names}
        if not set(columns) & set(names) or None in held.values():
            continue
        query = select(table.id, Node.uuid if resource.is_of_node else table.uuid)
        if resource.is_of_node:
            query = query.join(Node, Node.id == table.node_id)
        query = query.where(*(getattr(table, name) == value for name, value in held.items()))
        with session.no_autoflush:
            others = [one for one in session.execute(query) if one.id != row.id]
        if others:
            where = f" (on node {others[0].uuid})" if resource.is_of_node else ""
            raise Conflict(_taken(resource, held) + where)


def _taken(resource: Resource, held: Mapping[str, Any]) -> str:
    fields = [one for one in resource.fields if one.source in held]
    if len(fields) == 1 and fields[0].taken:
        return fields[0].taken.format(held[str(fields[0].source)])
    what = ", ".join(f"{_WORDS.get(one.name, one.name)} {held[str(one.source)]}" for one in fields)
    return f"{resource.one.capitalize()} with {what} already exists"


def _unique(resource: Resource) -> Iterator[tuple[str, ...]]:
    """Return the columns, or groups of them, in which no two rows are equal."""
    table = resource.table.__table__
    for rule in (*table.constraints, *table.indexes):
        if isinstance(rule, UniqueConstraint) or (isinstance(rule, Index) and rule.unique):
            yield tuple(str(column.name) for column in rule.columns)
