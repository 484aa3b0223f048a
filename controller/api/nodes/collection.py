"""``/v1/nodes``: how nodes are created, changed and deleted; lists and documents are made of their description."""

from http import HTTPStatus

from flask import Response

from controller.api.call import Call
from controller.api.nodes.changes import patch_node
from controller.api.nodes.creation import create_node
from controller.api.nodes.deletion import delete_node
from controller.api.nodes.fields import NODES
from controller.api.replies import empty_reply
from controller.api.resource.reading import document


def create(call: Call) -> Response:
    """Create a node; it is enrolled, below 1.11 available."""
    with call.services.store.edit() as session:
        uuid = create_node(call, session, call.body_object()).uuid
    return document(call, NODES, uuid, status=HTTPStatus.CREATED)


def patch(call: Call, ident: str) -> Response:
    """Change a node by JSON patch."""
    return document(call, NODES, patch_node(call, ident, call.read_json()))


def delete(call: Call, ident: str) -> Response:
    """Forget a node with its ports and history; not while it is in use."""
    delete_node(call.services, ident)
    return empty_reply()
