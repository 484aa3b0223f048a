"""The inspection interface ``redfish``: the BMC tells what the machine consists of; nothing is booted, and its power stays as it is."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sushy.resources.system.system import System

from controller.bmc import redfish_inventory
from controller.bmc.redfish_call import RedfishCalls
from controller.bmc.redfish_neighbours import neighbours
from controller.bmc.redfish_sessions import Sessions, shared_sessions
from controller.bmc.redfish_target import PROPERTIES, parse_target
from controller.hardware.interface import Facts
from controller.hardware.inventory import InventoryPart, InventoryTold

_READERS: Mapping[InventoryPart, Callable[[System], InventoryTold]] = MappingProxyType(
    {
        InventoryPart(name="machine", is_needed=True): redfish_inventory.machine,
        InventoryPart(name="network interfaces", is_needed=True): redfish_inventory.interfaces,
        InventoryPart(name="disks"): redfish_inventory.disks,
        InventoryPart(name="PCI devices"): redfish_inventory.devices,
        InventoryPart(name="LLDP neighbours"): neighbours,
    }
)


class RedfishInspect:
    """Makes connections that share the sessions of all Redfish interfaces."""

    uses_ramdisk = False

    def __init__(self, sessions: Sessions | None = None) -> None:
        """Ask nobody; ``sessions`` is for tests that want other limits."""
        self.properties = dict(PROPERTIES)
        self._sessions = sessions or shared_sessions()

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        parse_target(facts.driver_info)

    def connect(self, driver_info: dict[str, Any]) -> "InventoryOfSystem":
        """Return what tells of the system that ``driver_info`` describes; opens nothing yet.

        Raises:
            Invalid: A key is missing or malformed.
        """
        return InventoryOfSystem(RedfishCalls(parse_target(driver_info), self._sessions))


class InventoryOfSystem:
    """What one machine consists of; every method raises as ``abilities.py`` says."""

    inventory_parts = tuple(_READERS)

    def __init__(self, calls: RedfishCalls) -> None:
        self._calls = calls

    def inventory_part(self, name: str, *, timeout_s: float) -> InventoryTold:
        """Return one part."""
        reader = next(read for part, read in _READERS.items() if part.name == name)
        return self._calls.ask(f"inspect the machine, {name}", timeout_s, reader)
