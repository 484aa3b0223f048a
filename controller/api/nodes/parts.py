"""Small pages below a node: the links of its volumes, and its children."""

from typing import Any

from flask import Response
from sqlalchemy import select

from controller.api.access.limits import limits
from controller.api.call import Call
from controller.api.lists import MAX_LIMIT
from controller.api.nodes.fields import NODES
from controller.api.replies import json_reply, links
from controller.store.nodes import read_node
from controller.store.tables import Node


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
        is_child = (Node.parent_node == uuid, *limits(call, NODES))
        query = select(Node.uuid).where(*is_child).order_by(Node.id)
        found = session.scalars(query.limit(MAX_LIMIT)).all()
    link = {"href": f"{call.base_url}/v1/nodes?parent_node={uuid}", "rel": "children"}
    return json_reply({"children": list(found), "links": link})


def _uuid_of(call: Call, ident: str) -> str:
    with call.services.store.read() as session:
        uuid: str = read_node(session, ident, ("uuid",)).uuid
    return uuid
