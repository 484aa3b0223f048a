"""What a machine consists of, by its Redfish service (DMTF DSP2046): processors, memory, network cards, disks, PCI devices; with the names of the agent's inventory.

What is not told is left out, and the inspection's hooks say so.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from sushy.resources.system.system import System

from agent.protocol.hardware_address import normal_mac
from agent.protocol.raid.placing import PhysicalDrive
from controller.bmc import redfish_boot_mode, redfish_storage
from controller.bmc.redfish_document import (
    Document,
    dig,
    link,
    links,
    members,
    read_if_there,
    text,
)
from controller.bmc.redfish_errors import NotOfferedError
from controller.bmc.redfish_siblings import serves_others
from controller.hardware.inventory import InventoryTold

_GIB = 1 << 30
_MIB_PER_GIB = 1024
_LEAST_ROOT_BYTES = 4 * _GIB
"""Ironic takes no smaller disk for a system."""
_MOST_CHASSIS, _MOST_CARDS, _MOST_PROCESSORS, _MOST_DEVICES, _MOST_FUNCTIONS = 4, 128, 16, 256, 16
_ARCHITECTURES: Mapping[str, str] = MappingProxyType(
    {
        "x86-64": "x86_64",
        "x86": "i686",
        "ARM-A64": "aarch64",
        "ARM-A32": "armv7l",
        "IA-64": "ia64",
        "MIPS32": "mips",
        "MIPS64": "mips64",
        "PowerISA": "ppc64le",
        "RV32": "riscv32",
        "RV64": "riscv64",
    }
)
"""Instruction sets (Processor, ``InstructionSet``), and what Linux calls such machines."""
_ARM_64 = ("armv8", "armv9")
"""How some BMCs name a processor of which they do not tell the instruction set (NVIDIA GH200)."""


def machine(system: System) -> InventoryTold:
    """Return processors, memory, maker and boot mode."""
    body = system.json
    vendor, sku = text(body, "Manufacturer"), text(body, "SKU")
    mode = _boot_mode(system)
    total = _number(dig(body, "MemorySummary", "TotalSystemMemoryGiB"))
    inventory = {
        "cpu": _cpu(system),
        "memory": {"total": int(total * _GIB), "physical_mb": int(total * _MIB_PER_GIB)},
        "system_vendor": {
            "manufacturer": vendor or "",
            "product_name": text(body, "Model") or "",
            "serial_number": text(body, "SerialNumber") or "",
            "sku": sku or "",
            "system_uuid": text(body, "UUID"),
            "firmware": {
                "vendor": "",
                "version": text(body, "BiosVersion") or "",
                "build_date": "",
            },
        },
        "boot": {"current_boot_mode": mode, "pxe_interface": None},
        "hostname": text(body, "HostName") or "",
        "bmc_address": None,
        "bmc_v6address": None,
    }
    return InventoryTold(
        inventory=inventory,
        properties={"vendor": vendor} if vendor else {},
        capabilities={"boot_mode": mode} if mode else {},
    )


def interfaces(system: System) -> InventoryTold:
    """Return the network cards' ports: those that the system tells, or where it tells none, those of its adapters."""
    told = list(_nics(system)) or list(_functions(system))
    found = {one["mac_address"]: one for one in told}
    return InventoryTold(inventory={"interfaces": list(found.values())})


def disks(system: System) -> InventoryTold:
    """Return the disks as an operating system sees them: volumes, and drives that are in none; the smallest that is large enough is the root disk."""
    found = []
    for store in redfish_storage.stores(system):
        made = (one for one in store.volumes if one.is_raid and one.size_bytes)
        found += [_of_volume(one, store.is_rotational(one)) for one in made]
        free = (one for one in store.drives if not store.users(one.ident))
        found += [
            _of_drive(one, store.rotates.get(store.paths[one.ident]))
            for one in free
            if one.size_bytes
        ]
    found = found or list(_simple(system))
    large = [one for one in found if one["size"] >= _LEAST_ROOT_BYTES]
    root = {"root_disk": min(large, key=lambda disk: disk["size"])} if large else {}
    return InventoryTold(inventory={"disks": found}, plugin_data=root)


def devices(system: System) -> InventoryTold:
    """Return the functions of the PCI devices."""
    paths = links(system.json, "PCIeDevices")
    told = (read_if_there(system, path) for path in [*dict.fromkeys(paths)][:_MOST_DEVICES])
    if not paths:
        collections = (link(one.body, "PCIeDevices") for one in chassis(system))
        told = (one for path in collections for one in members(system, path))
    found = [one for device in told if device for one in _pci(system, device)]
    return InventoryTold(inventory={"pci_devices": found} if found else {})


def chassis(system: System) -> Iterator[Document]:
    """Read the chassis that are the system's own: what is in one of several machines may be another's."""
    for path in links(system.json, "Links", "Chassis")[:_MOST_CHASSIS]:
        found = read_if_there(system, path)
        if found is not None and not serves_others(system, found):
            yield found


def adapters(system: System) -> Iterator[Document]:
    """Read the network adapters of the system's chassis."""
    for one in chassis(system):
        yield from members(system, link(one.body, "NetworkAdapters"))


def _cpu(system: System) -> dict[str, Any]:
    summary = dig(system.json, "ProcessorSummary")
    model = text(summary, "Model") or ""
    inventory: dict[str, Any] = {"model_name": model, "frequency": "", "flags": []}
    count = dig(summary, "LogicalProcessorCount") or dig(summary, "CoreCount")
    if _is_count(dig(summary, "Count")):
        inventory["socket_count"] = dig(summary, "Count")
    one = _processor(system)
    speed = _number(dig(one, "MaxSpeedMHz"))
    architecture = _ARCHITECTURES.get(text(one, "InstructionSet") or "")
    if architecture is None and model.lower().startswith(_ARM_64):
        architecture = "aarch64"
    return {
        **inventory,
        "model_name": model or text(one, "Model") or "",
        "frequency": f"{speed:.4f}" if speed else "",
        **({"count": count} if _is_count(count) else {}),
        **({"architecture": architecture} if architecture else {}),
    }


def _processor(system: System) -> Mapping[str, Any]:
    """Return the first processor that is one of the machine's own, no graphics card."""
    for number, one in enumerate(members(system, link(system.json, "Processors"))):
        if text(one.body, "ProcessorType") in (None, "CPU") or number >= _MOST_PROCESSORS:
            return one.body
    return {}


def _boot_mode(system: System) -> str:
    try:
        return str(redfish_boot_mode.boot_mode(system))
    except NotOfferedError:
        return ""


def _nics(system: System) -> Iterator[dict[str, Any]]:
    for one in members(system, link(system.json, "EthernetInterfaces")):
        mac = _mac(one.body, "MACAddress") or _mac(one.body, "PermanentMACAddress")
        is_off = text(one.body, "Status", "State") in ("Disabled", "Absent")
        is_to_bmc = link(one.body, "Links", "HostInterface") is not None
        if mac is not None and not is_off and not is_to_bmc:
            yield {
                "name": one.name,
                "mac_address": mac,
                "ipv4_address": _first(one.body, "IPv4Addresses"),
                "ipv6_address": _first(one.body, "IPv6Addresses"),
                "has_carrier": text(one.body, "LinkStatus") == "LinkUp",
                "speed_mbps": int(_number(dig(one.body, "SpeedMbps"))) or None,
            }


def _functions(system: System) -> Iterator[dict[str, Any]]:
    """Return the ports of the adapters, for a system that tells no interface of its own."""
    for card in [*adapters(system)][:_MOST_CARDS]:
        for one in members(system, link(card.body, "NetworkDeviceFunctions")):
            mac = _mac(one.body, "Ethernet", "MACAddress")
            if mac is not None:
                name = f"{card.name}-{one.name}"
                yield {
                    "name": name,
                    "mac_address": mac,
                    "has_carrier": False,
                    "vendor": text(card.body, "Manufacturer"),
                    "product": text(card.body, "Model"),
                }


def _mac(document: Any, *names: str) -> str | None:
    mac = normal_mac(text(document, *names) or "")
    return None if mac is None or not mac.strip("0:") else mac


def _first(document: Any, name: str) -> str | None:
    told = dig(document, name)
    return text(told[0], "Address") if isinstance(told, list) and told else None


def _of_volume(one: redfish_storage.Volume, rotates: bool | None) -> dict[str, Any]:
    """Return a volume; what its controller calls itself to a system (model, serial number, vendor) the BMC does not tell."""
    return {
        "name": one.ident,
        "model": None,
        "raid_type": one.said,
        "size": one.size_bytes,
        **_kind(rotates),
        "wwn": one.wwn,
        "serial": None,
        "vendor": None,
    }


def _of_drive(one: PhysicalDrive, rotates: bool | None) -> dict[str, Any]:
    return {
        "name": one.ident,
        "model": one.model,
        "size": one.size_bytes,
        **_kind(rotates),
        "wwn": one.wwn,
        "serial": one.serial,
        "vendor": None,
        "tran": None if one.interface == "unknown" else one.interface,
    }


def _kind(rotates: bool | None) -> dict[str, bool]:
    return {} if rotates is None else {"rotational": rotates}


def _simple(system: System) -> Iterator[dict[str, Any]]:
    """Return the disks of a service that has only the old ``SimpleStorage``."""
    for one in members(system, link(system.json, "SimpleStorage")):
        told = dig(one.body, "Devices")
        for device in told if isinstance(told, list) else []:
            size = dig(device, "CapacityBytes")
            if _is_count(size):
                yield {
                    "name": text(device, "Name") or one.name,
                    "model": text(device, "Model"),
                    "size": size,
                    "wwn": None,
                    "serial": None,
                    "vendor": text(device, "Manufacturer"),
                }


def _pci(system: System, device: Document) -> Iterator[dict[str, Any]]:
    collection = link(device.body, "PCIeFunctions")
    listed = links(device.body, "Links", "PCIeFunctions")[:_MOST_FUNCTIONS]
    told: Iterable[Document | None] = (
        members(system, collection)
        if collection
        else (read_if_there(system, path) for path in listed)
    )
    for one in told:
        vendor, product = text(one and one.body, "VendorId"), text(one and one.body, "DeviceId")
        if one is not None and vendor and product:
            yield {
                "vendor_id": _hex(vendor),
                "product_id": _hex(product),
                "class": _hex(text(one.body, "ClassCode") or ""),
                "revision": _hex(text(one.body, "RevisionId") or ""),
                "bus": device.name,
            }


def _hex(told: str) -> str:
    return told.lower().removeprefix("0x")


def _number(told: Any) -> float:
    """Return a number that is finite and not negative; 0 = there is none."""
    is_one = isinstance(told, int | float) and not isinstance(told, bool)
    return float(told) if is_one and 0 <= told < 1 << 50 else 0.0


def _is_count(told: Any) -> bool:
    return isinstance(told, int) and not isinstance(told, bool) and 0 < told < 1 << 60
