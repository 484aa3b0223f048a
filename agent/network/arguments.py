"""Reads the network out of kernel arguments: ``ip=``, ``vlan=``, ``bond=``, ``rd.route=``, ``nameserver=``, ``ifname=``. Pure.

Sources: Linux ``Documentation/admin-guide/nfs/nfsroot.rst`` for ``ip=``, dracut.cmdline(7) for all of them, and Ironic's agent for
``ipa-enable-vlan-interfaces``. Cards are named as the kernel names them, by their MAC address, or by a name that ``ifname=`` gives.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_interface, ip_network

from agent.network.description import (
    Address,
    BadDescription,
    Description,
    Link,
    LinkKind,
    Method,
    Network,
    Route,
)
from agent.protocol.hardware_address import mac_of_bootif, normal_mac
from agent.system.kernel_cmdline import split_arguments

BOOT_CARD = "(the card that the machine was started from)"
"""Name of the link for ``ip=`` without an interface; no kernel argument can be it."""
_VLAN_NAME = re.compile(r"(?:vlan|(?P<card>.+)\.)0*(?P<number>[1-9][0-9]{0,3})")
_DYNAMIC = {
    "dhcp": (Method.DHCP,),
    "on": (Method.DHCP,),
    "any": (Method.DHCP,),
    "dhcp6": (Method.DHCP6,),
    "auto6": (Method.SLAAC,),
    "either6": (Method.SLAAC, Method.DHCP6),
}
_NOTHING = ("", "none", "off", "static")
_WORDS = re.compile(r"\[[^\]]*\]|[^:\[\]]+|:")
_DEFAULT_BOND_MODE = "balance-rr"


@dataclass(slots=True)
class _Found:
    links: dict[str, Link] = field(default_factory=dict)
    networks: list[Network] = field(default_factory=list)
    servers: list[Address] = field(default_factory=list)

    def card(self, name: str, mac: str | None = None) -> str:
        """Have a link ``name``; what is not described otherwise is a card."""
        if name not in self.links:
            self.links[name] = Link(name=name, kind=LinkKind.CARD, mac=mac or normal_mac(name))
        return name


def read_arguments(cmdline_text: str) -> Description:
    """Return what the kernel arguments describe; what is not described (``ip=dhcp`` alone, too) is left to DHCP.

    Raises:
        BadDescription: An argument cannot be understood; the message names it.
    """
    found = _Found()
    arguments = [(name, value) for name, value in split_arguments(cmdline_text) if value]
    boot = next((mac_of_bootif(value) for name, value in arguments if name == "BOOTIF"), None)
    for readers in (_LINKS, _ADDRESSES):
        for name, value in arguments:
            if name in readers:
                try:
                    readers[name](found, value)
                except ValueError as error:
                    raise BadDescription(f"kernel argument {name}={value}: {error}") from error
    if BOOT_CARD in found.links and boot:
        found.links[BOOT_CARD] = replace(found.links[BOOT_CARD], mac=boot)
    return Description(
        links=tuple(found.links.values()),
        networks=tuple(found.networks),
        name_servers=tuple(found.servers),
    )


def fields(value: str) -> list[str]:
    """Return the parts between colons; an address in brackets is one part, without them."""
    parts = [""]
    for word in _WORDS.findall(value):
        if word == ":":
            parts.append("")
        else:
            parts[-1] += word.strip("[]")
    return parts


def _ifname(found: _Found, value: str) -> None:
    name, _, mac = value.partition(":")
    if normal_mac(mac) is None:
        raise ValueError(f"{mac!r} is no MAC address")
    found.card(name, normal_mac(mac))


def _vlan(found: _Found, value: str) -> None:
    name, _, card = value.partition(":")
    found.links[name] = _make_vlan(found, name, card)


def _make_vlan(found: _Found, name: str, card: str) -> Link:
    match = _VLAN_NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not like vlan5 or eth0.5")
    below = card or match["card"] or ""
    if not below:
        raise ValueError("it does not say which card carries it")
    found.card(below)
    return Link(name=name, kind=LinkKind.VLAN, below=below, vlan_id=int(match["number"]))


def _bond(found: _Found, value: str) -> None:
    name, members, options, mtu, *_ = [*fields(value), "", "", ""]
    pairs = dict(pair.partition("=")[::2] for pair in re.split(r"[,;]", options) if pair)
    mode = pairs.pop("mode", _DEFAULT_BOND_MODE)
    names = tuple(member for member in members.split(",") if member)
    if not name or not names:
        raise ValueError("it is not like bond0:eth0,eth1:mode=802.3ad")
    for member in names:
        found.card(member)
    found.links[name] = Link(
        name=name,
        kind=LinkKind.BOND,
        mtu=int(mtu) if mtu else None,
        members=names,
        options=(("mode", mode), *pairs.items()),
    )


def _enable_vlans(found: _Found, value: str) -> None:
    """Ironic's agent: ``card.number`` or ``MAC.number``, with commas; these ask for addresses beside the cards themselves."""
    for word in filter(None, value.split(",")):
        if _VLAN_NAME.fullmatch(word) is None:
            raise ValueError(
                f"{word!r} is not like eth0.100; VLANs are not taken from what a switch announces (LLDP)"
            )
        found.links[word] = _make_vlan(found, word, "")
        found.networks.append(Network(link=word, method=Method.DHCP))


def _ip(found: _Found, value: str) -> None:
    parts = fields(value)
    if len(parts) == 1:
        return  # ip=dhcp: as every card does anyhow
    if parts[1] in _DYNAMIC and not parts[0][:1].isdigit():
        link = found.card(parts[0])
        found.networks += [Network(link=link, method=method) for method in _DYNAMIC[parts[1]]]
        found.links[link] = replace(found.links[link], mtu=_mtu(parts[2:3]))
        return
    address, _, gateway, netmask, _, card, how, *rest = [*parts, *[""] * 7]
    link = found.card(card or BOOT_CARD)
    if how not in (*_NOTHING, *_DYNAMIC):
        raise ValueError(f"{how!r} is no way to get an address")
    if not address:
        found.networks += [Network(link=link, method=m) for m in _DYNAMIC.get(how, ())]
        return
    routes = tuple(_default_routes(gateway))
    static = ip_interface(f"{address}/{netmask}" if netmask else address)
    found.networks.append(Network(link=link, method=Method.STATIC, address=static, routes=routes))
    # The kernel has name servers behind the way, dracut also an MTU and a MAC address.
    if rest and rest[0].isdecimal():
        found.links[link] = replace(found.links[link], mtu=_mtu(rest[:1]))
    else:
        found.servers += [ip_address(word) for word in rest[:2] if word]


def _default_routes(gateway: str) -> Iterator[Route]:
    if gateway:
        way = ip_address(gateway)
        everywhere = ip_network("::/0" if ":" in gateway else "0.0.0.0/0")
        yield Route(destination=everywhere, gateway=way)


def _mtu(words: Sequence[str]) -> int | None:
    return int(words[0]) if words and words[0] else None


def _route(found: _Found, value: str) -> None:
    destination, gateway, *rest = [*fields(value), ""]
    route = Route(destination=ip_network(destination, strict=False), gateway=ip_address(gateway))
    names = [n.link for n in found.networks if n.method is Method.STATIC]
    name = rest[0] or (names[0] if names else "")
    for place, network in enumerate(found.networks):
        if network.link == name:
            found.networks[place] = replace(network, routes=(*network.routes, route))
            return
    raise ValueError("there is no static address (ip=) that it could belong to")


def _nameserver(found: _Found, value: str) -> None:
    found.servers.append(ip_address(value.strip("[]")))


_LINKS = {"ifname": _ifname, "vlan": _vlan, "bond": _bond}
_ADDRESSES = {
    "ip": _ip,
    "ipa-enable-vlan-interfaces": _enable_vlans,
    "rd.route": _route,
    "nameserver": _nameserver,
}
