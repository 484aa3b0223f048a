"""A node as notifications show it. Pure.

Source: Ironic's ``NodePayload`` (``objects/node.py``), field by field. What Ironic adds for some notifications and what holds
addresses and passwords of machines and instances (``driver_info``, ``driver_internal_info``, ``instance_info``) is left out of all.
"""

from collections.abc import Mapping
from typing import Any

from controller.store.payload_text import date_text, payload_text
from controller.store.tables import Node

INTERFACES = (
    *("bios", "boot", "console", "deploy", "inspect", "management", "network"),
    *("power", "raid", "rescue", "storage", "vendor"),
)
"""The kinds that Ironic names; ``firmware`` is not among them."""
_PLAIN = (
    *("clean_step", "conductor_group", "console_enabled", "deploy_step", "description", "driver"),
    *("extra", "boot_mode", "secure_boot", "instance_uuid", "last_error", "maintenance"),
    *("maintenance_reason", "fault", "name", "owner", "lessee", "power_state", "properties"),
    *("protected", "protected_reason", "provision_state", "resource_class", "retired"),
    *("retired_reason", "target_power_state", "target_provision_state", "traits", "uuid"),
)
_DATES = (
    *("created_at", "inspection_finished_at", "inspection_started_at", "provision_updated_at"),
    "updated_at",
)
_VERSIONS = {"NodeSetProvisionStatePayload": "1.17", "NodeCRUDPayload": "1.14"}
_VERSION = "1.16"


def node_payload(
    node: Node, kind: str, interfaces: Mapping[str, str | None], more: Mapping[str, Any]
) -> str:
    """Return the payload of a notification about a node, as JSON of bounded length.

    Args:
        node: Its row, as it is now.
        kind: Name of the payload's type.
        interfaces: The node's, by kind.
        more: What this kind of notification says beside; it wins over the node's fields.
    """
    data: dict[str, Any] = {name: getattr(node, name) for name in _PLAIN}
    data |= {name: date_text(getattr(node, name)) for name in _DATES}
    data |= {f"{one}_interface": interfaces.get(one) for one in INTERFACES}
    data |= more
    return payload_text(kind, _VERSIONS.get(kind, _VERSION), data, of="node")
