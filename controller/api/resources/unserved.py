"""Collections that clients list while they enrol and deploy, and that are truthfully empty here."""

from flask import Response
from sqlalchemy import func, select

from controller.api.call import Call
from controller.api.replies import json_reply, links
from controller.errors import Invalid, NotFound
from controller.store.tables import Node


def empty_list(call: Call) -> Response:
    """Return an empty list: there are none."""
    return json_reply({call.path.rstrip("/").rpartition("/")[2]: []})


def not_found(call: Call, ident: str) -> Response:
    """Refuse: there are none."""
    raise NotFound(f"{ident} could not be found: {_collection(call)} are not served")


def not_created(call: Call) -> Response:
    """Refuse: this cannot be created yet."""
    raise Invalid(f"{call.path.rpartition('/')[2]} are not served yet; nothing was created")


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


def _collection(call: Call) -> str:
    return call.path.rpartition("/")[0].rpartition("/")[2]
