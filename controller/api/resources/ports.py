"""``/v1/ports``: the network interfaces of nodes, each with its MAC address."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from controller.api.access.sight import see_portgroup
from controller.api.call import Call
from controller.api.documents import values
from controller.api.resource.common_fields import identity
from controller.api.resource.description import Resource
from controller.api.resource.field import Field
from controller.api.resource.of_node import BELOW_NODES, NODE_FILTERS, of_node
from controller.api.resource.rules import Change, Condition, Filter, Parent
from controller.api.resource.shapes import as_links, as_stored
from controller.api.resources.group_rules import join_group, refuse_while_inspecting, stay_in_group
from controller.api.resources.port_links import link, require_version
from controller.api.resources.port_rules import (
    refuse_change,
    refuse_deletion,
    refuse_while_attached,
)
from controller.errors import Forbidden, Invalid, NotFound
from controller.store.identity import is_legal_name, is_uuid
from controller.store.nodes import get_node
from controller.store.tables import Port
from controller.workflow.vif_places import vif_of
from controller.workflow.vifs import SMART_LINK, keeps_vifs

_NODE_IDENT_SINCE = 94
_GROUP_SINCE = 24
_SHARD_SINCE = 82


def _name(value: Any, name: str) -> str | None:
    found = values.text(value, name)
    if found is not None and not is_legal_name(found):
        raise Invalid(f"Invalid port name {found!r}: use letters, digits or - . _ ~, and no UUID")
    return found


def _with_node_uuid(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """Let a creation name its node by ``node_ident``, UUID or name."""
    if "node_ident" not in body:
        return body
    call.require(_NODE_IDENT_SINCE, "The field node_ident")
    ident = body.pop("node_ident")
    if not isinstance(ident, str) or "node_uuid" in body:
        raise Invalid("Give the node as node_ident, a UUID or name, or as node_uuid, not both")
    with call.services.store.read() as session:
        try:
            return body | {"node_uuid": get_node(session, ident).uuid}
        except NotFound as error:
            raise Invalid(str(error)) from error


def _with_address(_call: Call, _session: Session, address: str) -> Condition:
    found: Condition = Port.address == values.mac(address, "address")
    return found


def _of_node_uuid(call: Call, session: Session, uuid: str) -> Condition:
    if not is_uuid(uuid):
        raise Invalid(f"Expected UUID for node_uuid: {uuid}")
    return of_node(call, session, uuid)


def _of_group(call: Call, session: Session, ident: str) -> Condition:
    if not is_uuid(ident) and not is_legal_name(ident):
        raise Invalid(f"Expected a UUID or name for portgroup: {ident}")
    found: Condition = Port.portgroup_uuid == see_portgroup(call, session, ident).uuid
    return found


def _with_words(_call: Call, _session: Session, words: str) -> Condition | None:
    return Port.description.icontains(words, autoescape=True) if words else None


def _filters_together(call: Call, _session: Session) -> Iterable[Condition]:
    """Refuse filters that Ironic does not take together."""
    given = {name for name in _FILTERS if call.query.get(name)}
    places = [bool(given & names) for names in ({"node", "node_uuid"}, {"portgroup"}, {"shard"})]
    if sum(places) > 1:
        raise Forbidden("Choose ports by node, portgroup or shard, not by two of them")
    if "conductor_groups" in given and given & {"node", "node_uuid", "portgroup", "address"}:
        raise Invalid(
            "Filtering by conductor_groups cannot be combined with node, portgroup or address"
        )
    return ()


def _check_new(change: Change) -> None:
    port, has_link = change.row, "local_link_connection" in change.changed
    require_version(change.call, port.local_link_connection)
    if port.is_smartnic and has_link and not port.local_link_connection.keys() >= SMART_LINK:
        raise Invalid("Smart NIC port must have port_id and hostname in local_link_connection")
    join_group(change)


def _physical_network(value: Any, name: str) -> str | None:
    found = values.text(value, name)
    if found == "":
        raise Invalid(f"A non-empty value is required when setting {name}; null for none")
    return found


def _refuse_change(change: Change) -> None:
    refuse_while_inspecting(change)
    if change.node is not None:
        refuse_change(change.node, change.row.uuid, change.changed)
    if "node_uuid" in change.changed:
        _stay_known(change, "moves to another node")
    stay_in_group(change)


def _refuse_deletion(change: Change) -> None:
    if change.node is not None:
        is_kept = keeps_vifs(change.call.services, change.node)
        refuse_deletion(change.node, change.row.uuid, vif_of(change.row) if is_kept else None)
        _stay_known(change, "is deleted")


def _stay_known(change: Change, what: str) -> None:
    """Refuse to forget a port that is in a network at its switch; the other node need not be one that takes it out."""
    if change.node is not None:
        now = change.call.services.clock()
        what = f"port {change.row.uuid} {what}"
        refuse_while_attached(change.session, change.node, [change.row], what, now)


_FILTERS = {
    **NODE_FILTERS,
    "shard": replace(NODE_FILTERS["shard"], since=_SHARD_SINCE),
    "node_uuid": Filter(rows=_of_node_uuid),
    "address": Filter(rows=_with_address, is_below=True),
    "portgroup": Filter(rows=_of_group, since=_GROUP_SINCE),
    "description_contains": Filter(rows=_with_words, is_below=True),
}

PORTS = Resource(
    path="ports",
    kind="port",
    table=Port,
    fields=(
        *identity(),
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
        Field(name="local_link_connection", since=19, show=as_stored, check=link, default=dict),
        Field(name="physical_network", since=34, check=_physical_network, is_sortable=True),
        Field(
            name="pxe_enabled",
            since=19,
            check=values.boolean,
            default=lambda: True,
            is_sortable=True,
        ),
        Field(name="node_uuid", check=values.uuid, is_required=True),
        Field(name="name", since=88, check=_name, is_sortable=True),
        Field(name="description", since=97, check=values.text_up_to(255), is_sortable=True),
        Field(name="vendor", since=100, check=values.text_up_to(32), is_sortable=True),
        Field(name="category", since=101, check=values.text_up_to(80), is_sortable=True),
        Field(
            name="available_for_dynamic_portgroup",
            since=111,
            check=values.truth,
            default=lambda: True,
            is_sortable=True,
        ),
        Field(name="links", column=None, show=as_links),
        Field(name="portgroup_uuid", since=24, check=values.uuid),
    ),
    listed=("uuid", "address", "links"),
    has_names=True,
    is_of_node=True,
    rules="baremetal:port",
    filters=_FILTERS,
    visible=_filters_together,
    parents=(
        BELOW_NODES,
        Parent(path="portgroups/<ident>", rows=_of_group, since=_GROUP_SINCE),
    ),
    prepare=_with_node_uuid,
    on_create=_check_new,
    on_patch=_refuse_change,
    on_delete=_refuse_deletion,
)
