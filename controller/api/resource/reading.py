"""Lists and documents of any resource."""

from collections.abc import Sequence
from http import HTTPStatus

from flask import Response
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.lists import listing, page_of
from controller.api.replies import json_reply
from controller.api.resource.description import Resource
from controller.errors import Invalid, NotFound
from controller.store.identity import is_uuid
from controller.store.paging import fetch_page

_FIELDS_SINCE = 8
_LINKS = "links"


def wanted_names(call: Call, resource: Resource, default: Sequence[str]) -> tuple[str, ...]:
    """Return the fields that the request's ``fields`` names, or ``default``; links come with them."""
    text = call.query.get("fields")
    if text is None:
        return tuple(name for name in default if resource.by_name[name].since <= call.minor)
    names = [name.strip() for name in text.split(",") if name.strip()]
    resource.require_known(call, names)
    call.require(_FIELDS_SINCE, "?fields=")
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
    """Return the page that the request asks for, of the rows for which all conditions hold."""
    page = page_of(call, resource.sortable())
    query = resource.select(names).where(*conditions)
    rows = fetch_page(session, resource.table, query, page)
    getters = resource.getters(call, names)
    items = [{name: get(row) for name, get in getters.items()} for row in rows]
    return json_reply(listing(call, resource.key, items, page, str(rows[-1].uuid) if rows else ""))


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
    with call.services.store.read() as session:
        row = session.execute(resource.select(shown).where(is_item(resource, ident))).one_or_none()
    if row is None:
        raise missing(resource, ident)
    made = {name: get(row) for name, get in resource.getters(call, shown).items()}
    is_new = status == HTTPStatus.CREATED
    return json_reply(
        made, status, f"{call.base_url}/v1/{resource.path}/{row.uuid}" if is_new else None
    )


def is_item(resource: Resource, ident: str) -> ColumnElement[bool]:
    """Return the condition for the item with this UUID, or name if it may have one.

    Raises:
        Invalid: It has no name, and ``ident`` is no UUID.
    """
    table = resource.table
    if is_uuid(ident):
        found: ColumnElement[bool] = table.uuid == ident.lower()
        return found
    if not resource.has_names:
        raise Invalid(f"Expected UUID for {resource.kind}: {ident}")
    named: ColumnElement[bool] = table.name == ident
    return named


def missing(resource: Resource, ident: str) -> NotFound:
    """Return the error for an item that is not there."""
    return NotFound(f"{resource.kind.capitalize()} {ident} could not be found")
