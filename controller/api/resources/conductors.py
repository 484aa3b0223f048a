"""``/v1/conductors``: the controllers that share this database."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from flask import Response
from sqlalchemy import select

from controller.api.call import Call
from controller.api.lists import PAGE_ARGUMENTS, chosen_fields, listing, page_of
from controller.api.replies import iso_date, json_reply, links
from controller.errors import NotFound
from controller.store.conductors import ALIVE_S
from controller.store.paging import Page
from controller.store.tables import Conductor

_FIELDS = (
    "created_at",
    "updated_at",
    "hostname",
    "conductor_group",
    "drivers",
    "links",
    "alive",
)
_LIST_FIELDS = frozenset({"hostname", "conductor_group", "links", "alive"})
_SORTED_BY: Mapping[str, Callable[[Conductor], Any]] = {
    "id": lambda row: row.id,
    "hostname": lambda row: row.hostname,
    "conductor_group": lambda row: row.conductor_group,
    "created_at": lambda row: row.started_at,
    "updated_at": lambda row: row.seen_at,
}


def index(call: Call) -> Response:
    """List the controllers that share this database."""
    call.expect("detail", "fields", *PAGE_ARGUMENTS)
    wanted = chosen_fields(call, _FIELDS) or (_FIELDS if call.flag("detail") else _LIST_FIELDS)
    page = page_of(call, _SORTED_BY)
    rows = _of_page(_rows(call), page)
    items = [_document(call, row, wanted) for row in rows]
    return json_reply(listing(call, "conductors", items, page, rows[-1].hostname if rows else ""))


def show(call: Call, hostname: str) -> Response:
    """Show one controller."""
    call.expect("fields")
    wanted = chosen_fields(call, _FIELDS) or _FIELDS
    return json_reply(_document(call, _find(_rows(call), hostname), wanted))


def _rows(call: Call) -> Sequence[Conductor]:
    with call.services.store.read() as session:
        return session.scalars(select(Conductor).order_by(Conductor.id)).all()


def _find(rows: Sequence[Conductor], hostname: str) -> Conductor:
    for row in rows:
        if row.hostname == hostname:
            return row
    raise NotFound(f"Conductor {hostname} could not be found")


def _of_page(rows: Sequence[Conductor], page: Page) -> list[Conductor]:
    """Return the page; there are so few controllers that the database need not cut it."""
    ordered = sorted(rows, key=_SORTED_BY[page.sort_key], reverse=page.is_descending)
    begin = 0 if page.marker is None else ordered.index(_find(ordered, page.marker)) + 1
    return ordered[begin : begin + page.limit]


def _document(call: Call, row: Conductor, wanted: Collection[str]) -> dict[str, Any]:
    document = {
        "created_at": iso_date(row.started_at),
        "updated_at": iso_date(row.seen_at),
        "hostname": row.hostname,
        "conductor_group": row.conductor_group,
        "drivers": list(row.hardware_types),
        "links": links(call.base_url, f"conductors/{row.hostname}"),
        "alive": call.services.clock() - row.seen_at < ALIVE_S,
    }
    return {name: document[name] for name in _FIELDS if name in wanted or name == "links"}
