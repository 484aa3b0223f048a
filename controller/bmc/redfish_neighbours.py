"""What switches say to a machine's network cards, by its Redfish service: ``LLDPReceive`` of a Port (DMTF DSP2046), as the agent's ``lldp_raw`` has it."""

import ipaddress
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from sushy.resources.system.system import System

from agent.protocol.hardware_address import normal_mac
from agent.protocol.lldp import Tlv, as_raw
from controller.bmc.redfish_document import dig, link, members, text
from controller.bmc.redfish_inventory import adapters
from controller.hardware.inventory import LLDP_BY_MAC, InventoryTold

_CHASSIS, _PORT, _NAME, _DESCRIPTION, _ADDRESS = 1, 2, 5, 6, 8
_CHASSIS_KINDS: Mapping[str, int] = MappingProxyType(
    {
        "ChassisComp": 1,
        "IfAlias": 2,
        "PortComp": 3,
        "MacAddr": 4,
        "NetworkAddr": 5,
        "IfName": 6,
        "LocalAssign": 7,
    }
)
_PORT_KINDS: Mapping[str, int] = MappingProxyType(
    {
        "IfAlias": 1,
        "PortComp": 2,
        "MacAddr": 3,
        "NetworkAddr": 4,
        "IfName": 5,
        "AgentId": 6,
        "LocalAssign": 7,
    }
)
"""Redfish's words for the subtypes of IEEE 802.1AB, and their numbers there."""
_FAMILIES = MappingProxyType({4: b"\x01", 6: b"\x02"})
_LONGEST_BYTES = 255
_MOST_MACS = 16


def neighbours(system: System) -> InventoryTold:
    """Return what the ports of the network adapters have heard, by their MAC addresses."""
    found = {}
    for card in adapters(system):
        for port in members(system, link(card.body, "Ports")):
            raw = as_raw(tlvs_of(dig(port.body, "Ethernet", "LLDPReceive")))
            macs = dig(port.body, "Ethernet", "AssociatedMACAddresses")
            for mac in macs[:_MOST_MACS] if isinstance(macs, list) and raw else []:
                if (known := normal_mac(str(mac))) is not None:
                    found[known] = raw
    return InventoryTold(plugin_data={LLDP_BY_MAC: found} if found else {})


def tlvs_of(received: Any) -> tuple[Tlv, ...]:
    """Return ``LLDPReceive`` as TLVs; empty where it tells neither chassis nor port. Pure."""
    chassis = _identity(received, "ChassisId", _CHASSIS_KINDS)
    port = _identity(received, "PortId", _PORT_KINDS)
    if chassis is None and port is None:
        return ()
    return tuple(_tlvs(received, chassis, port))


def _tlvs(received: Any, chassis: bytes | None, port: bytes | None) -> Iterator[Tlv]:
    if chassis is not None:
        yield _CHASSIS, chassis
    if port is not None:
        yield _PORT, port
    for kind, name in ((_NAME, "SystemName"), (_DESCRIPTION, "SystemDescription")):
        if said := text(received, name):
            yield kind, said.encode()[:_LONGEST_BYTES]
    for name in ("ManagementAddressIPv4", "ManagementAddressIPv6"):
        if (address := _packed(text(received, name) or "")) is not None:
            yield _ADDRESS, bytes([len(address)]) + address


def _identity(received: Any, name: str, kinds: Mapping[str, int]) -> bytes | None:
    """Return the value of the TLV that names a chassis or a port: its subtype, then the name."""
    said, word = text(received, name), text(received, f"{name}Subtype") or ""
    if not said or word == "NotTransmitted":
        return None
    mac = normal_mac(said)
    kind = kinds.get(word) or (kinds["MacAddr"] if mac else kinds["LocalAssign"])
    if kind == kinds["MacAddr"]:
        return None if mac is None else bytes([kind]) + bytes.fromhex(mac.replace(":", ""))
    if kind == kinds["NetworkAddr"]:
        address = _packed(said)
        return None if address is None else bytes([kind]) + address
    return bytes([kind]) + said.encode()[:_LONGEST_BYTES]


def _packed(said: str) -> bytes | None:
    """Return an address after its family's number, as LLDP has it; ``None`` = it is none, or the one that means none."""
    try:
        address = ipaddress.ip_address(said)
    except ValueError:
        return None
    return None if address.is_unspecified else _FAMILIES[address.version] + address.packed
