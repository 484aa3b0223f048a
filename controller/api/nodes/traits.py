"""``/v1/nodes/<ident>/traits``."""

from flask import Response

from controller.api.call import Call, refuse_unknown
from controller.api.documents import values
from controller.api.replies import empty_reply, json_reply
from controller.errors import Invalid, NotFound
from controller.store.nodes import read_node
from controller.store.tables import Node
from controller.workflow.locks import free_node

_MAX_TRAITS = 50


def index(call: Call, ident: str) -> Response:
    """List the traits."""
    with call.services.store.read() as session:
        row = read_node(session, ident, ("traits",))
    return json_reply({"traits": row.traits or []})


def replace(call: Call, ident: str) -> Response:
    """Set the traits to these and no others."""
    body = call.body_object()
    refuse_unknown(body, "traits")
    wanted = body.get("traits")
    if not isinstance(wanted, list):
        raise Invalid("The body must be an object with the list traits")
    return _store(call, ident, [values.trait(trait) for trait in wanted])


def add(call: Call, ident: str, trait: str) -> Response:
    """Add a trait."""
    if call.read_json() not in (None, {}):
        raise Invalid("No body is wanted when a single trait is added")
    with free_node(call.services, ident) as (_session, node):
        _put(call, node, [*(node.traits or []), values.trait(trait)])
        uuid = node.uuid
    return empty_reply(location=f"{call.base_url}/v1/nodes/{uuid}/traits/{trait}")


def remove(call: Call, ident: str, trait: str) -> Response:
    """Remove a trait."""
    with free_node(call.services, ident) as (_session, node):
        _check_has(node, ident, trait)
        _put(call, node, [other for other in node.traits if other != trait])
    return empty_reply()


def clear(call: Call, ident: str) -> Response:
    """Remove all traits."""
    return _store(call, ident, [])


def _store(call: Call, ident: str, traits: list[str]) -> Response:
    with free_node(call.services, ident) as (_session, node):
        _put(call, node, traits)
    return empty_reply()


def _put(call: Call, node: Node, traits: list[str]) -> None:
    unique = sorted(set(traits))
    if len(unique) > _MAX_TRAITS:
        raise Invalid(f"A node may have {_MAX_TRAITS} traits, not {len(unique)}")
    node.traits = unique
    node.updated_at = call.services.clock()


def _check_has(node: Node, ident: str, trait: str) -> None:
    if trait not in (node.traits or []):
        raise NotFound(f"Node {ident} doesn't have a trait '{trait}'")
