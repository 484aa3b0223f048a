"""The fields of a node as one table: since which microversion, from which columns, who may change them.

Source: Ironic's node document at API 1.115, field by field; ``progress``, ``stage``, the two
``stage_*_at`` dates, ``status_text``, ``image_receipt`` and ``burnin`` are ours, and other clients ignore them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from controller.api.documents import values
from controller.hardware.interface import INTERFACE_KINDS

Check = Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeField:
    """One field of the node document."""

    name: str
    since: int = 1
    """Microversion 1.``since`` that shows and takes it."""
    columns: tuple[str, ...] = ()
    """Columns that it is made of; empty for links."""
    shape: str = "plain"
    """How ``view.py`` renders it: ``plain``, ``date``, ``masked``, ``interface``, ``links``, or its own."""
    check: Check | None = None
    """Turns a client's value into the stored one; ``None`` = clients cannot set it."""
    at_creation: bool = False
    by_patch: bool = False
    sortable: bool = False


def _plain(name: str, since: int = 1, *, sortable: bool = True) -> NodeField:
    return NodeField(name=name, since=since, columns=(name,), sortable=sortable)


def _date(name: str, since: int = 1) -> NodeField:
    return NodeField(name=name, since=since, columns=(name,), shape="date", sortable=True)


def _set(
    name: str, check: Check, since: int = 1, *, shape: str = "plain", creatable: bool = True
) -> NodeField:
    return NodeField(
        name=name,
        since=since,
        columns=(name,),
        shape=shape,
        check=check,
        at_creation=creatable,
        by_patch=True,
        sortable=check is not values.object_,
    )


def _interface(kind: str) -> NodeField:
    return NodeField(
        name=f"{kind}_interface",
        since=_INTERFACE_SINCE.get(kind, 31),
        columns=("driver", "interfaces"),
        shape="interface",
        check=values.text,
        at_creation=True,
        by_patch=True,
    )


def _made(name: str, shape: str, since: int = 1, *columns: str) -> NodeField:
    return NodeField(name=name, since=since, columns=columns, shape=shape)


_INTERFACE_SINCE = {"network": 20, "storage": 33, "rescue": 38, "bios": 40, "firmware": 86}

_STATUS_COLUMNS = (
    *("stage", "stage_started_at", "stage_deadline_at", "progress", "last_error"),
    *("maintenance", "provision_state"),
)

_FIELDS = (
    NodeField(name="uuid", columns=("uuid",), check=values.uuid, at_creation=True, sortable=True),
    _date("created_at"),
    _date("updated_at"),
    _set("automated_clean", values.optional_boolean, 47),
    *(_interface(kind) for kind in INTERFACE_KINDS),
    _plain("boot_mode", 75),
    _plain("clean_step", 7, sortable=False),
    _set("conductor_group", values.text, 46),
    _plain("console_enabled"),
    _set("disable_power_off", values.boolean, 95),
    _plain("deploy_step", 44, sortable=False),
    _set("description", values.text, 51),
    _set("driver", values.text),
    _set("driver_info", values.object_, shape="masked"),
    NodeField(
        name="driver_internal_info", since=3, columns=("driver_internal_info",), shape="masked"
    ),
    _set("extra", values.object_),
    _plain("fault", 42),
    _made("health", "null", 109),
    _date("inspection_finished_at", 6),
    _date("inspection_started_at", 6),
    NodeField(
        name="instance_info",
        columns=("instance_info", "config_drive"),
        shape="instance_info",
        check=values.object_,
        at_creation=True,
        by_patch=True,
    ),
    _set("instance_name", values.text, 104),
    _set("instance_uuid", values.uuid),
    _plain("last_error"),
    _set("lessee", values.text, 65),
    _set("maintenance", values.boolean),
    _plain("maintenance_reason"),
    _set("name", values.text, 5),
    _set("network_data", values.object_, 66),
    _set("owner", values.text, 50),
    _set("parent_node", values.text, 83),
    _plain("power_state"),
    _set("properties", values.object_),
    _set("protected", values.boolean, 48, creatable=False),
    _set("protected_reason", values.text, 48, creatable=False),
    _plain("provision_state"),
    _date("provision_updated_at"),
    _plain("raid_config", 12, sortable=False),
    NodeField(name="reservation", columns=("claim_owner",), shape="reservation"),
    _set("resource_class", values.text, 21),
    _set("retired", values.boolean, 61),
    _set("retired_reason", values.text, 61),
    _plain("secure_boot", 75),
    _plain("service_step", 87, sortable=False),
    _set("shard", values.text, 82),
    _plain("target_power_state"),
    _plain("target_provision_state"),
    _plain("target_raid_config", 12, sortable=False),
    _plain("traits", 37, sortable=False),
    _made("links", "links", 1, "uuid"),
    _plain("conductor", 49),
    _made("allocation_uuid", "null", 52),
    _set("chassis_uuid", values.uuid),
    _made("ports", "sub_links", 1, "uuid"),
    _made("states", "sub_links", 14, "uuid"),
    _made("portgroups", "sub_links", 24, "uuid"),
    _made("volume", "sub_links", 32, "uuid"),
    _plain("progress", sortable=False),
    _plain("stage", sortable=False),
    _date("stage_started_at"),
    _made("stage_deadline_at", "deadline", 1, "stage_deadline_at"),
    _made("status_text", "status", 1, *_STATUS_COLUMNS),
    _made("image_receipt", "receipt", 1, "driver_internal_info"),
    _made("burnin", "receipt", 1, "driver_internal_info"),
)

NODE_FIELDS: Mapping[str, NodeField] = MappingProxyType({field.name: field for field in _FIELDS})
"""All fields by name, in the order of the document."""

LIST_FIELDS = ("instance_uuid", "maintenance", "power_state", "provision_state", "uuid", "name")
"""What a list shows that was asked for no fields."""

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


def patchable(minor: int | None = None) -> tuple[str, ...]:
    """Return the names that a patch may change; ``None`` = whatever the microversion."""
    return tuple(
        field.name
        for field in _FIELDS
        if field.by_patch and (minor is None or field.since <= minor)
    )
