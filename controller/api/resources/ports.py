"""``/v1/ports`` and the ports of a node."""

from collections.abc import Sequence
from http import HTTPStatus

from flask import Response

from controller.api.call import Call
from controller.api.documents import values
from controller.api.lists import PAGE_ARGUMENTS, listing, page_of
from controller.api.replies import empty_reply, json_reply
from controller.api.resources.port_changes import create_port, delete_port, patch_port
from controller.api.resources.port_fields import (
    LIST_FIELDS,
    SORTABLE,
    columns_of,
    known_names,
    render,
    wanted_names,
)
from controller.errors import Invalid
from controller.store.node_lists import read_node
from controller.store.ports import PortFilters, list_ports, read_port

_DETAIL_SINCE = 43
_FILTERS = ("address", "node", "node_uuid", "portgroup", "shard", "conductor_groups")


def index(call: Call) -> Response:
    """Return a page of ports."""
    call.expect(*PAGE_ARGUMENTS, *_FILTERS, "fields", "detail")
    return _page(call, _list_names(call), _node_argument(call))


def detail(call: Call) -> Response:
    """Return a page of ports with all fields."""
    call.expect(*PAGE_ARGUMENTS, *_FILTERS)
    return _page(call, known_names(call), _node_argument(call))


def of_node(call: Call, ident: str) -> Response:
    """Return a page of the node's ports."""
    call.expect(*PAGE_ARGUMENTS, "fields", "detail")
    return _page(call, _list_names(call), ident)


def of_node_in_detail(call: Call, ident: str) -> Response:
    """Return a page of the node's ports with all fields."""
    call.expect(*PAGE_ARGUMENTS)
    return _page(call, known_names(call), ident)


def create(call: Call) -> Response:
    """Create a port (a network interface with its MAC address)."""
    uuid = create_port(call, call.body_object())
    return _document(call, uuid, HTTPStatus.CREATED, f"{call.base_url}/v1/ports/{uuid}")


def show(call: Call, ident: str) -> Response:
    """Show a port, by UUID or name."""
    call.expect("fields")
    names = wanted_names(call, known_names(call))
    with call.services.store.read() as session:
        row = read_port(session, ident, columns_of(names))
    return json_reply(render(call, row, names))


def patch(call: Call, ident: str) -> Response:
    """Change a port by JSON patch."""
    uuid = patch_port(call, ident, call.read_json())
    return _document(call, uuid)


def delete(call: Call, ident: str) -> Response:
    """Forget a port."""
    delete_port(call, ident)
    return empty_reply()


def _list_names(call: Call) -> list[str]:
    is_detailed = call.flag("detail")
    if is_detailed is not None and call.minor < _DETAIL_SINCE:
        raise Invalid(f"?detail= needs API version 1.{_DETAIL_SINCE}; use /v1/ports/detail")
    if is_detailed and "fields" in call.query:
        raise Invalid("Can not specify ?detail=True and fields in the same request.")
    return known_names(call) if is_detailed else wanted_names(call, LIST_FIELDS)


def _node_argument(call: Call) -> str | None:
    return call.query.get("node_uuid") or call.query.get("node")


def _page(call: Call, names: Sequence[str], node: str | None) -> Response:
    page = page_of(call, SORTABLE)
    address = call.query.get("address")
    groups, shards = call.query.get("conductor_groups"), call.query.get("shard")
    if call.query.get("portgroup"):
        raise Invalid("The filter portgroup is not served: there are no port groups")
    with call.services.store.read() as session:
        filters = PortFilters(
            node_uuid=None if node is None else read_node(session, node, ("uuid",)).uuid,
            address=None if address is None else values.mac(address, "address"),
            conductor_groups=None if groups is None else tuple(groups.lower().split(",")),
            shards=None if shards is None else tuple(shards.split(",")),
        )
        rows = list_ports(session, columns_of(names), filters, page)
    items = [render(call, row, names) for row in rows]
    return json_reply(listing(call, "ports", items, page, rows[-1].uuid if rows else ""))


def _document(
    call: Call, uuid: str, status: int = HTTPStatus.OK, location: str | None = None
) -> Response:
    names = known_names(call)
    with call.services.store.read() as session:
        row = read_port(session, uuid, columns_of(names))
    return json_reply(render(call, row, names), status, location)
