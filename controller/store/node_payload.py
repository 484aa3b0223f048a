"""A node as notifications show it. Pure.

Source: Ironic's ``NodePayload`` (``objects/node.py``), field by field. What Ironic adds for some notifications and what holds
addresses and passwords of machines and instances (``driver_info``, ``driver_internal_info``, ``instance_info``) is left out of all.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agent.protocol.masking import masked, may_hold_secrets
from controller.store.json_text import json_text
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
_MOST_BYTES = 65_536
_TOO_LONG = "left out: the notification would be too long; ask for the node"
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
    data |= {name: _date(getattr(node, name)) for name in _DATES}
    data |= {f"{one}_interface": interfaces.get(one) for one in INTERFACES}
    data |= more
    text, most_bytes = _enveloped(kind, data), _MOST_BYTES
    while len(text.encode()) > _MOST_BYTES:
        most_bytes //= 2  # and again, if masks are longer than what they hide
        text = _enveloped(kind, _without_largest(data, most_bytes))
    return text


def _without_largest(data: Mapping[str, Any], most_bytes: int) -> dict[str, Any]:
    """Return a document that is not too long: a field that is larger than each of those that stay has words in its place."""
    kept = dict(data)
    sizes = {name: len(json_text(value).encode()) for name, value in data.items()}
    left_bytes = sum(sizes.values())
    for name in sorted(sizes, key=lambda one: (sizes[one], one), reverse=True):
        if left_bytes <= most_bytes or sizes[name] <= len(_TOO_LONG):
            break
        kept[name] = _TOO_LONG
        left_bytes -= sizes[name] - len(_TOO_LONG)
    return kept


def _enveloped(kind: str, data: dict[str, Any]) -> str:
    text = json_text(data)
    if may_hold_secrets(text):
        text = json_text(masked(data))
    version = _VERSIONS.get(kind, _VERSION)
    head = f'"ironic_object.namespace":"ironic","ironic_object.name":"{kind}","ironic_object.version":"{version}"'
    return f'{{{head},"ironic_object.data":{text}}}'


def _date(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
