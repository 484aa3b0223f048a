"""The node and its ports as the agent sees them in lookups and orders. Pure; contains no secret.

Source: Ironic's conductor (recorded conversations with ironic-python-agent).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from agent.protocol.lookup import MASKED_TOKEN
from agent.protocol.masking import masked
from controller.settings import Settings
from controller.store.tables import Node, Port

_ERASURE = {
    "agent_erase_devices_iterations": 1,
    "agent_erase_devices_zeroize": True,
    "agent_continue_if_secure_erase_failed": False,
    "agent_continue_if_ata_erase_failed": False,
    "agent_enable_nvme_secure_erase": True,
    "agent_enable_ata_secure_erase": True,
    "disk_erasure_concurrency": 4,
    "agent_erase_skip_read_only": False,
}
"""How the real agent erases; it reads these from ``driver_internal_info``."""
_PLAIN = [
    "uuid",
    "name",
    "instance_uuid",
    "driver",
    "properties",
    "instance_info",
    "extra",
    "clean_step",
    "deploy_step",
    "service_step",
    "raid_config",
    "target_raid_config",
    "power_state",
    "target_power_state",
    "provision_state",
    "target_provision_state",
    "maintenance",
    "fault",
    "automated_clean",
    "network_data",
    "owner",
    "lessee",
    "resource_class",
    "boot_mode",
    "secure_boot",
]
_PORT_PLAIN = [
    "uuid",
    "address",
    "extra",
    "local_link_connection",
    "pxe_enabled",
    "internal_info",
    "physical_network",
    "is_smartnic",
    "name",
    "description",
]


def iso_time(seconds: float) -> str:
    """Write a time as Ironic does inside ``driver_internal_info`` (UTC without a zone)."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()


class KnowsAgent(Protocol):
    """A node, or as much of its row as says what its agent is told."""

    @property
    def driver_internal_info(self) -> dict[str, Any]:
        """As of a node."""

    @property
    def agent_secret(self) -> str | None:
        """As of a node."""


def internal_info(node: KnowsAgent) -> dict[str, Any]:
    """Return ``driver_internal_info`` for the agent."""
    info = masked({**_ERASURE, **node.driver_internal_info})
    if node.agent_secret:
        info["agent_secret_token"] = MASKED_TOKEN
    return info


def erase_rules(settings: Settings) -> dict[str, Any]:
    """Return what ``driver_internal_info`` says to our agent of erasing; other agents ignore it."""
    return {
        "agent_erase_level": settings.erase_level,
        "agent_erase_allow_overwrite": settings.erase_allow_overwrite,
    }


def ordered_erase_level(node: Node, settings: Settings) -> str:
    """Return the level that an order to erase asks our agent for; the node's own wins."""
    return str(node.driver_info.get("agent_erase_level", settings.erase_level)).strip().lower()


def node_for_agent(node: Node) -> dict[str, Any]:
    """Return the node for an order's ``node`` parameter."""
    view = {name: getattr(node, name) for name in _PLAIN}
    view["instance_info"] = masked(node.instance_info)
    view["driver_info"] = masked(node.driver_info)
    view["driver_internal_info"] = internal_info(node)
    view["traits"] = {"objects": []}
    view.update({f"{kind}_interface": name for kind, name in node.interfaces.items()})
    return view


def ports_for_agent(node: Node, ports: Sequence[Port]) -> list[dict[str, Any]]:
    """Return the ports for an order's ``ports`` parameter."""
    return [
        {**{name: getattr(port, name) for name in _PORT_PLAIN}, "node_uuid": node.uuid}
        for port in ports
    ]
