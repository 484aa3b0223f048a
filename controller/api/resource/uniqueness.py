"""What no two items may have, by the promises of their table."""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Index, Select, Table, UniqueConstraint, and_, bindparam, or_, select
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
    held = {
        names: values
        for names in _unique(table.__table__)
        if set(columns) & set(names)
        and None not in (values := tuple(getattr(row, name) for name in names))
    }
    if not held:
        return
    query = _holders(table, tuple(held), is_of_node=resource.is_of_node)
    wanted = {
        name: value
        for names, values in held.items()
        for name, value in zip(names, values, strict=True)
    }
    with session.no_autoflush:
        others = [one for one in session.connection().execute(query, wanted) if one.id != row.id]
    for names, values in held.items():
        for other in others:
            if tuple(getattr(other, name) for name in names) == values:
                is_seen = resource.is_of_node and call is not None and sees(call, other)
                where = f" (on node {other.node_of_item})" if is_seen else ""
                raise Conflict(_taken(resource, dict(zip(names, values, strict=True))) + where)


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
def _holders(table: Any, rules: tuple[tuple[str, ...], ...], *, is_of_node: bool) -> Select[Any]:
    """Return the query of the rows that break one of these rules; put together once, as there are few. Each rule has an index."""
    own, nodes = table.__table__.c, NODE_TABLE.c
    shown = dict.fromkeys(("id", *(name for names in rules for name in names)))
    query: Select[Any] = select(*(own[name] for name in shown))
    if is_of_node:
        query = query.add_columns(nodes.uuid.label("node_of_item"), nodes.owner, nodes.lessee)
        query = query.where(nodes.id == own.node_id)
    return query.where(
        or_(*(and_(*(own[name] == bindparam(name) for name in names)) for names in rules))
    )
