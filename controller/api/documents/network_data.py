"""The rule for a node's ``network_data``: which documents the deploy ramdisk is given as its network's settings.

Source: the OpenStack network metadata (``network_data.json``) as Ironic checks it at API 1.66, member by member; members that
it does not name are passed on. Addresses are read by ``ipaddress``, which takes no leading zeros in IPv4 and refuses text around
an address; the scope of a link-local one (``%eth0``) is letters and digits, as for Ironic. Two types of networks that Nova writes
and Ironic's schema does not have are taken too: the ramdisk knows them.
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Interface
from types import MappingProxyType
from typing import Any

from agent.protocol.network_document import NetworkType, without_scope
from controller.errors import Invalid

Rule = Callable[[Any, str], None]
"""Takes a value and where it stands; raises ``Invalid`` if it must not stand there."""
_MAC = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}", re.IGNORECASE)
_MOST_MTU = 65535
_SHOWN = 100
"""Characters of a wrong value that are shown."""


def network_data(value: Any, name: str) -> dict[str, Any]:
    """Take the settings of a node's network; null and the empty object are none.

    Raises:
        Invalid: Something is missing or malformed; the message says where.
    """
    if value is None or value == {}:
        return {}
    _WHOLE(value, name)
    found: dict[str, Any] = value
    return found


def _wrong(value: Any, where: str, wanted: str) -> Invalid:
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return Invalid(f"{where} must be {wanted}, not {shown}")


def _text(value: Any, where: str) -> None:
    if not isinstance(value, str):
        raise _wrong(value, where, "a string")


def _word(*words: str) -> Rule:
    def rule(value: Any, where: str) -> None:
        if value not in words:
            raise _wrong(value, where, f"one of {', '.join(words)}")

    return rule


def _mac(value: Any, where: str) -> None:
    if not isinstance(value, str) or not _MAC.fullmatch(value):
        raise _wrong(value, where, "a MAC address such as 52:54:00:12:34:56")


def _mtu(value: Any, where: str) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (is_number and 1 <= value <= _MOST_MTU):
        raise _wrong(value, where, f"a number from 1 to {_MOST_MTU}, or null")


def _vlan_id(value: Any, where: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(value, where, "a whole number")


def _parsed(parse: Callable[[str], object], wanted: str) -> Rule:
    """Return the rule for a string that ``parse`` can read, which raises ``ValueError``."""

    def rule(value: Any, where: str) -> None:
        try:
            is_right = isinstance(value, str) and parse(value) is not None
        except ValueError:
            is_right = False
        if not is_right:
            raise _wrong(value, where, wanted)

    return rule


def _mask(text: str) -> IPv4Network:
    if "." not in text or IPv4Address(text) != (found := IPv4Network(f"0.0.0.0/{text}")).netmask:
        raise ValueError(text)
    return found


def _list_of(rule: Rule) -> Rule:
    def check(value: Any, where: str) -> None:
        if not isinstance(value, list):
            raise _wrong(value, where, "a list")
        for number, one in enumerate(value):
            rule(one, f"{where}/{number}")

    return check


def _object(needed: Mapping[str, Rule], optional: Mapping[str, Rule]) -> Rule:
    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(value, where, "an object")
        if missing := [name for name in needed if name not in value]:
            raise Invalid(f"{where} needs {', '.join(missing)}")
        for name, rule in {**needed, **optional}.items():
            if name in value:
                rule(value[name], f"{where}/{name}")

    return check


def _by_type(rules: Mapping[str, Rule]) -> Rule:
    """Return the rule for an object whose ``type`` says which rule is its own."""
    kind = _object({"type": _word(*rules)}, {})

    def check(value: Any, where: str) -> None:
        kind(value, where)
        rules[value["type"]](value, where)

    return check


def _either(one: Rule, other: Rule) -> Rule:
    def check(value: Any, where: str) -> None:
        try:
            one(value, where)
        except Invalid:
            other(value, where)

    return check


def _gateway_6(text: str) -> IPv6Address:
    return IPv6Address(without_scope(text))


def _network_6(text: str) -> IPv6Address:
    if "%" in text:
        raise ValueError(text)
    return IPv6Address(text)


def _address_or_prefix_6(text: str) -> IPv6Interface:
    return IPv6Interface(without_scope(text))


_ADDRESS_4 = _parsed(IPv4Address, "an IPv4 address")
_MASK_4 = _parsed(_mask, "an IPv4 network mask such as 255.255.255.0")
_GATEWAY_6 = _parsed(_gateway_6, "an IPv6 address")
_NETWORK_6 = _parsed(_network_6, "an IPv6 address without a scope")
_ADDRESS_OR_PREFIX_6 = _parsed(
    _address_or_prefix_6, "an IPv6 address, with or without its prefix length"
)


def _services(address: Rule) -> Rule:
    return _object({"address": address, "type": _word("dns")}, {})


def _network(host: Rule, gateway: Rule, prefix: Rule, mask: Rule) -> Rule:
    """Return the rule for a network of one family: of its ``host`` addresses, gateways, and the addresses and masks of networks."""
    route = _object(
        {"gateway": gateway, "netmask": mask, "network": prefix},
        {"services": _list_of(_services(host))},
    )
    return _object(
        {"id": _text, "link": _text, "network_id": _text},
        {"ip_address": host, "netmask": mask, "routes": _list_of(route)},
    )


_LINK: Mapping[str, Rule] = MappingProxyType({"id": _text, "ethernet_mac_address": _mac})
_OF_LINK: Mapping[str, Rule] = MappingProxyType({"mtu": _mtu, "vif_id": _text})
_BOND_MODE = _word(
    *("802.3ad", "balance-rr", "active-backup", "balance-xor"),
    *("broadcast", "balance-tlb", "balance-alb"),
)
_CARDS = ("bridge", "dvs", "hw_veb", "hyperv", "ovs", "tap", "vhostuser", "vif", "phy")
_LINKS: Mapping[str, Rule] = MappingProxyType(
    {
        **dict.fromkeys(_CARDS, _object(_LINK, _OF_LINK)),
        "bond": _object(
            {**_LINK, "bond_mode": _BOND_MODE, "bond_links": _list_of(_text)}, _OF_LINK
        ),
        "vlan": _object(
            {"id": _text, "vlan_mac_address": _mac, "vlan_link": _text, "vlan_id": _vlan_id},
            _OF_LINK,
        ),
    }
)
_OF_4 = _network(_ADDRESS_4, _ADDRESS_4, _ADDRESS_4, _MASK_4)
_OF_6 = _network(_ADDRESS_OR_PREFIX_6, _GATEWAY_6, _NETWORK_6, _NETWORK_6)
_NETWORKS: Mapping[str, Rule] = MappingProxyType(
    {
        one: _OF_4 if one in {NetworkType.IPV4, NetworkType.IPV4_DHCP} else _OF_6
        for one in NetworkType
    }
)
_WHOLE = _object(
    {
        "links": _list_of(_by_type(_LINKS)),
        "networks": _list_of(_by_type(_NETWORKS)),
        "services": _list_of(_either(_services(_ADDRESS_4), _services(_ADDRESS_OR_PREFIX_6))),
    },
    {},
)
