"""Making and changing ports: values, uniqueness, and when a port may change."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.documents import patch
from controller.api.documents.patch import RESET, Operation
from controller.api.documents.values import refuse_too_long
from controller.api.resources.port_fields import PORT_FIELDS, check_names
from controller.api.resources.port_rules import refuse_change, refuse_deletion
from controller.errors import Conflict, Invalid, NotFound
from controller.store.identity import is_legal_name, new_uuid
from controller.store.nodes import get_node
from controller.store.ports import get_port
from controller.store.tables import Node, Port
from controller.workflow.locks import free_node

_SETTABLE = tuple(name for name, field in PORT_FIELDS.items() if field.check is not None)
_PATCHABLE = tuple(name for name in _SETTABLE if name != "uuid")
_LINK_KEYS = ("switch_id", "port_id", "switch_info", "network_type", "hostname")
_DEFAULTS: Mapping[str, Any] = {
    "extra": {},
    "local_link_connection": {},
    "is_smartnic": False,
    "pxe_enabled": True,
    "available_for_dynamic_portgroup": True,
}
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
    _refuse_unknown(body)
    check_names(call, list(body))
    if not body.get("address"):
        raise Invalid("address (the MAC address) is required")
    if not isinstance(ident, str):
        raise Invalid("node_uuid is required: the UUID of the node that the port belongs to")
    values = {name: _checked(name, value) for name, value in body.items()}
    try:
        with free_node(call.services, ident) as (session, node):
            port = Port(
                uuid=values.pop("uuid", None) or new_uuid(),
                node_id=node.id,
                created_at=call.services.clock(),
            )
            _put(session, port, values | {"uuid": port.uuid})
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
    operations = patch.parse(document, _PATCHABLE)
    check_names(call, [operation.attribute for operation in operations])
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
    current = {
        name: getattr(port, name)
        for name in {operation.attribute for operation in operations}
        if name not in ("node_uuid", "available_for_dynamic_portgroup")
    }
    changed = {
        name: _default(name) if value is RESET else _checked(name, value)
        for name, value in patch.apply(operations, current).items()
    }
    current["node_uuid"] = node.uuid
    refuse_change(node, port.uuid, [n for n, value in changed.items() if value != current.get(n)])
    _put(session, port, changed)


def _put(session: Session, port: Port, values: Mapping[str, Any]) -> None:
    refuse_too_long(Port, values)
    _refuse_taken(session, port, values)
    for name, value in values.items():
        if name == "node_uuid":
            port.node_id = _node(session, value).id
        elif name == "portgroup_uuid":
            if value is not None:
                raise Invalid(f"Portgroup {value} could not be found: port groups are not served")
        elif PORT_FIELDS[name].column:
            setattr(port, name, value)


def _checked(name: str, value: Any) -> Any:
    check = PORT_FIELDS[name].check
    checked = value if check is None else check(value, name)
    if name == "node_uuid" and checked is None:
        raise Invalid("node_uuid must be the UUID of a node, not null")
    if name == "local_link_connection":
        unknown = sorted(set(checked) - set(_LINK_KEYS))
        if unknown:
            raise Invalid(
                f"local_link_connection has unknown keys: {', '.join(unknown)}; "
                f"valid: {', '.join(_LINK_KEYS)}"
            )
    if name == "name" and checked is not None and not is_legal_name(checked):
        raise Invalid(f"Invalid port name {checked!r}: use letters, digits or - . _ ~, and no UUID")
    return checked


def _default(name: str) -> Any:
    if name in ("address", "node_uuid"):
        raise Invalid(f"{name} of a port cannot be removed; replace it")
    return _DEFAULTS.get(name)


def _refuse_unknown(body: Mapping[str, Any]) -> None:
    unknown = sorted(set(body) - set(_SETTABLE))
    if unknown:
        raise Invalid(
            f"A port cannot be created with {', '.join(unknown)}; "
            f"valid fields: {', '.join(sorted(_SETTABLE))}"
        )


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
