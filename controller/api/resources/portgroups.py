"""``/v1/portgroups``: ports of a node that are one bond for the operating system."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.documents import values
from controller.api.resource.common_fields import identity
from controller.api.resource.description import Resource
from controller.api.resource.field import Field
from controller.api.resource.of_node import BELOW_NODES, NODE_FILTERS
from controller.api.resource.rules import Change, Condition, Filter
from controller.api.resource.shapes import as_links, as_links_below, as_stored
from controller.api.resources.group_rules import change_group, refuse_group_with_ports
from controller.errors import Invalid
from controller.store.identity import is_legal_name
from controller.store.portgroups import Portgroup

SINCE = 23
BELOW_SINCE = 24
_DEFAULT_MODE = "active-backup"


def _name(value: Any, name: str) -> str | None:
    found = values.text(value, name)
    if found is not None and not is_legal_name(found):
        raise Invalid(
            f"Invalid portgroup name {found!r}: use letters, digits or - . _ ~, and no UUID"
        )
    return found


def _standalone(value: Any, name: str) -> bool:
    return True if value is None else values.boolean(value, name)


def _choose_mode(change: Change) -> None:
    if not change.row.mode:
        change.row.mode = _DEFAULT_MODE


def _with_address(_call: Call, _session: Session, address: str) -> Condition:
    found: Condition = Portgroup.address == values.mac(address, "address")
    return found


_FILTERS = {
    **NODE_FILTERS,
    "shard": replace(NODE_FILTERS["shard"], since=106),
    "address": Filter(rows=_with_address),
}


def _one_filter(call: Call, _session: Session) -> Iterable[Condition]:
    """Refuse more than one filter, as Ironic does."""
    given = [name for name in _FILTERS if call.query.get(name)]
    if len(given) > 1:
        raise Invalid(
            f"Filtering by {' and '.join(given)} simultaneously is not supported; give one of them"
        )
    return ()


PORTGROUPS = Resource(
    path="portgroups",
    kind="portgroup",
    is_sought_first=True,
    table=Portgroup,
    fields=(
        *identity(SINCE),
        Field(name="address", since=SINCE, check=values.optional_mac, is_sortable=True),
        Field(name="extra", since=SINCE, show=as_stored, check=values.object_, default=dict),
        Field(name="internal_info", since=SINCE, show=as_stored),
        Field(name="mode", since=26, check=values.text, is_sortable=True, is_removable=False),
        Field(name="name", since=SINCE, check=_name, is_sortable=True),
        Field(name="properties", since=26, show=as_stored, check=values.object_, default=dict),
        Field(
            name="standalone_ports_supported",
            since=SINCE,
            check=_standalone,
            default=lambda: True,
            is_sortable=True,
        ),
        Field(name="node_uuid", since=SINCE, check=values.uuid, is_required=True),
        Field(name="physical_network", since=102, check=values.text, is_sortable=True),
        Field(name="category", since=103, check=values.text, is_sortable=True),
        Field(name="dynamic_portgroup", since=111, is_sortable=True),
        Field(name="links", since=SINCE, column=None, show=as_links),
        Field(name="ports", since=SINCE, column=None, show=as_links_below),
    ),
    listed=("uuid", "address", "name", "links"),
    since=SINCE,
    has_names=True,
    is_of_node=True,
    rules="baremetal:portgroup",
    filters=_FILTERS,
    visible=_one_filter,
    parents=(replace(BELOW_NODES, since=BELOW_SINCE),),
    on_create=_choose_mode,
    on_patch=change_group,
    on_delete=refuse_group_with_ports,
)
