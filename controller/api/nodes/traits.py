"""``/v1/nodes/<ident>/traits``."""

from flask import Response
from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.documents import values
from controller.api.replies import empty_reply, json_reply
from controller.errors import Invalid, NotFound
from controller.store.node_lists import read_node
from controller.store.nodes import get_node
from controller.store.tables import Node

_MAX_TRAITS = 50


def index(call: Call, ident: str) -> Response:
    """List the traits."""
    with call.services.store.read() as session:
        row = read_node(session, ident, ("traits",))
    return json_reply({"traits": row.traits or []})


def replace(call: Call, ident: str) -> Response:
    """Set the traits to these and no others."""
    wanted = call.body_object().get("traits")
    if not isinstance(wanted, list):
        raise Invalid("The body must be an object with the list traits")
    return _store(call, ident, [values.trait(trait) for trait in wanted])


def add(call: Call, ident: str, trait: str) -> Response:
    """Add a trait."""
    if call.read_json() not in (None, {}):
        raise Invalid("No body is wanted when a single trait is added")
    with call.services.store.edit() as session:
        node = get_node(session, ident, for_update=True)
        _put(call, node, [*(node.traits or []), values.trait(trait)])
        uuid = node.uuid
    return empty_reply(location=f"{call.base_url}/v1/nodes/{uuid}/traits/{trait}")


def remove(call: Call, ident: str, trait: str) -> Response:
    """Remove a trait."""
    with call.services.store.edit() as session:
        node = _having(session, ident, trait)
        _put(call, node, [other for other in node.traits if other != trait])
    return empty_reply()


def clear(call: Call, ident: str) -> Response:
    """Remove all traits."""
    return _store(call, ident, [])


def _store(call: Call, ident: str, traits: list[str]) -> Response:
    with call.services.store.edit() as session:
        _put(call, get_node(session, ident, for_update=True), traits)
    return empty_reply()


def _put(call: Call, node: Node, traits: list[str]) -> None:
    unique = sorted(set(traits))
    if len(unique) > _MAX_TRAITS:
        raise Invalid(f"A node may have {_MAX_TRAITS} traits, not {len(unique)}")
    node.traits = unique
    node.updated_at = call.services.clock()


def _having(session: Session, ident: str, trait: str) -> Node:
    node = get_node(session, ident, for_update=True)
    if trait not in (node.traits or []):
        raise NotFound(f"Node {ident} doesn't have a trait '{trait}'")
    return node
