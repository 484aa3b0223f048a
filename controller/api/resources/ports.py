"""``/v1/ports``: the network interfaces of nodes, each with its MAC address."""

from typing import Any

from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.documents import values
from controller.api.resource.description import (
    Field,
    Resource,
    always,
    as_date,
    as_links,
    as_stored,
)
from controller.api.resource.of_node import BELOW_NODES, NODE_FILTERS, of_node
from controller.api.resource.rules import Change, Condition, Filter
from controller.api.resources.port_rules import refuse_change, refuse_deletion
from controller.errors import Invalid, NotFound
from controller.store.identity import is_legal_name
from controller.store.nodes import get_node
from controller.store.tables import Port

_NODE_IDENT_SINCE = 94
_LINK_KEYS = ("switch_id", "port_id", "switch_info", "network_type", "hostname")


def _always_true(value: Any, name: str) -> bool:
    if values.boolean(value, name):
        return True
    raise Invalid(f"{name} cannot be false: port groups are not served")


def _no_group(value: Any, name: str) -> None:
    if values.uuid(value, name) is not None:
        raise Invalid(f"Portgroup {value} could not be found: port groups are not served")


def _link(value: Any, name: str) -> dict[str, Any]:
    found = values.object_(value, name)
    unknown = sorted(set(found) - set(_LINK_KEYS))
    if unknown:
        raise Invalid(
            f"{name} has unknown keys: {', '.join(unknown)}; valid: {', '.join(_LINK_KEYS)}"
        )
    return found


def _name(value: Any, name: str) -> str | None:
    found = values.text(value, name)
    if found is not None and not is_legal_name(found):
        raise Invalid(f"Invalid port name {found!r}: use letters, digits or - . _ ~, and no UUID")
    return found


def _with_node_uuid(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """Let a creation name its node by ``node_ident``, UUID or name."""
    if "node_ident" in body:
        call.require(_NODE_IDENT_SINCE, "The field node_ident")
    ident = body.pop("node_ident", None)
    if not isinstance(ident, str) or not ident or "node_uuid" in body:
        return body
    with call.services.store.read() as session:
        try:
            return body | {"node_uuid": get_node(session, ident).uuid}
        except NotFound as error:
            raise Invalid(str(error)) from error


def _with_address(_call: Call, _session: Session, address: str) -> Condition:
    found: Condition = Port.address == values.mac(address, "address")
    return found


def _of_group(_call: Call, _session: Session, ident: str) -> None:
    if ident:
        raise Invalid("The filter portgroup is not served: there are no port groups")


def _refuse_change(change: Change) -> None:
    if change.node is not None:
        refuse_change(change.node, change.row.uuid, change.changed)


def _refuse_deletion(change: Change) -> None:
    if change.node is not None:
        refuse_deletion(change.node, change.row.uuid)


PORTS = Resource(
    path="ports",
    kind="port",
    table=Port,
    fields=(
        Field(name="uuid", check=values.uuid, is_patchable=False, is_sortable=True),
        Field(name="created_at", show=as_date, is_sortable=True),
        Field(name="updated_at", show=as_date, is_sortable=True),
        Field(name="address", check=values.mac, is_required=True, is_sortable=True),
        Field(name="extra", show=as_stored, check=values.object_, default=dict),
        Field(name="internal_info", show=as_stored, since=18),
        Field(
            name="is_smartnic",
            since=53,
            check=values.boolean,
            default=lambda: False,
            is_sortable=True,
        ),
        Field(name="local_link_connection", since=19, show=as_stored, check=_link, default=dict),
        Field(name="physical_network", since=34, check=values.text, is_sortable=True),
        Field(
            name="pxe_enabled",
            since=19,
            check=values.boolean,
            default=lambda: True,
            is_sortable=True,
        ),
        Field(name="node_uuid", check=values.uuid, is_required=True),
        Field(name="name", since=88, check=_name, is_sortable=True),
        Field(name="description", since=97, check=values.text, is_sortable=True),
        Field(name="vendor", since=100, check=values.text, is_sortable=True),
        Field(name="category", since=101, check=values.text, is_sortable=True),
        Field(
            name="available_for_dynamic_portgroup",
            since=111,
            column=None,
            show=always(True),
            check=_always_true,
            default=lambda: True,
        ),
        Field(name="links", column=None, show=as_links),
        Field(name="portgroup_uuid", since=24, check=_no_group),
    ),
    listed=("uuid", "address", "links"),
    has_names=True,
    is_of_node=True,
    filters={
        **NODE_FILTERS,
        "node_uuid": Filter(rows=of_node),
        "address": Filter(rows=_with_address, is_below=True),
        "portgroup": Filter(rows=_of_group),
    },
    parents=(BELOW_NODES,),
    prepare=_with_node_uuid,
    on_patch=_refuse_change,
    on_delete=_refuse_deletion,
)
