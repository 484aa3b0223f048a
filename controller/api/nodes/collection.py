"""``/v1/nodes`` and ``/v1/nodes/<ident>``: create, list, show, patch, delete."""

from http import HTTPStatus

from flask import Response

from controller.api.call import Call
from controller.api.lists import PAGE_ARGUMENTS, listing, page_of
from controller.api.nodes.changes import patch_node
from controller.api.nodes.creation import create_node
from controller.api.nodes.deletion import delete_node
from controller.api.nodes.fields import NODE_FIELDS
from controller.api.nodes.filters import FILTER_ARGUMENTS, filters_of
from controller.api.nodes.view import NodeView, chosen_view, full_view, list_view
from controller.api.replies import empty_reply, json_reply
from controller.errors import Invalid
from controller.store.node_lists import list_nodes, read_node

_SORTABLE = tuple(name for name, field in NODE_FIELDS.items() if field.sortable)
_DETAIL_SINCE = 43


def index(call: Call) -> Response:
    """Return a page of nodes."""
    call.expect(*PAGE_ARGUMENTS, *FILTER_ARGUMENTS, "fields", "detail")
    return _page(call, _wanted_view(call))


def detail(call: Call) -> Response:
    """Return a page of nodes with all fields."""
    call.expect(*PAGE_ARGUMENTS, *FILTER_ARGUMENTS)
    return _page(call, full_view(call))


def of_chassis(call: Call, ident: str) -> Response:
    """Return a page of the nodes in a chassis."""
    call.expect(*PAGE_ARGUMENTS, *FILTER_ARGUMENTS, "fields", "detail")
    return _page(call, _wanted_view(call), ident)


def of_chassis_in_detail(call: Call, ident: str) -> Response:
    """Return a page of the nodes in a chassis with all fields."""
    call.expect(*PAGE_ARGUMENTS, *FILTER_ARGUMENTS)
    return _page(call, full_view(call), ident)


def create(call: Call) -> Response:
    """Create a node; it is enrolled, below 1.11 available."""
    with call.services.store.edit() as session:
        uuid = create_node(call, session, call.body_object()).uuid
    return _document(call, uuid, HTTPStatus.CREATED, f"{call.base_url}/v1/nodes/{uuid}")


def show(call: Call, ident: str) -> Response:
    """Show a node, by UUID or name."""
    call.expect("fields")
    fields = call.query.get("fields")
    view = full_view(call) if fields is None else chosen_view(call, fields)
    with call.services.store.read() as session:
        row = read_node(session, ident, view.columns)
    return json_reply(view.render(row))


def patch(call: Call, ident: str) -> Response:
    """Change a node by JSON patch."""
    call.expect("reset_interfaces")
    uuid = patch_node(call, ident, call.read_json())
    return _document(call, uuid)


def delete(call: Call, ident: str) -> Response:
    """Forget a node with its ports and history; not while it is in use."""
    delete_node(call.services, ident)
    return empty_reply()


def _wanted_view(call: Call) -> NodeView:
    fields, is_detailed = call.query.get("fields"), call.flag("detail")
    if is_detailed is not None and call.minor < _DETAIL_SINCE:
        raise Invalid(f"?detail= needs API version 1.{_DETAIL_SINCE}; use /v1/nodes/detail")
    if is_detailed and fields is not None:
        raise Invalid("Can not specify ?detail=True and fields in the same request.")
    if is_detailed:
        return full_view(call)
    return list_view(call) if fields is None else chosen_view(call, fields)


def _page(call: Call, view: NodeView, chassis: str | None = None) -> Response:
    page = page_of(call, _SORTABLE)
    with call.services.store.read() as session:
        rows = list_nodes(session, view.columns, filters_of(call, session, chassis), page)
    items = [view.render(row) for row in rows]
    return json_reply(listing(call, "nodes", items, page, rows[-1].uuid if rows else ""))


def _document(
    call: Call, uuid: str, status: int = HTTPStatus.OK, location: str | None = None
) -> Response:
    view = full_view(call)
    with call.services.store.read() as session:
        row = read_node(session, uuid, view.columns)
    return json_reply(view.render(row), status, location)
