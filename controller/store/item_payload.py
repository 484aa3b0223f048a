"""What notifications show of everything but nodes: ports, port groups, chassis, volumes, allocations, templates, runbooks and rules. Pure.

Source: Ironic's ``*CRUDPayload`` (``objects/*.py``), field by field; a test compares them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from controller.store.allocations import Allocation
from controller.store.base import Base
from controller.store.chassis import Chassis
from controller.store.deploy_templates import DeployTemplate
from controller.store.inspection_rules import InspectionRule
from controller.store.payload_text import date_text, payload_text
from controller.store.portgroups import Portgroup
from controller.store.runbooks import Runbook
from controller.store.tables import Port
from controller.store.volumes import VolumeConnector, VolumeTarget

_REDACTED = MappingProxyType(
    {"redacted_contents": "** Value redacted: not published on the notification bus. **"}
)
"""Ironic's words in place of what the API shows to few."""
_DATES = ("created_at", "updated_at")
_SILENT = frozenset({"updated_at", "internal_info", "tries"})
"""Columns whose change alone is told to nobody: they are ours."""
Redact = Callable[[Any, dict[str, Any]], None]


def _nothing(_row: Any, _data: dict[str, Any]) -> None:
    """Withhold nothing."""


def _redact_properties(_row: Any, data: dict[str, Any]) -> None:
    if data["properties"]:
        data["properties"] = dict(_REDACTED)


def _redact_sensitive(row: Any, data: dict[str, Any]) -> None:
    if row.sensitive:
        data["actions"] = data["conditions"] = [dict(_REDACTED)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKind:
    """One kind of thing that notifications tell of."""

    word: str
    """In event types: Ironic's class in lower case."""
    payload: str
    version: str
    fields: tuple[str, ...]
    """Columns that the payload has beside ``uuid`` and the dates."""
    has_node: bool = False
    """It belongs to a node, or, as an allocation, may have one: its payload has ``node_uuid``."""
    others: tuple[str, ...] = ()
    """What Ironic's payload has and we have no column for."""
    redact: Redact = _nothing


ITEM_KINDS: Mapping[type[Base], ItemKind] = MappingProxyType(
    {
        Port: ItemKind(
            word="port",
            payload="PortCRUDPayload",
            version="1.8",
            fields=(
                *("address", "extra", "local_link_connection", "pxe_enabled", "portgroup_uuid"),
                *("physical_network", "is_smartnic", "name", "description", "vendor", "category"),
                "available_for_dynamic_portgroup",
            ),
            has_node=True,
        ),
        Portgroup: ItemKind(
            word="portgroup",
            payload="PortgroupCRUDPayload",
            version="1.3",
            fields=(
                *("address", "category", "extra", "mode", "name", "properties"),
                *("physical_network", "standalone_ports_supported", "dynamic_portgroup"),
            ),
            has_node=True,
        ),
        Chassis: ItemKind(
            word="chassis",
            payload="ChassisCRUDPayload",
            version="1.0",
            fields=("description", "extra"),
        ),
        VolumeConnector: ItemKind(
            word="volumeconnector",
            payload="VolumeConnectorCRUDPayload",
            version="1.0",
            fields=("extra", "type", "connector_id"),
            has_node=True,
        ),
        VolumeTarget: ItemKind(
            word="volumetarget",
            payload="VolumeTargetCRUDPayload",
            version="1.0",
            fields=("boot_index", "extra", "properties", "volume_id", "volume_type"),
            has_node=True,
            redact=_redact_properties,
        ),
        Allocation: ItemKind(
            word="allocation",
            payload="AllocationCRUDPayload",
            version="1.1",
            fields=(
                *("candidate_nodes", "extra", "last_error", "name", "owner", "resource_class"),
                *("state", "traits"),
            ),
            has_node=True,
        ),
        DeployTemplate: ItemKind(
            word="deploytemplate",
            payload="DeployTemplateCRUDPayload",
            version="1.0",
            fields=("extra", "name", "steps"),
        ),
        Runbook: ItemKind(
            word="runbook",
            payload="RunbookCRUDPayload",
            version="1.1",
            fields=(
                *("description", "disable_ramdisk", "extra", "name", "owner", "public", "steps"),
                "traits",
            ),
        ),
        InspectionRule: ItemKind(
            word="inspectionrule",
            payload="InspectionRuleCRUDPayload",
            version="1.0",
            fields=("description", "phase", "priority", "sensitive", "actions", "conditions"),
            others=("scope",),
            redact=_redact_sensitive,
        ),
    }
)
ITEM_EVENT_TYPES = tuple(
    f"baremetal.{kind.word}.{action}.end"
    for kind in ITEM_KINDS.values()
    for action in ("create", "update", "delete")
)
"""All that is told of them."""


def item_payload(row: Base, node_uuid: str | None) -> str:
    """Return the payload of a notification about anything but a node, as JSON of bounded length.

    Args:
        row: As it is now, or was when it was deleted.
        node_uuid: Of its node; ``None`` = it has none.
    """
    kind = ITEM_KINDS[type(row)]
    data: dict[str, Any] = {name: getattr(row, name) for name in ("uuid", *kind.fields)}
    data |= {name: date_text(getattr(row, name)) for name in _DATES}
    data |= dict.fromkeys(kind.others)
    if kind.has_node:
        data["node_uuid"] = node_uuid
    kind.redact(row, data)
    return payload_text(kind.payload, kind.version, data, of=kind.word)


def is_told(names: frozenset[str]) -> bool:
    """Say whether a change of columns with these names is told."""
    return not names <= _SILENT
