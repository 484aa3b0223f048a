"""``/v1/allocations``: wishes for nodes (``workflow/allocating.py`` fulfils them), and the one of a node."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Response
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.documents import values
from controller.api.replies import empty_reply
from controller.api.resource.changing import create_item, delete_item, patch_item
from controller.api.resource.common_fields import identity
from controller.api.resource.description import Resource
from controller.api.resource.endpoints import routes_of
from controller.api.resource.field import Field
from controller.api.resource.of_node import of_node
from controller.api.resource.reading import document, wanted_names
from controller.api.resource.rules import Condition, Filter
from controller.api.resource.shapes import as_links
from controller.api.resources.allocation_rules import backfill, deallocate, refuse_bound
from controller.api.route import Route
from controller.errors import Invalid, NotFound
from controller.store.allocations import Allocation, get_allocation
from controller.store.identity import is_legal_name, is_name, is_uuid
from controller.store.nodes import get_node, read_node
from controller.store.tables import Node

SINCE = 52
_PATCH_SINCE, _BACKFILL_SINCE, _OWNER_SINCE = 57, 58, 60
_MOST_CANDIDATES = 10_000
"""So many names fit into one query of either database."""
_EARLY = HTTPStatus.METHOD_NOT_ALLOWED


def _name(value: Any, name: str) -> str | None:
    found = values.text(value, name)
    if found is not None and not is_legal_name(found):
        raise Invalid(
            f"Invalid allocation name {found!r}: use letters, digits or - . _ ~, and no UUID"
        )
    return found


def _traits(value: Any, name: str) -> list[str]:
    return [values.trait(one) for one in _list(value, name)]


def _list(value: Any, name: str) -> list[Any]:
    if value is None or isinstance(value, list):
        return value or []
    raise Invalid(f"{name} must be a list or null")


def _of_node(call: Call, session: Session, ident: str) -> Condition:
    try:
        return of_node(call, session, ident)
    except NotFound as error:
        raise Invalid(str(error)) from error


def _of_class(_call: Call, _session: Session, text: str) -> Condition:
    return Allocation.resource_class == text


def _in_state(_call: Call, _session: Session, text: str) -> Condition:
    return Allocation.state == text


def _of_owner(_call: Call, _session: Session, text: str) -> Condition:
    return Allocation.owner == text


def _without_detail(call: Call, _session: Session) -> Iterable[Condition]:
    """Refuse ``?detail=``: lists show everything."""
    if "detail" in call.query:
        raise Invalid("Unexpected arguments: detail; lists of allocations show all fields")
    return ()


def _with_node(query: Select[Any]) -> Select[Any]:
    return query.outerjoin(Node, Node.id == Allocation.node_id)


_FIELDS = (
    *identity(),
    Field(name="candidate_nodes", check=_list, is_patchable=False, default=list),
    Field(name="extra", check=values.object_, default=dict),
    Field(name="last_error", is_sortable=True),
    Field(name="links", column=None, show=as_links),
    Field(name="name", check=_name, is_sortable=True),
    Field(name="node_uuid"),
    Field(
        name="owner", since=_OWNER_SINCE, check=values.text, is_patchable=False, is_sortable=True
    ),
    Field(name="resource_class", check=values.text, is_patchable=False, is_sortable=True),
    Field(name="state", is_sortable=True),
    Field(name="traits", check=_traits, is_patchable=False, default=list),
)
ALLOCATIONS = Resource(
    path="allocations",
    kind="allocation",
    is_sought_first=True,
    table=Allocation,
    since=SINCE,
    early_write=_EARLY,
    fields=_FIELDS,
    listed=tuple(one.name for one in _FIELDS),
    has_names=True,
    has_detail=False,
    joined=_with_node,
    others={"node_uuid": Node.uuid},
    filters={
        "node": Filter(rows=_of_node),
        "resource_class": Filter(rows=_of_class),
        "state": Filter(rows=_in_state),
        "owner": Filter(rows=_of_owner, since=_OWNER_SINCE),
    },
    visible=_without_detail,
    rules="baremetal:allocation",
    own=lambda project: Allocation.owner == project,
    project_argument="owner",
    is_owned=True,
    on_delete=refuse_bound,
)


def create(call: Call) -> Response:
    """Create an allocation; a node is looked for afterwards, or ``node`` is one that is in use already."""
    body = call.body_object()
    if "node" in body and call.minor < _BACKFILL_SINCE:
        raise Invalid(f"The field node needs API version 1.{_BACKFILL_SINCE}")
    ident = values.text(body.pop("node", None), "node")
    with call.services.store.read() as session:
        body |= _converted(session, body)
        node = _named(session, ident) if ident else None
    if node is not None:
        body["uuid"] = body.get("uuid") or node.instance_uuid
        body["resource_class"] = body.get("resource_class") or node.resource_class
    elif not body.get("resource_class"):
        raise Invalid("The resource_class field is mandatory when not backfilling")
    rule = partial(backfill, None if node is None else node.uuid)
    uuid = create_item(call, replace(ALLOCATIONS, on_create=rule), body)
    return document(call, ALLOCATIONS, uuid, status=HTTPStatus.CREATED)


def patch(call: Call, ident: str) -> Response:
    """Change the name of an allocation, or what it holds for its owner (``extra``), by JSON patch."""
    return document(call, ALLOCATIONS, patch_item(call, ALLOCATIONS, ident))


def delete(call: Call, ident: str) -> Response:
    """Delete an allocation; its node is free again."""
    with call.services.store.read() as session:
        node_id = get_allocation(session, _known(ident)).node_id
        node = None if node_id is None else session.get_one(Node, node_id).uuid
    if node is None:
        delete_item(call, ALLOCATIONS, ident)
    else:
        deallocate(call, node, ident)
    return empty_reply()


def of_a_node(call: Call, ident: str) -> Response:
    """Show the allocation of a node."""
    with call.services.store.read() as session:
        uuid = _uuid_of(session, _named(session, ident).id, ident)
    names = wanted_names(call, ALLOCATIONS, ALLOCATIONS.known(call.minor))
    return document(call, ALLOCATIONS, uuid, names)


def delete_of_a_node(call: Call, ident: str) -> Response:
    """Delete the allocation of a node, which is free again."""
    with call.services.store.read() as session:
        node = read_node(session, ident, ("id", "uuid"))
        uuid = _uuid_of(session, node.id, ident)
    deallocate(call, node.uuid, uuid)
    return empty_reply()


def _known(ident: str) -> str:
    if not is_name(ident):
        raise Invalid(f"Expected UUID or name for allocation: {ident}")
    return ident


def _uuid_of(session: Session, node_id: int, ident: str) -> str:
    found = session.scalar(select(Allocation.uuid).where(Allocation.node_id == node_id))
    if found is None:
        raise NotFound(f"Allocation for node {ident} was not found")
    return found


def _named(session: Session, ident: str) -> Node:
    try:
        return get_node(session, ident)
    except NotFound as error:
        raise Invalid(str(error)) from error


def _converted(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Return the candidates by their UUIDs, in their order."""
    candidates = _list(body.get("candidate_nodes"), "candidate_nodes")
    if not candidates:
        return {}
    if len(candidates) > _MOST_CANDIDATES:
        raise Invalid(f"candidate_nodes may have {_MOST_CANDIDATES} nodes, not {len(candidates)}")
    for one in candidates:
        if not isinstance(one, str) or not is_name(one):
            raise Invalid(f"candidate_nodes: expected UUID or name of a node: {one!r}")
    wanted = [one.lower() if is_uuid(one) else one for one in candidates]
    query = select(Node.uuid, Node.name)
    known: dict[str | None, str] = {}
    for uuid, name in session.execute(query.where(Node.uuid.in_(wanted) | Node.name.in_(wanted))):
        known |= {uuid: uuid, name: uuid}
    if missing := [one for one in wanted if one not in known]:
        raise Invalid(f"Nodes cannot be found: {', '.join(missing)}")
    return {"candidate_nodes": [known[one] for one in wanted]}


_NODE = "/v1/nodes/<ident>/allocation"
ROUTES = (
    *(
        route._replace(since=_PATCH_SINCE) if route.method == "PATCH" else route
        for route in routes_of(ALLOCATIONS, own={"POST": create, "PATCH": patch, "DELETE": delete})
    ),
    Route("GET", _NODE, of_a_node, SINCE, query=("fields",), gives=ALLOCATIONS.name),
    Route("DELETE", _NODE, delete_of_a_node, SINCE),
)
"""All routes of allocations."""
