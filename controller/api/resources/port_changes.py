"""Making and changing ports: values, uniqueness, and when a port may change."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.documents.patch import Operation
from controller.api.resource.values import created_values, parsed_patch, patched_values
from controller.api.resources.port_fields import PORTS
from controller.api.resources.port_rules import refuse_change, refuse_deletion
from controller.errors import Conflict, Invalid, NotFound
from controller.store.identity import new_uuid
from controller.store.nodes import get_node
from controller.store.ports import get_port
from controller.store.tables import Node, Port
from controller.workflow.locks import free_node

_NODE_IDENT_SINCE = 94


def create_port(call: Call, body: dict[str, Any]) -> str:
    """Add a port, and return its UUID.

    Raises:
        Invalid: An unknown field, a malformed value, an unknown node.
        NotAcceptable: A field that the microversion does not have.
        Conflict: The MAC address, UUID or name are taken.
        NodeLocked: Something goes on with the node.
    """
    body = dict(body)
    if "node_ident" in body:
        call.require(_NODE_IDENT_SINCE, "The field node_ident")
    ident = body.pop("node_ident", None) or body.get("node_uuid")
    if isinstance(ident, str) and "node_uuid" not in body:
        body["node_uuid"] = _uuid_of(call, ident)
    values = created_values(call, PORTS, body)
    try:
        with free_node(call.services, str(values["node_uuid"])) as (session, node):
            uuid = values.pop("uuid") or new_uuid()
            port = Port(uuid=uuid, node_id=node.id, created_at=call.services.clock())
            _put(session, port, values | {"uuid": uuid})
            session.add(port)
            session.flush()
            return port.uuid
    except NotFound as error:
        raise Invalid(str(error)) from error


def patch_port(call: Call, ident: str, document: Any) -> str:
    """Apply a JSON patch to the port, and return its UUID.

    Raises:
        NotFound: There is no such port.
        NodeLocked: Something goes on with the port's node.
        Conflict: The state of the port's node does not allow it, or as :func:`create_port`.
        Invalid: As :func:`create_port`.
        NotAcceptable: As :func:`create_port`.
    """
    operations = parsed_patch(call, PORTS, document)
    with free_node(call.services, _node_of(call, ident)) as (session, node):
        port = get_port(session, ident)
        _patch(session, node, port, operations)
        port.updated_at = call.services.clock()
        return port.uuid


def delete_port(call: Call, ident: str) -> None:
    """Forget a port.

    Raises:
        NotFound: There is no such port.
        NodeLocked: A workflow is at the port's node.
    """
    with free_node(call.services, _node_of(call, ident)) as (session, node):
        port = get_port(session, ident)
        refuse_deletion(node, port.uuid)
        session.delete(port)


def _node_of(call: Call, ident: str) -> str:
    """Return the UUID of a port's node."""
    with call.services.store.read() as session:
        return session.get_one(Node, get_port(session, ident).node_id).uuid


def _patch(session: Session, node: Node, port: Port, operations: Sequence[Operation]) -> None:
    current = {"node_uuid": node.uuid} | {
        name: getattr(port, name)
        for name in {operation.attribute for operation in operations}
        if name in Port.__table__.columns
    }
    changed = patched_values(PORTS, operations, current)
    refuse_change(node, port.uuid, [n for n, value in changed.items() if value != current.get(n)])
    _put(session, port, changed)


def _put(session: Session, port: Port, values: Mapping[str, Any]) -> None:
    _refuse_taken(session, port, values)
    for name, value in values.items():
        if name == "node_uuid":
            port.node_id = _node(session, value).id
        elif PORTS.by_name[name].source is not None:
            setattr(port, name, value)


def _uuid_of(call: Call, ident: str) -> str:
    """Return the UUID of a node that is named in another way.

    Raises:
        Invalid: There is none.
    """
    with call.services.store.read() as session:
        return _node(session, ident).uuid


def _refuse_taken(session: Session, port: Port, values: Mapping[str, Any]) -> None:
    unique = {
        "address": (Port.address, "A port with MAC address {} already exists"),
        "uuid": (Port.uuid, "A port with UUID {} already exists"),
        "name": (Port.name, "A port with name {} already exists"),
    }
    for name, (column, message) in unique.items():
        value = values.get(name)
        if value is None:
            continue
        query = select(Port.id, Node.uuid).join(Node, Node.id == Port.node_id)
        with session.no_autoflush:
            taken = session.execute(query.where(column == value)).first()
        if taken is not None and taken.id != port.id:
            raise Conflict(f"{message.format(value)} (on node {taken.uuid})")


def _node(session: Session, ident: str) -> Node:
    try:
        with session.no_autoflush:
            return get_node(session, ident)
    except NotFound as error:
        raise Invalid(str(error)) from error
