"""What an inspected machine can be recognized by. Pure."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from controller.store.tables import Node
from controller.workflow.inspection_hooks.interfaces import interfaces_of

TOLD_BY_BMC = "told_by_bmc"
"""Key of plugin data: no ramdisk has looked. BMCs tell the drives behind a controller, systems what the controller makes of them."""
_NO_ADDRESSES = frozenset({"0.0.0.0", "::/0", "::"})


def was_told_by_bmc(node: Node) -> bool:
    """Say whether it was a BMC that told the node's inventory."""
    data = (node.inventory or {}).get("plugin_data")
    return isinstance(data, Mapping) and data.get(TOLD_BY_BMC) is True


def macs_of(inventory: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the MAC addresses of an inventory, each once, in their stored form."""
    return tuple({one["mac_address"]: None for one in interfaces_of(inventory).values()})


def reported_bmc_addresses(inventory: Mapping[str, Any]) -> frozenset[str]:
    """Return the addresses at which the machine's own BMC says that it answers."""
    given = (inventory.get("bmc_address"), inventory.get("bmc_v6address"))
    texts = {str(one).partition("/")[0] for one in given if one and one not in _NO_ADDRESSES}
    return frozenset(text for text in texts if _is_address(text))


def serial_of(inventory: Mapping[str, Any]) -> str:
    """Return the machine's serial number; empty = it tells none."""
    vendor = inventory.get("system_vendor")
    return str(vendor.get("serial_number") or "") if isinstance(vendor, Mapping) else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
