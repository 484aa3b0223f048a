"""``/v1/ports`` and the ports of a node."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus

from flask import Response
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.documents import values
from controller.api.lists import PAGE_ARGUMENTS
from controller.api.replies import empty_reply
from controller.api.resource.reading import document, list_page, listed_names, wanted_names
from controller.api.resources.port_changes import create_port, delete_port, patch_port
from controller.api.resources.port_fields import PORTS
from controller.errors import Invalid
from controller.store.node_lists import read_node
from controller.store.tables import Node, Port

_FILTERS = ("address", "node", "node_uuid", "portgroup", "shard", "conductor_groups")


def index(call: Call) -> Response:
    """Return a page of ports."""
    call.expect(*PAGE_ARGUMENTS, *_FILTERS, "fields", "detail")
    return _page(call, listed_names(call, PORTS), _node_argument(call))


def detail(call: Call) -> Response:
    """Return a page of ports with all fields."""
    call.expect(*PAGE_ARGUMENTS, *_FILTERS)
    return _page(call, PORTS.known(call.minor), _node_argument(call))


def of_node(call: Call, ident: str) -> Response:
    """Return a page of the node's ports."""
    call.expect(*PAGE_ARGUMENTS, "address", "fields", "detail")
    return _page(call, listed_names(call, PORTS), ident)


def of_node_in_detail(call: Call, ident: str) -> Response:
    """Return a page of the node's ports with all fields."""
    call.expect(*PAGE_ARGUMENTS, "address")
    return _page(call, PORTS.known(call.minor), ident)


def create(call: Call) -> Response:
    """Create a port (a network interface with its MAC address)."""
    uuid = create_port(call, call.body_object())
    return document(call, PORTS, uuid, status=HTTPStatus.CREATED)


def show(call: Call, ident: str) -> Response:
    """Show a port, by UUID or name."""
    call.expect("fields")
    return document(call, PORTS, ident, wanted_names(call, PORTS, PORTS.known(call.minor)))


def patch(call: Call, ident: str) -> Response:
    """Change a port by JSON patch."""
    return document(call, PORTS, patch_port(call, ident, call.read_json()))


def delete(call: Call, ident: str) -> Response:
    """Forget a port."""
    delete_port(call, ident)
    return empty_reply()


def _node_argument(call: Call) -> str | None:
    return call.query.get("node_uuid") or call.query.get("node")


def _page(call: Call, names: Sequence[str], node: str | None) -> Response:
    if call.query.get("portgroup"):
        raise Invalid("The filter portgroup is not served: there are no port groups")
    with call.services.store.read() as session:
        return list_page(call, session, PORTS, names, tuple(_conditions(call, session, node)))


def _conditions(call: Call, session: Session, node: str | None) -> Iterator[ColumnElement[bool]]:
    query = call.query
    if node is not None:
        yield Node.uuid == read_node(session, node, ("uuid",)).uuid
    if "address" in query:
        yield Port.address == values.mac(query["address"], "address")
    if "conductor_groups" in query:
        yield Node.conductor_group.in_(query["conductor_groups"].lower().split(","))
    if "shard" in query:
        yield Node.shard.in_(query["shard"].split(","))
