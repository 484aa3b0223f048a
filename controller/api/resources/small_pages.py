"""Small pages beside the collections: what is below ``/v1/volume``, and the shards of the nodes."""

from flask import Response
from sqlalchemy import func, select

from controller.api.call import Call
from controller.api.replies import json_reply, links
from controller.store.tables import Node


def volume(call: Call) -> Response:
    """Return the links of the volume resources."""
    document = {"links": links(call.base_url, "volume/")}
    for name in ("connectors", "targets"):
        document[name] = links(call.base_url, f"volume/{name}")
    return json_reply(document)


def shards(call: Call) -> Response:
    """Count the nodes of each shard."""
    with call.services.store.read() as session:
        query = select(Node.shard, func.count()).group_by(Node.shard).order_by(Node.shard)
        rows = session.execute(query).all()
    return json_reply({"shards": [{"name": str(name), "count": count} for name, count in rows]})
