"""Reads OpenStack's ``network_data.json``, as it lies on a config drive or on virtual media. Pure.

Source: Nova's ``doc/api_schemas/network_data.json`` and its metadata documentation; Ironic takes the same document in a node's
``network_data``. Keys beyond those used here are ignored: the writer may be newer. The scope of a link-local address is its network's link.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import msgspec

from agent.network.description import (
    BadDescription,
    Description,
    Link,
    LinkKind,
    Method,
    Network,
    Route,
)
from agent.protocol.foreign_text import UnfitDocument, read_document
from agent.protocol.hardware_address import normal_mac
from agent.protocol.network_document import NetworkType, without_scope

_BOND_OPTIONS = {
    "bond_mode": "mode",
    "bond_miimon": "miimon",
    "bond_xmit_hash_policy": "xmit_hash_policy",
    "bond_lacp_rate": "lacp_rate",
}
_METHODS: Mapping[str, Method] = {
    NetworkType.IPV4: Method.STATIC,
    NetworkType.IPV6: Method.STATIC,
    NetworkType.IPV4_DHCP: Method.DHCP,
    NetworkType.IPV6_DHCP: Method.DHCP6,
    NetworkType.IPV6_DHCP_STATEFUL: Method.DHCP6,
    NetworkType.IPV6_DHCP_STATELESS: Method.SLAAC,
    NetworkType.IPV6_SLAAC: Method.SLAAC,
}
_MOST_ENTRIES = 256


class _Link(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    type: str
    ethernet_mac_address: str | None = None
    mtu: int | None = None
    vlan_link: str = ""
    vlan_id: int = 0
    vlan_mac_address: str | None = None
    bond_links: tuple[str, ...] = ()


class _Route(msgspec.Struct, frozen=True, kw_only=True):
    network: str
    gateway: str
    netmask: str | int | None = None


class _Service(msgspec.Struct, frozen=True, kw_only=True):
    type: str = ""
    address: str = ""


class _Network(msgspec.Struct, frozen=True, kw_only=True):
    link: str
    type: str
    ip_address: str | None = None
    netmask: str | int | None = None
    gateway: str | None = None
    routes: tuple[_Route, ...] = ()
    services: tuple[_Service, ...] = ()
    dns_nameservers: tuple[str, ...] = ()


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    links: tuple[Any, ...] = ()
    networks: tuple[_Network, ...] = ()
    services: tuple[_Service, ...] = ()


def read_network_data(body: bytes) -> Description:
    """Return what a ``network_data.json`` describes.

    Raises:
        BadDescription: It is no such document, or one of its values cannot be used; the message says which.
    """
    try:
        document = msgspec.convert(read_document(body), _Document)
        links = tuple(_link(raw, msgspec.convert(raw, _Link)) for raw in document.links)
    except (UnfitDocument, msgspec.ValidationError) as error:
        raise BadDescription(f"network_data.json: {error}") from error
    if len(links) + len(document.networks) > _MOST_ENTRIES:
        raise BadDescription(f"network_data.json: more than {_MOST_ENTRIES} links and networks")
    networks = tuple(_network(network) for network in document.networks)
    return Description(
        links=links, networks=networks, name_servers=tuple(_servers(document)), only=True
    )


def _link(raw: Mapping[str, Any], link: _Link) -> Link:
    mac = _mac(link, link.ethernet_mac_address)
    match link.type:
        case "vlan":
            return Link(
                name=link.id,
                kind=LinkKind.VLAN,
                mac=_mac(link, link.vlan_mac_address),
                mtu=link.mtu,
                below=link.vlan_link,
                vlan_id=link.vlan_id,
            )
        case "bond":
            options = ((ours, raw.get(theirs)) for theirs, ours in _BOND_OPTIONS.items())
            return Link(
                name=link.id,
                kind=LinkKind.BOND,
                mac=mac,
                mtu=link.mtu,
                members=link.bond_links,
                options=tuple((name, str(value)) for name, value in options if value is not None),
            )
        case _:  # phy, and the kinds of virtual cards: bridge, ovs, tap, vif ...
            if mac is None:
                raise BadDescription(
                    f"network_data.json: link {link.id!r} has no ethernet_mac_address"
                )
            return Link(name=link.id, kind=LinkKind.CARD, mac=mac, mtu=link.mtu)


def _mac(link: _Link, text: str | None) -> str | None:
    if text is None:
        return None
    mac = normal_mac(text)
    if mac is None:
        raise BadDescription(f"network_data.json: link {link.id!r}: {text!r} is no MAC address")
    return mac


def _network(network: _Network) -> Network:
    method = _METHODS.get(network.type)
    if method is None:
        known = ", ".join(_METHODS)
        raise BadDescription(
            f"network_data.json: network of link {network.link!r}: unknown type {network.type!r}; known: {known}"
        )
    if method is not Method.STATIC:
        return Network(link=network.link, method=method)
    where = f"network_data.json: network of link {network.link!r}"
    try:
        written = without_scope(network.ip_address or "")
        address = ip_interface(
            written if "/" in written else f"{written}/{_or_host(network.netmask, written)}"
        )
        routes = tuple(
            Route(destination=_prefix(route), gateway=ip_address(without_scope(route.gateway)))
            for route in network.routes
        )
        if network.gateway:
            gateway = ip_address(without_scope(network.gateway))
            everywhere = ip_network("0.0.0.0/0" if gateway.version == 4 else "::/0")  # noqa: PLR2004
            routes = (Route(destination=everywhere, gateway=gateway), *routes)
    except ValueError as error:
        raise BadDescription(f"{where}: {error}") from error
    return Network(link=network.link, method=method, address=address, routes=routes)


def _or_host(netmask: str | int | None, address: str) -> str | int:
    """Return a network mask; without one it is a host's. IPv6 masks may be written as addresses too."""
    if netmask is None:
        return 128 if ":" in address else 32
    if isinstance(netmask, str) and ":" in netmask:
        return int(ip_address(netmask)).bit_count()
    return netmask


def _prefix(route: _Route) -> Any:
    if "/" in route.network:
        return ip_network(route.network, strict=False)
    return ip_network(f"{route.network}/{_or_host(route.netmask, route.network)}", strict=False)


def _servers(document: _Document) -> Iterator[Any]:
    services = [*document.services, *(s for n in document.networks for s in n.services)]
    written = [service.address for service in services if service.type == "dns"]
    written += [server for network in document.networks for server in network.dns_nameservers]
    for address in dict.fromkeys(written):
        try:
            without_scope(address)  # which the resolver needs
            yield ip_address(address)
        except ValueError as error:
            raise BadDescription(f"network_data.json: name server: {error}") from error
