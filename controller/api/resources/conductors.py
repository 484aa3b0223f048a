"""``/v1/conductors``: the controllers that share this database."""

from collections.abc import Sequence
from typing import Any

from flask import Response
from sqlalchemy import select

from controller.api.call import Call
from controller.api.replies import iso_date, json_reply, links
from controller.bmc.hardware_types import HARDWARE_TYPES
from controller.errors import NotFound
from controller.store.conductors import ALIVE_S
from controller.store.tables import Conductor


def index(call: Call) -> Response:
    """List the controllers that share this database."""
    call.expect("detail", "fields", "limit", "marker", "sort_key", "sort_dir")
    is_detailed = bool(call.flag("detail"))
    fields = call.query.get("fields")
    wanted = None if fields is None else {*fields.split(","), "links"}
    documents = [
        _document(call, row, is_detailed=is_detailed or wanted is not None) for row in _rows(call)
    ]
    if wanted is not None:
        documents = [{k: v for k, v in one.items() if k in wanted} for one in documents]
    return json_reply({"conductors": documents})


def show(call: Call, hostname: str) -> Response:
    """Show one controller."""
    for row in _rows(call):
        if row.hostname == hostname:
            return json_reply(_document(call, row, is_detailed=True))
    raise NotFound(f"Conductor {hostname} could not be found")


def _rows(call: Call) -> Sequence[Conductor]:
    with call.services.store.read() as session:
        return session.scalars(select(Conductor).order_by(Conductor.id)).all()


def _document(call: Call, row: Conductor, *, is_detailed: bool) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if is_detailed:
        document |= {"created_at": iso_date(row.started_at), "updated_at": iso_date(row.seen_at)}
    document |= {"hostname": row.hostname, "conductor_group": row.conductor_group}
    if is_detailed:
        document["drivers"] = [
            name for name, one in HARDWARE_TYPES.items() if one.bmc_driver() in row.drivers
        ]
    document["links"] = links(call.base_url, f"conductors/{row.hostname}")
    document["alive"] = call.services.clock() - row.seen_at < ALIVE_S
    return document
