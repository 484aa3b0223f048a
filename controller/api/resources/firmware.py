"""``/v1/nodes/<ident>/bios`` and ``/firmware``: what BMCs told of the firmware of a node; nobody is asked now.

Workflows keep it (``workflow/firmware_look.py``), and steps change it. Ironic's lists of these have no pages.
"""

from collections.abc import Sequence

from flask import Response

from controller.api.call import Call
from controller.api.replies import json_reply, links
from controller.api.resource.by_column import Document
from controller.api.resource.description import Resource
from controller.api.resource.field import Field, Getter
from controller.api.resource.reading import listed_names, made_items
from controller.api.resource.shapes import as_date
from controller.api.route import Route
from controller.errors import Invalid, NotFound
from controller.store.firmware import BiosSetting, FirmwareComponent
from controller.store.nodes import read_node

_BIOS_SINCE, _REGISTRY_SINCE = 40, 74
_FIRMWARE_SINCE, _IDENTITY_SINCE = 86, 114
_LONGEST_NAME = 255
_ALWAYS = ("created_at", "updated_at", "links")
_DATES = (
    Field(name="created_at", show=as_date),
    Field(name="updated_at", show=as_date),
)


def _links(call: Call, _resource: Resource, _one: Field) -> Getter:
    return lambda row: links(call.base_url, f"nodes/{row.node_uuid}/bios/{row.name}")


def _choices(_call: Call, _resource: Resource, _one: Field) -> Getter:
    """Show an empty list where it is not known what may be chosen, as Ironic does."""
    return lambda row: row.allowable_values or []


BIOS = Resource(
    path="bios",
    kind="bios setting",
    table=BiosSetting,
    ident="name",
    since=_BIOS_SINCE,
    fields_since=_REGISTRY_SINCE,
    detail_since=_REGISTRY_SINCE,
    is_of_node=True,
    fields=(
        *_DATES,
        Field(name="links", column=None, also=("node_uuid",), show=_links),
        Field(name="name"),
        Field(name="value"),
        Field(name="allowable_values", since=_REGISTRY_SINCE, show=_choices),
        *(
            Field(name=name, since=_REGISTRY_SINCE)
            for name in (
                "attribute_type",
                "lower_bound",
                "max_length",
                "min_length",
                "read_only",
                "reset_required",
                "unique",
                "upper_bound",
            )
        ),
    ),
    listed=(*_ALWAYS, "name", "value"),
)
FIRMWARE = Resource(
    path="firmware",
    kind="firmware component",
    table=FirmwareComponent,
    ident="component",
    since=_FIRMWARE_SINCE,
    fields_since=_FIRMWARE_SINCE,
    detail_since=_FIRMWARE_SINCE,
    is_of_node=True,
    fields=(
        *_DATES,
        *(
            Field(name=name)
            for name in ("component", "initial_version", "current_version", "last_version_flashed")
        ),
        *(
            Field(name=name, since=_IDENTITY_SINCE, early=Invalid)
            for name in ("vendor", "model", "serial_number")
        ),
    ),
    listed=(
        "created_at",
        "updated_at",
        "component",
        "initial_version",
        "current_version",
        "last_version_flashed",
        "vendor",
        "model",
        "serial_number",
    ),
)


def bios(call: Call, ident: str) -> Response:
    """List the settings of the node's BIOS."""
    call.expect(*(("fields", "detail") if call.minor >= _REGISTRY_SINCE else ()))
    return json_reply({"bios": _listed(call, BIOS, ident)})


def bios_setting(call: Call, ident: str, setting: str) -> Response:
    """Show a setting of the node's BIOS."""
    if len(setting) > _LONGEST_NAME:
        raise Invalid(
            f"the name of a BIOS setting has at most {_LONGEST_NAME} letters, not {len(setting)}"
        )
    with call.services.store.read() as session:
        node = read_node(session, ident, ("id", "uuid"))
        names = BIOS.known(call.minor)
        query = BIOS.select(names)
        query = query.where(BiosSetting.node_id == node.id, BiosSetting.name == setting)
        row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"Node {node.uuid} doesn't have a BIOS setting '{setting}'")
    (made,) = made_items(call, BIOS, names, [row])
    return json_reply({row.name: made})


def firmware(call: Call, ident: str) -> Response:
    """List the parts of the node that have firmware, and their versions."""
    return json_reply({"firmware": _listed(call, FIRMWARE, ident)})


def _listed(call: Call, resource: Resource, ident: str) -> Sequence[Document]:
    wanted = listed_names(call, resource)
    names = [name for name in resource.by_name if name in {*wanted, *_ALWAYS}]
    table = resource.table
    with call.services.store.read() as session:
        node = read_node(session, ident, ("id",))
        query = (
            resource.select(names)
            .where(table.node_id == node.id)
            .order_by(getattr(table, resource.ident))
        )
        rows = session.execute(query).all()
    return made_items(call, resource, names, rows)


_NODE = "/v1/nodes/<ident>"
ROUTES = (
    Route(
        "GET",
        f"{_NODE}/bios",
        bios,
        _BIOS_SINCE,
        query=("fields", "detail"),
        gives="bios_setting.list",
    ),
    Route("GET", f"{_NODE}/bios/<setting>", bios_setting, _BIOS_SINCE, gives=dict),
    Route(
        "GET",
        f"{_NODE}/firmware",
        firmware,
        _FIRMWARE_SINCE,
        query=("fields", "detail"),
        gives="firmware_component.list",
    ),
)
