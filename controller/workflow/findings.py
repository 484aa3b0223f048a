"""What an inspection's result says about a machine, in the words of Ironic's inspection hooks. Pure.

Hooks: ``ramdisk-error``, ``validate-interfaces``, ``ports``, ``architecture``, ``memory``, ``cpus``, ``root-device``.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.protocol.foreign_text import clean_line, clean_text
from agent.protocol.hardware_address import mac_of_bootif, normal_mac
from controller.errors import StepFailed

_NO_ADDRESSES = frozenset({"0.0.0.0", "::/0", "::"})
_PARTITIONING_GIB = 1
"""Ironic leaves so much of the disk out of ``local_gb``."""
_LONGEST_ERROR = 2000
_MOST_WARNINGS = 20
_NOT_KEPT = frozenset({"inventory", "logs", "error"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPort:
    """A port that the machine should have; ``address`` is in its stored form."""

    address: str
    pxe_enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """An accepted result."""

    inventory: Mapping[str, Any]
    plugin_data: Mapping[str, Any]
    ports: tuple[NewPort, ...]
    properties: Mapping[str, Any]
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """``local_link_connection`` by MAC address."""
    capabilities: Mapping[str, str] = field(default_factory=dict)
    """For ``properties.capabilities``, beside what stands there."""
    warnings: tuple[str, ...] = ()
    """What the ramdisk could not find out, in its words."""

    @property
    def summary(self) -> str:
        """Return the machine in one line."""
        lists = [
            f"{len(self.inventory.get(name) or ())} {name}" for name in ("interfaces", "disks")
        ]
        facts = [f"{name} {value}" for name, value in self.properties.items()]
        return ", ".join(lists + facts)


def read_findings(document: Mapping[str, Any], add_ports: str) -> Findings:
    """Read a result that has ``inventory.interfaces``.

    Args:
        document: The body of ``continue_inspection``.
        add_ports: The setting ``inspection_add_ports``.

    Raises:
        StepFailed: The ramdisk says that it failed, or there is no usable network interface.
    """
    if document.get("error"):
        text = clean_text(document["error"], _LONGEST_ERROR)
        raise StepFailed(f"the ramdisk could not inspect the machine: {text}")
    inventory = document["inventory"]
    interfaces = _interfaces(inventory)
    valid = {name: one for name, one in interfaces.items() if not _is_loopback(name, one)}
    if not valid:
        raise StepFailed(
            "the inventory has no network interface with a MAC address; check that the ramdisk has the drivers "
            "of the machine's network cards"
        )
    chosen = _chosen(valid, add_ports)
    knows_boot_interface = any(one["pxe_enabled"] for one in valid.values())
    kept = {key: value for key, value in document.items() if key not in _NOT_KEPT}
    return Findings(
        inventory=inventory,
        plugin_data={**kept, "all_interfaces": interfaces, "valid_interfaces": chosen},
        ports=tuple(
            NewPort(
                address=one["mac_address"],
                pxe_enabled=one["pxe_enabled"] or not knows_boot_interface,
            )
            for one in (chosen if add_ports != "disabled" else {}).values()
        ),
        properties=_properties(inventory, document.get("root_disk")),
        warnings=_warnings(document.get("warnings")),
    )


def _warnings(told: Any) -> tuple[str, ...]:
    listed = told[:_MOST_WARNINGS] if isinstance(told, list) else []
    return tuple(clean_line(one, _LONGEST_ERROR) for one in listed if isinstance(one, str) and one)


def macs_of(inventory: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the MAC addresses of an inventory, each once, in their stored form."""
    return tuple({one["mac_address"]: None for one in _interfaces(inventory).values()})


def reported_bmc_addresses(inventory: Mapping[str, Any]) -> frozenset[str]:
    """Return the addresses at which the machine's own BMC says that it answers."""
    given = (inventory.get("bmc_address"), inventory.get("bmc_v6address"))
    texts = {str(one).partition("/")[0] for one in given if one and one not in _NO_ADDRESSES}
    return frozenset(text for text in texts if _address(text) is not None)


def _interfaces(inventory: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the interfaces with a name and a MAC address; each says whether the machine booted from it."""
    boot = inventory.get("boot")
    pxe_mac = (
        mac_of_bootif(str(boot.get("pxe_interface") or "")) if isinstance(boot, Mapping) else None
    )
    found = {}
    for one in inventory["interfaces"]:
        mac = normal_mac(str(one.get("mac_address") or "")) if isinstance(one, Mapping) else None
        if mac and one.get("name"):
            found[str(one["name"])] = {**one, "mac_address": mac, "pxe_enabled": mac == pxe_mac}
    return found


def _chosen(valid: Mapping[str, dict[str, Any]], add_ports: str) -> dict[str, dict[str, Any]]:
    """Return the interfaces that get ports; without a known boot interface ``pxe`` means ``active``."""
    booted_from = {name: one for name, one in valid.items() if one["pxe_enabled"]}
    if add_ports == "pxe" and booted_from:
        return booted_from
    if add_ports in {"pxe", "active"}:
        return {name: one for name, one in valid.items() if _ip(one)}
    return dict(valid)


def _properties(inventory: Mapping[str, Any], root_disk: Any) -> dict[str, Any]:
    cpu, memory = inventory.get("cpu"), inventory.get("memory")
    size_bytes = _of(root_disk, "size", int) or 0
    properties = {
        "cpu_arch": _of(cpu, "architecture", str),
        "cpus": _of(cpu, "count", int),
        "memory_mb": _of(memory, "physical_mb", int),
        "local_gb": max((size_bytes >> 30) - _PARTITIONING_GIB, 0),
    }
    return {key: value for key, value in properties.items() if value}


def _of(part: Any, key: str, kind: type) -> Any:
    """Return ``part[key]`` if the ramdisk sent it and it is of this kind."""
    value = part.get(key) if isinstance(part, Mapping) else None
    return value if type(value) is kind else None


def _is_loopback(name: str, interface: Mapping[str, Any]) -> bool:
    address = _address(_ip(interface))
    return name == "lo" or (address is not None and address.is_loopback)


def _ip(interface: Mapping[str, Any]) -> Any:
    return interface.get("ipv4_address") or interface.get("ipv6_address")


def _address(text: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text) if text else None
    except ValueError:
        return None
