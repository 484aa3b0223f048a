"""The fields of a node as one table: since which microversion, from which columns, who may change them.

Source: Ironic's node document at API 1.115, field by field; ``progress``, ``stage``, the two
``stage_*_at`` dates, ``status_text``, ``image_receipt`` and ``burnin`` are ours, and other clients ignore them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import Select, Text, and_, cast

from controller.api.documents import values
from controller.api.documents.network_data import network_data
from controller.api.nodes.filters import BELOW_CHASSIS, NODE_FILTERS, without_children
from controller.api.nodes.shapes import (
    INTERFACE_COLUMNS,
    STATUS_COLUMNS,
    as_deadline,
    as_instance_info,
    as_interface,
    as_internal,
    as_provision_state,
    as_status,
)
from controller.api.resource.common_fields import identity
from controller.api.resource.description import Resource
from controller.api.resource.field import Check, Field, Shape
from controller.api.resource.shapes import (
    as_date,
    as_links,
    as_links_below,
    as_masked,
    as_stored,
)
from controller.errors import Invalid
from controller.hardware.interface import INTERFACE_KINDS
from controller.store.allocations import UUID_OF_NODE
from controller.store.tables import NODE, WORKFLOW, Node, Work

_INTERFACE_SINCE = {"network": 20, "storage": 33, "rescue": 38, "bios": 40, "firmware": 86}
_DEFAULTS: Mapping[Check, Callable[[], Any]] = MappingProxyType(
    {values.object_: dict, values.boolean: bool}
)


def _driver(value: Any, name: str) -> str | None:
    if not value:
        raise Invalid("driver cannot be empty; GET /v1/drivers lists the valid ones")
    return values.text(value, name)


def _plain(name: str, since: int = 1, *, is_sortable: bool = True) -> Field:
    return Field(name=name, since=since, is_sortable=is_sortable)


def _document(name: str, since: int = 1) -> Field:
    """Return a field that the controller sets and that holds no secrets."""
    return Field(name=name, since=since, show=as_stored)


def _date(name: str, since: int = 1) -> Field:
    return Field(name=name, since=since, show=as_date, is_sortable=True)


def _set(name: str, check: Check, since: int = 1, *, is_creatable: bool = True) -> Field:
    return Field(
        name=name,
        since=since,
        check=check,
        is_creatable=is_creatable,
        default=_DEFAULTS.get(check, lambda: None),
        is_sortable=True,
    )


def _set_document(
    name: str, since: int = 1, *, show: Shape = as_stored, check: Check = values.object_
) -> Field:
    return Field(name=name, since=since, show=show, check=check, default=dict)


def _interface_name(value: Any, name: str) -> str | None:
    found = values.text(value, name)
    if found == "":
        raise Invalid(
            f"{name} must be the name of an interface, or null for the default; it is empty"
        )
    return found


def _interface(kind: str) -> Field:
    return Field(
        name=f"{kind}_interface",
        since=_INTERFACE_SINCE.get(kind, 31),
        column=None,
        also=INTERFACE_COLUMNS,
        show=as_interface,
        check=_interface_name,
    )


def _of_owner(one: Field, what: str) -> Field:
    """Hide a field from who has only leased the node, by the rule ``baremetal:node:get:<what>``."""
    rule = f"baremetal:node:get:{what}"
    words = f"needs the rule {rule}"
    instead = {"redacted": words} if one.show is as_masked else words
    is_ours = one.show in (as_internal, as_status)
    return replace(
        one,
        also=(*one.also, "owner", "lessee"),
        seen_by=rule,
        instead=None if is_ours else instead,
    )


def _below(name: str, since: int = 1) -> Field:
    """Return the links of a collection below the node."""
    return Field(name=name, since=since, column=None, show=as_links_below)


def _with_work(query: Select[Any]) -> Select[Any]:
    """Join the workflow that is at a node, if its columns are wanted: one look-up for all of them."""
    if Work.__table__ not in query.get_final_froms():
        return query
    is_mine = (Work.subject_kind == NODE, Work.subject_id == Node.id, Work.lane == WORKFLOW)
    return query.outerjoin(Work, and_(*is_mine))


_FIELDS = (
    *identity(),
    _set("automated_clean", values.optional_boolean, 47),
    *(_interface(kind) for kind in INTERFACE_KINDS),
    _plain("boot_mode", 75),
    _document("clean_step", 7),
    _set("conductor_group", values.text, 46),
    _plain("console_enabled"),
    _set("disable_power_off", values.boolean, 95),
    _document("deploy_step", 44),
    _set("description", values.text_up_to(4096), 51),
    Field(name="driver", check=_driver, is_required=True, is_sortable=True),
    _of_owner(_set_document("driver_info", show=as_masked), "driver_info"),
    _of_owner(Field(name="driver_internal_info", since=3, show=as_masked), "driver_internal_info"),
    _set_document("extra"),
    _plain("fault", 42),
    _plain("health", 109),
    _date("inspection_finished_at", 6),
    _date("inspection_started_at", 6),
    Field(
        name="instance_info",
        also=("has_config_drive",),
        show=as_instance_info,
        check=values.object_,
        default=dict,
    ),
    _set("instance_name", values.text_up_to(255, least=1), 104),
    Field(
        name="instance_uuid",
        check=values.uuid,
        is_sortable=True,
        taken="Instance {} is already associated with a node",
    ),
    _of_owner(_plain("last_error"), "last_error"),
    _set("lessee", values.text, 65),
    _set("maintenance", values.boolean),
    _plain("maintenance_reason"),
    _set("name", values.text, 5),
    _set_document("network_data", 66, check=network_data),
    _set("owner", values.text, 50),
    _set("parent_node", values.text, 83),
    _plain("power_state"),
    _set_document("properties"),
    _set("protected", values.boolean, 48, is_creatable=False),
    _set("protected_reason", values.text, 48, is_creatable=False),
    Field(name="provision_state", show=as_provision_state, is_sortable=True),
    _date("provision_updated_at"),
    _document("raid_config", 12),
    _of_owner(Field(name="reservation", column="claim_owner", is_sortable=True), "reservation"),
    _set("resource_class", values.text, 21),
    _set("retired", values.boolean, 61),
    _set("retired_reason", values.text, 61),
    _plain("secure_boot", 75),
    _document("service_step", 87),
    _set("shard", values.text, 82),
    _plain("target_power_state"),
    _plain("target_provision_state"),
    _document("target_raid_config", 12),
    _plain("traits", 37, is_sortable=False),
    Field(name="links", column=None, show=as_links),
    _plain("conductor", 49),
    Field(name="allocation_uuid", since=52),
    _set("chassis_uuid", values.uuid),
    _below("ports"),
    _below("states", 14),
    _below("portgroups", 24),
    _below("volume", 32),
    _document("progress"),
    _plain("stage", is_sortable=False),
    _date("stage_started_at"),
    Field(name="stage_deadline_at", show=as_deadline),
    _of_owner(
        Field(name="status_text", column=None, also=STATUS_COLUMNS, show=as_status), "last_error"
    ),
    _of_owner(
        Field(name="image_receipt", column="driver_internal_info", show=as_internal),
        "driver_internal_info",
    ),
    _of_owner(
        Field(name="burnin", column="driver_internal_info", show=as_internal),
        "driver_internal_info",
    ),
)

NODES = Resource(
    path="nodes",
    kind="node",
    table=Node,
    fields=_FIELDS,
    listed=(
        "instance_uuid",
        "maintenance",
        "power_state",
        "provision_state",
        "uuid",
        "name",
        "links",
    ),
    has_names=True,
    others={
        "allocation_uuid": UUID_OF_NODE,
        "interfaces_text": cast(Node.interfaces, Text),
        **{name: getattr(Work, name) for name in ("stage", "claim_owner")},
        "stage_started_at": Work.started_at,
        "stage_deadline_at": Work.deadline_at,
    },
    joined=_with_work,
    filters=NODE_FILTERS,
    visible=without_children,
    parents=(BELOW_CHASSIS,),
    rules="baremetal:node",
    project_argument="project",
    is_owned=True,
)
"""The collection; how nodes are made, changed and deleted is code of its own."""

STATES_FIELDS = (
    "console_enabled",
    "last_error",
    "power_state",
    "provision_state",
    "target_power_state",
    "target_provision_state",
    "provision_updated_at",
    "raid_config",
    "target_raid_config",
    "boot_mode",
    "secure_boot",
    "progress",
    "stage",
    "stage_started_at",
    "stage_deadline_at",
    "status_text",
)
"""What ``GET /v1/nodes/<ident>/states`` shows."""
