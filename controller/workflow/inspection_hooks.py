"""What a site may have made of an inspection's result beside the inventory, by the names of Ironic's inspection hooks. Pure.

The setting ``inspection_hooks`` names them: ``parse-lldp``, ``local-link-connection``, ``pci-devices``, ``boot-mode``. The result comes
from a machine that nobody has logged in: whatever is taken from it is bounded and of the shape that is expected.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from agent.protocol.hardware_address import normal_mac
from agent.protocol.lldp import neighbour_of, parse_tlvs, raw_of

_MOST_DEVICES = 10_000


def parsed_lldp(
    inventory: Mapping[str, Any], plugin_data: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return what the switches say by the names of interfaces, read from the raw data, whoever has sent it."""
    raw = raw_of(plugin_data, inventory["interfaces"])
    return {name: parsed for name, tlvs in raw.items() if (parsed := parse_tlvs(tlvs))}


def links(
    inventory: Mapping[str, Any], plugin_data: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """Return the fields of ``local_link_connection`` by MAC address, as far as the switch says them."""
    raw = raw_of(plugin_data, inventory["interfaces"])
    found: dict[str, dict[str, str]] = {}
    for one in inventory["interfaces"]:
        mac = normal_mac(str(one.get("mac_address") or "")) if isinstance(one, Mapping) else None
        tlvs = raw.get(str(one.get("name"))) if mac else None
        if mac and tlvs:
            said = neighbour_of(tlvs)._asdict()
            found[mac] = {key: value for key, value in said.items() if value}
    return {mac: link for mac, link in found.items() if link}


def capabilities_of(
    hooks: Iterable[str],
    aliases: Mapping[tuple[str, str], str],
    inventory: Mapping[str, Any],
    plugin_data: Mapping[str, Any],
) -> dict[str, str]:
    """Return what ``properties.capabilities`` shall say: how many devices have an alias, and how the machine boots."""
    wanted = set(hooks)
    found: dict[str, str] = {}
    if "pci-devices" in wanted:
        devices = plugin_data.get("pci_devices")
        known = devices[:_MOST_DEVICES] if isinstance(devices, list) else []
        ids = [
            (str(one.get("vendor_id")).lower(), str(one.get("product_id")).lower())
            for one in known
            if isinstance(one, Mapping)
        ]
        counted = Counter(aliases[pair] for pair in ids if pair in aliases)
        found |= {name: str(count) for name, count in counted.items()}
    if "boot-mode" in wanted:
        boot = inventory.get("boot")
        mode = boot.get("current_boot_mode") if isinstance(boot, Mapping) else None
        found |= {"boot_mode": mode} if mode in ("bios", "uefi") else {}
    return found


def with_capabilities(old: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Return ``properties.capabilities`` as Ironic writes it, what was found in the place of what stood there."""
    return ",".join(f"{key}:{value}" for key, value in {**old, **found}.items())
