"""What a BMC tells of its machine: the inventory of an inspection that boots nothing.

A connection that has the methods has the ability; what holds for its calls stands in ``abilities.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

LLDP_BY_MAC = "lldp_by_mac"
"""Key of ``InventoryTold.plugin_data``: what switches say, as ``lldp_raw`` has it, by the MAC address of the card that heard it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryPart:
    """A part of an inventory, for which one call to the BMC is enough."""

    name: str
    """For people: ``network interfaces``."""
    is_needed: bool = False
    """Without it the machine is not inspected; else a warning says that it is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryTold:
    """What one call told, in the form of what a ramdisk sends."""

    inventory: Mapping[str, Any] = field(default_factory=dict)
    plugin_data: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    """For the node's ``properties``, beside what the hooks make of the inventory."""
    capabilities: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class TellsInventory(Protocol):
    """Can say what a machine consists of; the inspection asks for one part after the other."""

    inventory_parts: Sequence[InventoryPart]

    def inventory_part(self, name: str, *, timeout_s: float) -> InventoryTold:
        """Return one part."""
