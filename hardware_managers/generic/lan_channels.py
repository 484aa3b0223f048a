"""What ``ipmitool lan print`` and ``lan6 print`` say of a BMC's LAN channels (IPMI 2.0, table 23-4; lib/ipmi_lanp6.c of ipmitool)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, IPv6Interface

from agent.hardware.devices import BmcAddresses

_SET = re.compile(r"^IPv6 (Static|Dynamic) Address \d+\s*:\s*\n((?:[ \t]+.*\n?)*)", re.MULTILINE)
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_NO_MAC = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")
_LAN_FIELDS = frozenset({"Set in Progress", "IP Address", "MAC Address"})
_DYNAMIC_SOURCES = ("dhcpv6", "slaac")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lan:
    """One LAN channel without its IPv6 side; ``None`` = unset, unusable or not said."""

    ipv4: IPv4Address | None
    mac: str | None


def read_lan(text: str) -> Lan | None:
    """Return what ``ipmitool lan print CHANNEL`` shows; ``None``: the channel does not exist or is no LAN."""
    fields = _fields(text)
    if not _LAN_FIELDS & fields.keys():
        return None
    ipv4 = None
    with suppress(ValueError):
        ipv4 = IPv4Address(fields.get("IP Address", ""))
    mac = fields.get("MAC Address", "").lower()
    return Lan(
        ipv4=ipv4 if ipv4 and _is_usable(ipv4) else None,
        mac=mac if _MAC.fullmatch(mac) and mac not in _NO_MAC else None,
    )


def read_mode(text: str) -> str:
    """Return ``ipv4``, ``ipv6`` or ``both`` of ``lan6 print CHANNEL enables``; ``ipv4`` where the BMC knows no such setting."""
    said = _fields(text).get("IPv6/IPv4 Addressing Enables")
    return said if said in {"ipv6", "both"} else "ipv4"


def read_ipv6(text: str) -> Iterator[IPv6Address]:
    """Yield what is in use of ``ipmitool lan6 print CHANNEL dynamic_addr`` or ``static_addr``, in the order shown.

    In use is a set that is active and, if static, enabled or, if dynamic, has its address from DHCPv6 or SLAAC.
    """
    for kind, body in _SET.findall(text):
        fields = {name: value.lower() for name, value in _fields(body).items()}
        is_on = (
            fields.get("Enabled") == "yes"
            if kind == "Static"
            else fields.get("Source/Type") in _DYNAMIC_SOURCES
        )
        if is_on and fields.get("Status") == "active":
            with suppress(ValueError):
                address = IPv6Interface(fields.get("Address", "")).ip
                if _is_usable(address):
                    yield address


def merge(lan: Lan, mode: str, ipv6: Iterable[IPv6Address]) -> BmcAddresses:
    """Return the channel's addresses that its ``mode`` uses: of several IPv6 ones the first that is not link-local, if any."""
    best = min(ipv6, key=lambda address: address.is_link_local, default=None)
    return BmcAddresses(
        ipv4=str(lan.ipv4) if lan.ipv4 and mode != "ipv6" else None,
        ipv6=str(best) if best and mode != "ipv4" else None,
        mac=lan.mac,
    )


def has_routable(found: BmcAddresses) -> bool:
    """Return whether the channel has an address that is more than link-local."""
    return _without_link_local(found) != BmcAddresses(mac=found.mac)


def choose(channels: Iterable[BmcAddresses]) -> BmcAddresses:
    """Return the first channel with an address that is more than link-local, and look no further.

    If there is none: the first with a link-local address, then the first with a MAC, then nothing.
    """
    spare = BmcAddresses()
    for found in channels:
        if has_routable(found):
            return _without_link_local(found)
        spare = max(spare, found, key=_worth)  # the earlier of equals
    return spare


def _worth(found: BmcAddresses) -> int:
    return 2 if found.ipv4 or found.ipv6 else int(found.mac is not None)


def _without_link_local(found: BmcAddresses) -> BmcAddresses:
    return replace(
        found,
        ipv4=None if found.ipv4 and IPv4Address(found.ipv4).is_link_local else found.ipv4,
        ipv6=None if found.ipv6 and IPv6Address(found.ipv6).is_link_local else found.ipv6,
    )


def _fields(text: str) -> Mapping[str, str]:
    """Return the first value of every ``name : value`` line that has a name."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip():
            fields.setdefault(name.strip(), value.strip())
    return fields


def _is_usable(address: IPv4Address | IPv6Address) -> bool:
    is_nowhere = address.is_unspecified or address.is_loopback or address.is_multicast
    return not is_nowhere and address != IPv4Address("255.255.255.255")
