"""The hooks ``parse-lldp``, ``check-links`` (ours), ``local-link-connection`` and ``physical-network``: where cards are plugged in.

A switch is believed as it stands there; where a port says otherwise, as its administrator entered it, that stays and the difference is told.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from agent.protocol.foreign_text import clean_line
from agent.protocol.hardware_address import normal_mac
from agent.protocol.lldp import neighbour_of, parse_tlvs, raw_of
from controller.errors import StepFailed
from controller.setting_words import physical_networks
from controller.workflow.inspection_hooks.hook import Found, Hook, Seen
from controller.workflow.inspection_hooks.interfaces import enabled_interfaces

_CHECKED = ("switch_id", "port_id")
_LONGEST_SHOWN = 80


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


def misplaced(entered: Mapping[str, Any], said: Mapping[str, str]) -> tuple[str, ...]:
    """Say where a switch contradicts what a port has: each as ``port_id is A, the switch says B``."""
    return tuple(
        f"{name} is {_shown(entered[name])}, the switch says {_shown(said[name])}"
        for name in _CHECKED
        if entered.get(name) and said.get(name) and not _is_same(entered[name], said[name])
    )


def _is_same(one: Any, other: str) -> bool:
    """Say whether two names are the same; MAC addresses have several spellings."""
    mac = normal_mac(str(one))
    return str(one).strip().lower() == other.strip().lower() or (
        mac is not None and mac == normal_mac(other)
    )


def _shown(value: Any) -> str:
    return clean_line(value, _LONGEST_SHOWN)


def _parse_lldp(seen: Seen) -> Found:
    """Read the raw data, whoever has sent it; what a ramdisk calls parsed is not taken over."""
    raw = raw_of(seen.plugin_data, seen.inventory["interfaces"])
    parsed = {name: said for name, tlvs in raw.items() if (said := parse_tlvs(tlvs))}
    return Found(plugin_data={"parsed_lldp": parsed} if parsed else {})


def _link_ports(seen: Seen) -> Found:
    """Say of ports what their switches said; what somebody has entered stays, as Ironic's hook has it."""
    changes: dict[str, dict[str, Any]] = {}
    for mac, said in links(seen.inventory, seen.plugin_data).items():
        port = seen.ports.get(mac)
        if port is None:
            continue
        whole = {**said, **port.local_link_connection}
        if whole != port.local_link_connection:
            changes[mac] = {"local_link_connection": whole}
    return Found(ports=changes)


def _check_links(seen: Seen) -> Found:
    """Compare where ports should be plugged in with what their switches say.

    Raises:
        StepFailed: One is elsewhere, and the setting wants that to be a failure.
    """
    warnings = [
        f"the port {mac} is plugged in elsewhere than it should be: {words}; look at the cable, or correct "
        "local_link_connection"
        for mac, said in links(seen.inventory, seen.plugin_data).items()
        if mac in seen.ports
        for words in misplaced(seen.ports[mac].local_link_connection, said)
    ]
    if warnings and seen.settings.inspection_link_check == "fail":
        raise StepFailed("; ".join(warnings))
    return Found(warnings=tuple(warnings))


def _physical_network(seen: Seen) -> Found:
    networks = physical_networks(seen.settings.inspection_physical_networks)
    changes = {}
    knows_some = False
    for one in enabled_interfaces(seen, "all_interfaces").values():
        port = seen.ports.get(one["mac_address"])
        addresses = _addresses((one.get("ipv4_address"), one.get("ipv6_address")))
        knows_some = knows_some or bool(addresses)
        names = (name for address in addresses for net, name in networks.items() if address in net)
        name = next(names, None)
        if port is not None and name is not None and name != port.physical_network:
            changes[port.address] = {"physical_network": name}
    if networks and seen.is_told_by_bmc and not knows_some:
        text = (
            "physical-network: the BMC tells no addresses, so the physical networks of ports stay"
        )
        return Found(warnings=(text,))
    return Found(ports=changes)


def _addresses(
    given: Iterable[Any],
) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    found = []
    for one in given:
        try:
            found.append(ipaddress.ip_address(str(one)))
        except ValueError:
            continue
    return found


PARSE_LLDP = Hook(run=_parse_lldp)
CHECK_LINKS = Hook(run=_check_links)
LOCAL_LINK_CONNECTION = Hook(run=_link_ports, after=("validate-interfaces",))
PHYSICAL_NETWORK = Hook(run=_physical_network, after=("validate-interfaces",))
