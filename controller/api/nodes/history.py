"""``/v1/nodes/<ident>/history`` and ``/inventory``: what happened to a node, and what was found in it.

The wire has no microsecond order and no kinds: ``event`` is the sentence, ``event_type`` our kind; ``data`` (the
same for programs) is ours.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask import Response

from agent.protocol.masking import masked
from controller.api.call import Call
from controller.api.lists import asked_page, listing
from controller.api.replies import iso_date, json_reply, links
from controller.errors import NotFound
from controller.store.history import list_events, read_event
from controller.store.nodes import read_node

_SORTABLE: Mapping[str, str] = MappingProxyType(
    {"created_at": "at", "event": "message", "event_type": "kind"}
    | {name: name for name in ("uuid", "severity", "user", "project")}
)
"""Columns by the names under which the history can be sorted by them."""
_PROJECT_SINCE = 113
_DURATION_SINCE = 115


def index(call: Call, ident: str) -> Response:
    """Return a page of what happened to the node, oldest first."""
    page = asked_page(call, _SORTABLE)
    is_detailed = bool(call.flag("detail"))
    with call.services.store.read() as session:
        node = read_node(session, ident, ("id", "uuid"))
        rows = list_events(session, node.id, page)
    items = [_document(call, node.uuid, row, is_detailed=is_detailed) for row in rows]
    return json_reply(listing(call, "history", items, page, rows[-1].uuid if rows else ""))


def show(call: Call, ident: str, event: str) -> Response:
    """Show one event of the history."""
    with call.services.store.read() as session:
        node = read_node(session, ident, ("id", "uuid"))
        row = read_event(session, node.id, event)
    return json_reply(_document(call, node.uuid, row, is_detailed=True))


def inventory(call: Call, ident: str) -> Response:
    """Show what the last inspection found."""
    with call.services.store.read() as session:
        row = read_node(session, ident, ("inventory",))
    if not row.inventory:
        raise NotFound(
            f"Node inventory record for node {ident} could not be found: inspect it first"
        )
    return json_reply({"inventory": {}, "plugin_data": {}} | masked(row.inventory))


def _document(call: Call, node_uuid: str, row: Any, *, is_detailed: bool) -> dict[str, Any]:
    document = {
        "uuid": row.uuid,
        "created_at": iso_date(row.at),
        "severity": row.severity,
        "event": row.message,
        "links": links(call.base_url, f"nodes/{node_uuid}/history/{row.uuid}"),
    }
    if not is_detailed:
        return document
    data = row.data or {}
    document |= {"event_type": row.kind, "conductor": call.services.hostname, "user": row.user}
    document["data"] = data
    if call.minor >= _PROJECT_SINCE:
        document["project"] = row.project
    if call.minor >= _DURATION_SINCE:
        seconds = data.get("seconds")
        document |= {
            "state": data.get("to" if row.kind == "state" else "state"),
            "target_provision_state": data.get("target"),
            "duration_seconds": None if seconds is None else int(seconds),
        }
    return document
