"""The network channels of an IPMI BMC and the addresses that it has there: they need not be the one that ``driver_info`` names.

Follows "Intelligent Platform Management Interface Specification Second Generation v2.0" rev. 1.1: 22.24 (Get Channel Info), 23.2 (Get LAN Configuration
Parameters, table 23-4).
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from controller.bmc.ipmi_calls import IpmiCalls

_NETFN_APP, _NETFN_TRANSPORT = 0x06, 0x0C
_GET_CHANNEL, _GET_PARAMETER = 0x42, 0x02
_CHANNELS = range(1, 12)
_LAN_MEDIA = (4, 6)
"""802.3 LAN, other LAN (table 6-3)."""
_IPV4, _MAC, _IPV6_ENABLED, _IPV6_STATIC, _IPV6_DYNAMIC = 3, 5, 51, 56, 59
_MOST_SETS = 8
_MAC_BYTES, _IPV4_BYTES, _IPV6_BYTES = 6, 4, 16
_STATIC_ENABLED = 0x80
_ACTIVE = 0

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class LanChannel:
    """One network interface of a BMC."""

    number: int
    mac: str | None
    """Lower-case with colons."""
    addresses: tuple[Address, ...]
    """Those that others can reach: neither unset nor loopback nor of one link."""


def read_channels(calls: IpmiCalls) -> tuple[LanChannel, ...]:
    """Return the channels that are networks; what a BMC does not tell of them is left out.

    Raises:
        BmcError: As ``Transport``.
    """
    return tuple(_channel(calls, number) for number in _CHANNELS if _is_lan(calls, number))


def _is_lan(calls: IpmiCalls, number: int) -> bool:
    code, answer = calls.raw(_NETFN_APP, _GET_CHANNEL, (number,))
    # a BMC that answers for another channel than it was asked for has not got this one
    is_it = not code and len(answer) > 1 and answer[0] & 0x0F == number
    return is_it and answer[1] & 0x7F in _LAN_MEDIA


def _channel(calls: IpmiCalls, number: int) -> LanChannel:
    mac = _parameter(calls, number, _MAC)[:_MAC_BYTES]
    found: list[Address] = []
    if len(written := _parameter(calls, number, _IPV4)[:_IPV4_BYTES]) == _IPV4_BYTES:
        found.append(ipaddress.IPv4Address(written))
    if any(_parameter(calls, number, _IPV6_ENABLED)[:1]):
        found += _ipv6(calls, number)
    return LanChannel(
        number=number,
        mac=mac.hex(":") if len(mac) == _MAC_BYTES and any(mac) else None,
        addresses=tuple(dict.fromkeys(one for one in found if _is_reachable(one))),
    )


def _ipv6(calls: IpmiCalls, number: int) -> Iterator[Address]:
    """Give addresses that are in use: set by hand, then those of DHCP and routers."""
    for parameter in (_IPV6_STATIC, _IPV6_DYNAMIC):
        for chosen in range(_MOST_SETS):
            said = _parameter(calls, number, parameter, chosen)
            # set, source, address, length of its prefix, status
            if len(said) < 2 + _IPV6_BYTES + 2:
                break
            is_used = parameter == _IPV6_DYNAMIC or bool(said[1] & _STATIC_ENABLED)
            if is_used and said[2 + _IPV6_BYTES + 1] == _ACTIVE:
                yield ipaddress.IPv6Address(said[2 : 2 + _IPV6_BYTES])


def _parameter(calls: IpmiCalls, number: int, parameter: int, chosen: int = 0) -> bytes:
    """Return a parameter; empty = the BMC has it not."""
    request = (number, parameter, chosen, 0)
    code, answer = calls.raw(_NETFN_TRANSPORT, _GET_PARAMETER, request)
    return b"" if code else answer[1:]


def _is_reachable(address: Address) -> bool:
    return not (
        address.is_unspecified
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address == ipaddress.IPv4Address("255.255.255.255")
    )
