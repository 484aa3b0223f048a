"""``/v1/chassis``: groups of nodes; shown, made, changed and deleted by their description."""

from collections.abc import Sequence
from http import HTTPStatus

from flask import Response
from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.documents import values
from controller.api.lists import PAGE_ARGUMENTS
from controller.api.replies import empty_reply
from controller.api.resource.description import (
    Field,
    Getter,
    Resource,
    as_date,
    as_links,
    as_links_below,
)
from controller.api.resource.reading import (
    document,
    list_page,
    listed_names,
    wanted_names,
)
from controller.api.resource.values import created_values, parsed_patch, patched_values
from controller.errors import Conflict, Invalid
from controller.store.chassis import Chassis, get_chassis, has_nodes
from controller.store.identity import is_uuid, new_uuid


def _nodes(call: Call, resource: Resource, one: Field) -> Getter:
    """Show the links of its nodes as Ironic does: in a list of their own."""
    found = as_links_below(call, resource, one)
    return lambda row: [found(row)]


CHASSIS = Resource(
    path="chassis",
    kind="chassis",
    table=Chassis,
    fields=(
        Field(name="uuid", check=values.uuid, is_patchable=False, is_sortable=True),
        Field(name="created_at", show=as_date, is_sortable=True),
        Field(name="updated_at", show=as_date, is_sortable=True),
        Field(name="description", check=values.text, is_sortable=True),
        Field(name="extra", check=values.object_, default=dict),
        Field(name="links", column=None, show=as_links),
        Field(name="nodes", column=None, show=_nodes),
    ),
    listed=("uuid", "description", "links"),
)


def index(call: Call) -> Response:
    """Return a page of chassis."""
    call.expect(*PAGE_ARGUMENTS, "fields", "detail")
    return _page(call, listed_names(call, CHASSIS))


def detail(call: Call) -> Response:
    """Return a page of chassis with all fields."""
    call.expect(*PAGE_ARGUMENTS)
    return _page(call, CHASSIS.known(call.minor))


def create(call: Call) -> Response:
    """Create a chassis."""
    wanted = created_values(call, CHASSIS, call.body_object())
    row = Chassis(**wanted | {"uuid": wanted["uuid"] or new_uuid()})
    row.created_at = call.services.clock()
    with call.services.store.edit() as session:
        _refuse_taken(session, row.uuid)
        session.add(row)
        session.flush()
        uuid = row.uuid
    return document(call, CHASSIS, uuid, status=HTTPStatus.CREATED)


def show(call: Call, ident: str) -> Response:
    """Show a chassis."""
    call.expect("fields")
    return document(call, CHASSIS, ident, wanted_names(call, CHASSIS, CHASSIS.known(call.minor)))


def patch(call: Call, ident: str) -> Response:
    """Change a chassis by JSON patch."""
    _require_uuid(ident)
    operations = parsed_patch(call, CHASSIS, call.read_json())
    with call.services.store.edit() as session:
        row = get_chassis(session, ident, lock=True)
        current = {one.attribute: getattr(row, one.attribute) for one in operations}
        for name, value in patched_values(CHASSIS, operations, current).items():
            setattr(row, name, value)
        row.updated_at = call.services.clock()
    return document(call, CHASSIS, ident)


def delete(call: Call, ident: str) -> Response:
    """Delete a chassis without nodes."""
    _require_uuid(ident)
    with call.services.store.edit() as session:
        row = get_chassis(session, ident, lock=True)
        if has_nodes(session, row):
            raise Invalid(
                f"Cannot complete the requested action because chassis {row.uuid} contains nodes; take them out first"
                " (PATCH of their chassis_uuid)"
            )
        session.delete(row)
    return empty_reply()


def _page(call: Call, names: Sequence[str]) -> Response:
    with call.services.store.read() as session:
        return list_page(call, session, CHASSIS, names)


def _require_uuid(ident: str) -> None:
    if not is_uuid(ident):
        raise Invalid(f"Expected UUID for chassis: {ident}")


def _refuse_taken(session: Session, uuid: str) -> None:
    if session.query(Chassis.id).where(Chassis.uuid == uuid).first() is not None:
        raise Conflict(f"A chassis with UUID {uuid} already exists")
