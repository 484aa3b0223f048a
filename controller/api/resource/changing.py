"""Creations, patches and deletions of any resource: one transaction each, under the node's lock where the item is a node's."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.api.access.limits import owner_of_new
from controller.api.access.links import check_link
from controller.api.call import Call
from controller.api.documents.patch import NotPatchable, Operation
from controller.api.resource.description import Resource
from controller.api.resource.reading import is_item, missing
from controller.api.resource.rules import Change
from controller.api.resource.uniqueness import refuse_taken
from controller.api.resource.values import created_values, parsed_patch, patched_values
from controller.errors import Invalid, NodeLocked, NotFound
from controller.store.confirming import confirm
from controller.store.identity import new_uuid
from controller.store.nodes import get_node
from controller.store.secrets import unmasked
from controller.store.tables import Node
from controller.workflow.locks import free_node

_NODE = "node_uuid"


def create_item(call: Call, resource: Resource, body: dict[str, Any]) -> str:
    """Store a new item, and return its UUID.

    Raises:
        Invalid: An unknown field, a malformed value, an unknown node.
        NotAcceptable: A field that the microversion does not have.
        Conflict: Something is taken that is unique.
        NodeLocked: Something goes on with the node.
    """
    sent = resource.prepare(call, dict(body))
    values = created_values(call, resource, sent)
    values["uuid"] = values.get("uuid") or new_uuid()
    if resource.is_owned:
        values["owner"] = owner_of_new(call, values["owner"])
    try:
        with _transaction(call, values[_NODE] if resource.is_of_node else None) as (session, node):
            row = resource.table(created_at=call.services.clock())
            _put(call, session, resource, row, values)
            session.add(row)
            session.flush()
            resource.on_create(
                Change(
                    call=call,
                    session=session,
                    row=row,
                    node=node,
                    values=values,
                    changed=frozenset(sent),
                )
            )
            return str(row.uuid)
    except NotFound as error:  # it is the body that names what is not there
        raise Invalid(str(error)) from error


def patch_item(call: Call, resource: Resource, ident: str) -> str:
    """Apply the request's JSON patch to an item, and return its UUID.

    Raises:
        NotFound: There is no such item.
        NodeLocked: Something goes on with the item's node.
        Conflict: A rule forbids it, or something is taken that is unique.
        Invalid: As :func:`create_item`.
        NotAcceptable: As :func:`create_item`.
    """
    try:
        operations = parsed_patch(call, resource, call.read_json())
    except NotPatchable:
        if resource.is_sought_first:
            _require_item(call, resource, ident)
        raise
    with _item(call, resource, ident) as (session, node, row):
        current = _current(resource, row, node, operations)
        values = patched_values(resource, operations, current)
        changed = frozenset(name for name in values if values[name] != current.get(name))
        if node is not None and _NODE in changed:
            check_link(call, session, node.owner, values[_NODE], _NODE)
        resource.on_patch(
            Change(call=call, session=session, row=row, node=node, values=values, changed=changed)
        )
        _put(call, session, resource, row, values)
        if changed:
            row.updated_at = call.services.clock()
        return str(row.uuid)


def delete_item(call: Call, resource: Resource, ident: str) -> None:
    """Forget an item.

    Raises:
        NotFound: There is no such item.
        NodeLocked: Something goes on with the item's node.
        ControllerError: A rule forbids it.
    """
    with _item(call, resource, ident) as (session, node, row):
        resource.on_delete(Change(call=call, session=session, row=row, node=node))
        session.delete(row)


@contextmanager
def _transaction(call: Call, node_uuid: str | None) -> Iterator[tuple[Session, Node | None]]:
    """Give a writing session, and a node's locked row when it may be changed."""
    if node_uuid is None:
        with call.services.store.edit() as session:
            yield session, None
    else:
        with free_node(call.services, node_uuid) as (session, node):
            yield session, node


@contextmanager
def _item(call: Call, resource: Resource, ident: str) -> Iterator[tuple[Session, Node | None, Any]]:
    """Give an item's locked row in a transaction; an item of a node with that node."""
    node_uuid = _node_of(call, resource, ident) if resource.is_of_node else None
    with _transaction(call, node_uuid) as (session, node):
        query = select(resource.table).where(is_item(resource, ident)).with_for_update()
        row = session.scalars(query).one_or_none()
        if row is None:
            raise missing(resource, ident)
        if resource.is_owned:
            confirm(row)
        if node is not None and row.node_id != node.id:
            raise NodeLocked(
                f"{resource.kind.capitalize()} {ident} has just moved to another node; ask again"
            )
        yield session, node, row


def _require_item(call: Call, resource: Resource, ident: str) -> None:
    query = select(resource.table.id).where(is_item(resource, ident))
    with call.services.store.read() as session:
        if session.scalar(query) is None:
            raise missing(resource, ident)


def _node_of(call: Call, resource: Resource, ident: str) -> str:
    table = resource.table
    query = select(Node.uuid).join(table, table.node_id == Node.id)
    with call.services.store.read() as session:
        found = session.scalar(query.where(is_item(resource, ident)))
    if found is None:
        raise missing(resource, ident)
    return found


def _current(
    resource: Resource, row: Any, node: Node | None, operations: Collection[Operation]
) -> dict[str, Any]:
    """Return what the fields hold that a patch changes."""
    sources = _sources(resource, [operation.attribute for operation in operations])
    found = {name: getattr(row, column) for name, column in sources.items()}
    return found if node is None else {_NODE: node.uuid} | found


def _sources(resource: Resource, names: Iterable[str]) -> dict[str, str]:
    """Return the column of each of these fields that is stored in one of the resource's own."""
    found = {name: resource.by_name[name].source for name in names}
    columns = resource.table.__table__.columns
    return {name: one for name, one in found.items() if one is not None and one in columns}


def _put(
    call: Call, session: Session, resource: Resource, row: Any, values: Mapping[str, Any]
) -> None:
    """Write the values into the row.

    Raises:
        Invalid: There is no such node.
        Conflict: Another row has what no two may have.
    """
    columns = _sources(resource, values)
    with session.no_autoflush:
        for name, column in columns.items():
            value = values[name]
            if resource.is_masked(name):
                value = unmasked(value, getattr(row, column), name)
            setattr(row, column, value)
        if resource.is_of_node and _NODE in values:
            row.node_id = _node_id(session, values[_NODE])
        refuse_taken(session, resource, row, {*columns.values(), "node_id"}, call)


def _node_id(session: Session, uuid: str) -> int:
    try:
        return get_node(session, uuid).id
    except NotFound as error:
        raise Invalid(str(error)) from error
