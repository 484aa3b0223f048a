"""``ironic_python_agent.hardware``: the classes that plug-ins subclass and the functions that they call."""

from collections.abc import Mapping, Sequence
from typing import Any

from hardware_managers.ipa_compatibility import errors, values
from hardware_managers.ipa_compatibility.native import native, run_native_step
from hardware_managers.ipa_compatibility.values import (
    CPU,
    BlockDevice,
    BootInfo,
    HardwareSupport,
    Memory,
    NetworkInterface,
    SystemFirmware,
    SystemVendorInfo,
    USBInfo,
)

__all__ = [
    "CPU",
    "BlockDevice",
    "BootInfo",
    "GenericHardwareManager",
    "HardwareManager",
    "HardwareSupport",
    "Memory",
    "NetworkInterface",
    "SystemFirmware",
    "SystemVendorInfo",
    "USBInfo",
    "cache_node",
    "dispatch_to_all_managers",
    "dispatch_to_managers",
    "get_cached_node",
    "get_managers",
    "list_all_block_devices",
    "list_hardware_info",
]
_managers: list["HardwareManager"] = []
"""The plug-ins, best first; the last one hands on to this agent."""

Node = Mapping[str, Any]
Ports = Sequence[Mapping[str, Any]]


class HardwareManager:
    """What plug-ins inherit: everything but ``evaluate_hardware_support`` is left to the next manager."""

    def evaluate_hardware_support(self) -> int:
        """Return how well the manager knows this hardware; 0 = not at all."""
        return HardwareSupport.NONE

    def initialize(self) -> None:
        """Prepare, once, after all managers have said how well they know the hardware."""

    def get_clean_steps(self, _node: Node, _ports: Ports) -> list[dict[str, Any]]:
        """Return the clean steps."""
        return []

    def get_deploy_steps(self, _node: Node, _ports: Ports) -> list[dict[str, Any]]:
        """Return the deploy steps."""
        return []

    def get_service_steps(self, _node: Node, _ports: Ports) -> list[dict[str, Any]]:
        """Return the service steps."""
        return []

    def get_version(self) -> dict[str, str]:
        """Return name and version."""
        name = getattr(self, "HARDWARE_MANAGER_NAME", type(self).__name__)
        return {"name": str(name), "version": str(getattr(self, "HARDWARE_MANAGER_VERSION", "1.0"))}

    def erase_devices(self, node: Node, ports: Ports) -> Any:
        """Erase all disks, with the erasers of all managers."""
        return run_native_step("erase_devices", "deploy", node, ports, {})


def _left_to_the_next(name: str) -> Any:
    def decline(self: HardwareManager, *_args: Any, **_more: Any) -> Any:
        raise errors.IncompatibleHardwareMethodError(f"{type(self).__name__} has no {name}")

    decline.__name__ = name
    return decline


for _name in (
    "collect_lldp_data",
    "collect_system_logs",
    "erase_block_device",
    "filter_device",
    "full_sync",
    "get_bmc_address",
    "get_bmc_mac",
    "get_bmc_v6address",
    "get_boot_info",
    "get_cpus",
    "get_interface_info",
    "get_memory",
    "get_os_install_device",
    "get_system_vendor_info",
    "get_usb_devices",
    "list_block_devices",
    "list_network_interfaces",
    "wait_for_disks",
):
    setattr(HardwareManager, _name, _left_to_the_next(_name))


class GenericHardwareManager(HardwareManager):
    """What any machine offers, from this agent's own managers; plug-ins inherit it to change a part."""

    def evaluate_hardware_support(self) -> int:
        """Return the lowest level."""
        return HardwareSupport.GENERIC

    def list_block_devices(self, include_partitions: bool = False) -> list[BlockDevice]:
        """Return the disks."""
        del include_partitions  # plug-ins that want partitions ask the kernel themselves
        return [values.block_device(disk) for disk in native().hardware().disks()]

    def list_network_interfaces(self) -> list[NetworkInterface]:
        """Return the network interfaces."""
        return [values.network_interface(nic) for nic in native().hardware().nics()]

    def get_interface_info(self, interface_name: str) -> NetworkInterface:
        """Return one network interface."""
        for nic in self.list_network_interfaces():
            if nic.name == interface_name:
                return nic
        raise errors.DeviceNotFound(f"there is no network interface {interface_name}")

    def get_cpus(self) -> CPU:
        """Return the processors."""
        return values.cpu(native().hardware().machine_reader().processor())

    def get_memory(self) -> Memory:
        """Return the main memory."""
        return values.memory(native().hardware().machine_reader().memory())

    def get_system_vendor_info(self) -> SystemVendorInfo:
        """Return who made the machine."""
        return values.system_vendor_info(native().hardware().machine_reader().identity())

    def get_boot_info(self) -> BootInfo:
        """Return how the machine was booted."""
        return values.boot_info(native().hardware().machine_reader().boot_environment())

    def get_bmc_address(self) -> str:
        """Return the BMC's IPv4 address; ``0.0.0.0`` if none is known."""
        return native().hardware().bmc_addresses().ipv4 or "0.0.0.0"  # Ironic's word for none

    def get_bmc_v6address(self) -> str:
        """Return the BMC's IPv6 address; ``::/0`` if none is known."""
        return native().hardware().bmc_addresses().ipv6 or "::/0"

    def get_os_install_device(self, permit_refresh: bool = False) -> str:
        """Return the path of the disk that gets the operating system."""
        del permit_refresh
        return str(native().hardware().root_disk(native().node).disk.path)

    def list_hardware_info(self) -> dict[str, Any]:
        """Return the machine's parts by name."""
        return {
            "interfaces": self.list_network_interfaces(),
            "cpu": self.get_cpus(),
            "disks": self.list_block_devices(),
            "memory": self.get_memory(),
            "system_vendor": self.get_system_vendor_info(),
            "boot": self.get_boot_info(),
        }


def get_managers() -> list[HardwareManager]:
    """Return the plug-ins that know this hardware, best first, and at the end this agent itself."""
    return list(_managers)


def use_managers(plugins: Sequence[HardwareManager]) -> None:
    """Take ``plugins``, best first, as the managers that calls are dispatched to."""
    _managers[:] = [*plugins, GenericHardwareManager()]


def dispatch_to_managers(method: str, *args: Any, **more: Any) -> Any:
    """Return what the first manager says that has ``method`` and does not decline.

    Raises:
        HardwareManagerMethodNotFound: None has it.
    """
    for manager in _managers:
        found = getattr(manager, method, None)
        if found is None:
            continue
        try:
            return found(*args, **more)
        except errors.IncompatibleHardwareMethodError:
            continue
    raise errors.HardwareManagerMethodNotFound(method)


def dispatch_to_all_managers(method: str, *args: Any, **more: Any) -> dict[str, Any]:
    """Return what every manager says that has ``method`` and does not decline, by the names of their classes.

    Raises:
        HardwareManagerMethodNotFound: None has it.
    """
    answers = {}
    for manager in _managers:
        found = getattr(manager, method, None)
        if found is None:
            continue
        try:
            answers[type(manager).__name__] = found(*args, **more)
        except errors.IncompatibleHardwareMethodError:
            continue
    if not answers:
        raise errors.HardwareManagerMethodNotFound(method)
    return answers


def list_all_block_devices(*_args: Any, **_more: Any) -> list[BlockDevice]:
    """Return the disks."""
    return GenericHardwareManager().list_block_devices()


def list_hardware_info(*_args: Any, **_more: Any) -> dict[str, Any]:
    """Return the machine's parts by name."""
    return GenericHardwareManager().list_hardware_info()


def cache_node(node: Node) -> None:
    """Remember the node."""
    native().node = node


def get_cached_node() -> Node:
    """Return the node as it was last seen; empty before the first step."""
    return native().node
