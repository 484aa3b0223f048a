"""What no two items may have, by the promises of their table."""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Index, Select, Table, UniqueConstraint, bindparam, select
from sqlalchemy.orm import Session

from controller.api.access.sight import sees
from controller.api.call import Call
from controller.api.resource.description import Resource
from controller.errors import Conflict
from controller.store.tables import NODE_TABLE

_WORDS = {"uuid": "UUID", "address": "MAC address"}
"""What unique fields are called in messages, where that is not their name."""


def refuse_taken(
    session: Session,
    resource: Resource,
    row: Any,
    columns: Collection[str],
    call: Call | None = None,
) -> None:
    """Refuse what another row has, by the table's own promises of uniqueness.

    Raises:
        Conflict: There is one already; the message says what and, for an item of a node that the principal sees, where.
    """
    table = resource.table
    for names in _unique(table.__table__):
        held = {name: getattr(row, name) for name in names}
        if not set(columns) & set(names) or None in held.values():
            continue
        query = _holders(table, names, is_of_node=resource.is_of_node)
        with session.no_autoflush:
            others = [one for one in session.execute(query, held) if one.id != row.id]
        if others:
            is_seen = resource.is_of_node and call is not None and sees(call, others[0])
            where = f" (on node {others[0].uuid})" if is_seen else ""
            raise Conflict(_taken(resource, held) + where)


def _taken(resource: Resource, held: Mapping[str, Any]) -> str:
    fields = [one for one in resource.fields if one.source in held]
    if len(fields) == 1 and fields[0].taken:
        return fields[0].taken.format(held[str(fields[0].source)])
    what = ", ".join(f"{_WORDS.get(one.name, one.name)} {held[str(one.source)]}" for one in fields)
    return f"{resource.one.capitalize()} with {what} already exists"


@cache
def _unique(table: Table) -> tuple[tuple[str, ...], ...]:
    """Return the columns, or groups of them, in which no two rows are equal, in order."""
    return tuple(
        sorted(
            tuple(str(column.name) for column in rule.columns)
            for rule in (*table.constraints, *table.indexes)
            if isinstance(rule, UniqueConstraint) or (isinstance(rule, Index) and rule.unique)
        )
    )


@cache
def _holders(table: Any, names: tuple[str, ...], *, is_of_node: bool) -> Select[Any]:
    """Return the query of the rows that have these values; put together once, as there are few."""
    own, nodes = table.__table__.c, NODE_TABLE.c
    query: Select[Any] = select(own.id)
    if is_of_node:
        query = select(own.id, nodes.uuid, nodes.owner, nodes.lessee)
        query = query.where(nodes.id == own.node_id)
    return query.where(*(own[name] == bindparam(name) for name in names))
