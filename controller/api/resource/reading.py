"""Lists and documents of any resource."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from http import HTTPStatus
from typing import Any

from flask import Response
from sqlalchemy import ColumnElement, Row
from sqlalchemy.orm import Session

from controller.api.access.limits import limits
from controller.api.call import Call
from controller.api.lists import asked_page, listing
from controller.api.replies import json_reply
from controller.api.resource.by_column import Document, documents_of
from controller.api.resource.description import CHOSEN, Resource
from controller.api.resource.field import Getter, OfColumn, OfColumns, OfRows, Part
from controller.api.resource.plain import Plain
from controller.errors import Invalid, NotFound
from controller.store.identity import is_name, is_uuid
from controller.store.paging import Page, fetch_page

_LINKS = "links"
_NODE_ID = "node_id"
"""By it the items of a node stand together in a list; it is no field."""
_LONG = 100
"""Items of a list from which on it is made by itself (``Store.long_lists``)."""


def wanted_names(call: Call, resource: Resource, default: Sequence[str]) -> tuple[str, ...]:
    """Return the fields that the request's ``fields`` names, or ``default``; links come with them."""
    text = call.query.get("fields")
    if text is None:
        if default is resource.known(call.minor):
            return tuple(default)
        return tuple(name for name in default if resource.by_name[name].since <= call.minor)
    names = [name.strip() for name in text.split(",") if name.strip()]
    resource.require_known(call, names)
    call.require(resource.fields_since, "?fields=")
    resource.check_names(call, names)
    return tuple(name for name in resource.by_name if name in {*names, _LINKS})


def listed_names(call: Call, resource: Resource) -> tuple[str, ...]:
    """Return the fields that a list shows, by its ``fields`` and ``detail``."""
    is_detailed = call.flag("detail")
    chosen = wanted_names(call, resource, resource.listed)
    if is_detailed is not None and call.minor < resource.detail_since:
        raise Invalid(
            f"?detail= needs API version 1.{resource.detail_since}; use /v1/{resource.path}/detail"
        )
    if is_detailed and "fields" in call.query:
        raise Invalid("Can not specify ?detail=True and fields in the same request.")
    return resource.known(call.minor) if is_detailed else chosen


def list_page(
    call: Call,
    session: Session,
    resource: Resource,
    names: Sequence[str],
    conditions: Sequence[ColumnElement[bool]] = (),
) -> Response:
    """Return the page that the request asks for, of the rows that the principal sees and for which all conditions hold."""
    page = page_of(call, resource)
    whole = resource.select(names).where(*limits(call, resource))
    query = whole.where(*conditions)
    is_long = page.limit > _LONG
    with call.services.store.long_lists if is_long else nullcontext():
        rows = fetch_page(session, resource.table, query, page, whole=whole)
        last = str(getattr(rows[-1], resource.ident)) if rows else ""
        items = made_items(call, resource, names, rows)
        return json_reply(listing(call, resource.key, items, page, last))


def made_items(
    call: Call, resource: Resource, names: Sequence[str], rows: Iterable[Any]
) -> Sequence[Document]:
    """Return documents with these fields; the order of the fields is nobody's business."""
    rows = list(rows)
    if not rows:
        return []
    plain, others = resource.split(tuple(names))
    is_by_place = isinstance(rows[0], Row)
    getters = resource.getters(call, others if is_by_place else names)
    for getter in getters.values():
        if isinstance(getter, OfRows):
            getter.prepare(rows)
    if not is_by_place:
        return [{name: get(row) for name, get in getters.items()} for row in rows]
    return _of_rows(rows, plain, getters) if len(rows) > 1 else [_of_row(rows[0], plain, getters)]


def _of_row(row: Row[Any], plain: Plain, shown: Mapping[str, Getter]) -> dict[str, Any]:
    """Return the document of one row, as :func:`_of_rows` makes many."""
    item = plain.of(row)
    wholes: dict[str, Mapping[str, Any]] = {}
    for name, get in shown.items():
        if isinstance(get, Part):
            if get.group not in wholes:
                wholes[get.group] = get.whole(row)
            item[name] = wholes[get.group][name]
        else:
            item[name] = get(row)
    return item


def _of_rows(rows: Sequence[Row[Any]], plain: Plain, shown: Mapping[str, Getter]) -> list[Document]:
    """Return documents of a query's rows, made column by column; ``plain`` are the fields that are shown as stored."""
    columns = dict(zip(rows[0]._fields, zip(*rows, strict=True), strict=True))
    made: dict[str, Sequence[Any]] = {
        name: columns[column] for name, column in plain.columns.items()
    }
    wholes: dict[str, Sequence[Mapping[str, Any]]] = {}
    for name, get in shown.items():
        if isinstance(get, OfColumn | OfColumns):
            made[name] = get.many(columns)
        elif isinstance(get, Part):
            if get.group not in wholes:
                wholes[get.group] = get.whole.many(columns)
            made[name] = [whole[name] for whole in wholes[get.group]]
        else:
            made[name] = [get(row) for row in rows]
    return documents_of(made)


def page_of(call: Call, resource: Resource) -> Page:
    """Return the page that the request's arguments ask for.

    Raises:
        Invalid: An argument has no meaning, or the list cannot be sorted by the field.
        NotAcceptable: The microversion does not have the field.
    """
    key = call.query.get("sort_key") or "id"
    if key in resource.by_name:
        resource.check_names(call, [key])
    columns = {name: str(resource.by_name[name].source) for name in resource.sortable()}
    if resource.is_of_node:
        columns[_NODE_ID] = _NODE_ID
    return asked_page(call, columns, resource.ident)


def document(
    call: Call,
    resource: Resource,
    ident: str,
    names: Sequence[str] | None = None,
    status: int = HTTPStatus.OK,
) -> Response:
    """Return one item; ``names`` = ``None``: everything that the microversion shows. A created one is told with its place.

    Raises:
        NotFound: There is none.
        Invalid: It has no name, and ``ident`` is no UUID.
    """
    shown = resource.known(call.minor) if names is None else names
    by, chosen = place_of(resource, ident)
    with call.services.store.look() as connection:  # one statement, so of one moment
        row = connection.execute(resource.select(shown, by), {CHOSEN: chosen}).one_or_none()
    if row is None:
        raise missing(resource, ident)
    (made,) = made_items(call, resource, shown, [row])
    place = f"{call.base_url}/v1/{resource.path}/{getattr(row, resource.ident)}"
    return json_reply(made, status, place if status == HTTPStatus.CREATED else None)


def is_item(resource: Resource, ident: str) -> ColumnElement[bool]:
    """Return the condition for the item with this UUID, or name if it may have one.

    Raises:
        Invalid: It has no name, and ``ident`` is no UUID.
    """
    by, chosen = place_of(resource, ident)
    found: ColumnElement[bool] = getattr(resource.table, by) == chosen
    return found


def place_of(resource: Resource, ident: str) -> tuple[str, str]:
    """Return the column by which the item is found, and its value there.

    Raises:
        Invalid: It has no name, and ``ident`` is no UUID.
    """
    if resource.ident != "uuid":
        return resource.ident, ident
    if is_uuid(ident):
        return "uuid", ident.lower()
    if not resource.has_names:
        raise Invalid(f"Expected UUID for {resource.kind}: {ident}")
    if not is_name(ident):
        raise Invalid(f"Expected a UUID or name for {resource.kind}: {ident}")
    return "name", ident


def missing(resource: Resource, ident: str) -> NotFound:
    """Return the error for an item that is not there."""
    return NotFound(f"{resource.kind.capitalize()} {ident} could not be found")
