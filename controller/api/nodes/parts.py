"""Parts of a node that clients ask for and that nothing provides yet: truthful empty lists and refusals."""

from typing import Any

from flask import Response
from sqlalchemy import select

from controller.api.call import Call
from controller.api.lists import MAX_LIMIT
from controller.api.replies import json_reply, links
from controller.store.nodes import read_node
from controller.store.tables import Node


def bios(call: Call, ident: str) -> Response:
    """Return no BIOS settings."""
    return _empty(call, ident, "bios")


def firmware(call: Call, ident: str) -> Response:
    """Return no firmware components."""
    return _empty(call, ident, "firmware")


def volume(call: Call, ident: str) -> Response:
    """Return the links of the volume resources."""
    path = f"nodes/{_uuid_of(call, ident)}/volume"
    document: dict[str, Any] = {"links": links(call.base_url, f"{path}/")}
    for name in ("connectors", "targets"):
        document[name] = links(call.base_url, f"{path}/{name}")
    return json_reply(document)


def children(call: Call, ident: str) -> Response:
    """List the UUIDs of the nodes that have this one as parent."""
    with call.services.store.read() as session:
        uuid = read_node(session, ident, ("uuid",)).uuid
        query = select(Node.uuid).where(Node.parent_node == uuid).order_by(Node.id)
        found = session.scalars(query.limit(MAX_LIMIT)).all()
    link = {"href": f"{call.base_url}/v1/nodes?parent_node={uuid}", "rel": "children"}
    return json_reply({"children": list(found), "links": link})


def _empty(call: Call, ident: str, name: str) -> Response:
    _uuid_of(call, ident)
    return json_reply({name: []})


def _uuid_of(call: Call, ident: str) -> str:
    with call.services.store.read() as session:
        uuid: str = read_node(session, ident, ("uuid",)).uuid
    return uuid
