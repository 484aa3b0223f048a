import json
from contextlib import suppress
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.network.description import BadDescription, Link, LinkKind, Method, Network, Route
from agent.network.network_data import read_network_data
from agent.protocol.network_document import NetworkType

CARD = {"id": "enp1", "type": "phy", "ethernet_mac_address": "52:54:00:AA:BB:01", "mtu": 9000}


def body(**more: Any) -> bytes:
    return json.dumps({"links": [CARD], "networks": [], "services": []} | more).encode()


def network(**more: Any) -> dict[str, Any]:
    return {"id": "n0", "link": "enp1", "type": "ipv4"} | more


def test_a_bond_with_a_vlan_and_a_static_address_as_openstack_writes_it() -> None:
    second = {"id": "enp2", "type": "phy", "ethernet_mac_address": "525400aabb02"}
    bond = {
        "id": "bond0",
        "type": "bond",
        "bond_links": ["enp1", "enp2"],
        "bond_mode": "802.3ad",
        "bond_miimon": 100,
        "ethernet_mac_address": "52:54:00:aa:bb:01",
    }
    vlan = {"id": "vlan0", "type": "vlan", "vlan_link": "bond0", "vlan_id": 101}
    static = network(
        link="vlan0",
        ip_address="192.0.2.7",
        netmask="255.255.255.0",
        routes=[{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.1"}],
        services=[{"type": "dns", "address": "192.0.2.53"}],
        network_id="ignored",
    )
    found = read_network_data(
        body(
            links=[CARD, second, bond, vlan],
            networks=[static],
            services=[{"type": "dns", "address": "2001:db8::53"}],
        )
    )
    assert found.links[0].mac == "52:54:00:aa:bb:01"
    assert found.links[0].mtu == 9000
    assert found.links[2] == Link(
        name="bond0",
        kind=LinkKind.BOND,
        mac="52:54:00:aa:bb:01",
        members=("enp1", "enp2"),
        options=(("mode", "802.3ad"), ("miimon", "100")),
    )
    assert (found.links[3].below, found.links[3].vlan_id) == ("bond0", 101)
    everywhere = Route(destination=ip_network("0.0.0.0/0"), gateway=ip_address("192.0.2.1"))
    assert found.networks == (
        Network(
            link="vlan0",
            method=Method.STATIC,
            address=ip_interface("192.0.2.7/24"),
            routes=(everywhere,),
        ),
    )
    assert [str(server) for server in found.name_servers] == ["2001:db8::53", "192.0.2.53"]
    assert found.only


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("ipv4_dhcp", Method.DHCP),
        ("ipv6_dhcp", Method.DHCP6),
        ("ipv6_dhcpv6-stateful", Method.DHCP6),
        ("ipv6_dhcpv6-stateless", Method.SLAAC),
        ("ipv6_slaac", Method.SLAAC),
    ],
)
def test_every_way_to_an_address_is_known(kind: str, method: Method) -> None:
    (found,) = read_network_data(body(networks=[network(type=kind)])).networks
    assert (found.method, found.address) == (method, None)


def test_every_type_that_the_api_takes_is_known() -> None:
    for kind in NetworkType:
        where = {"ip_address": "::1" if "6" in kind else "192.0.2.1"}
        assert read_network_data(body(networks=[network(type=kind, **where)])).networks


def test_the_scope_of_an_address_is_its_link() -> None:
    route = {"network": "::", "netmask": "::", "gateway": "fe80::2%eth0"}
    scoped = network(
        type="ipv6", ip_address="fe80::1%eth0/64", gateway="fe80::3%eth0", routes=[route]
    )
    server = {"type": "dns", "address": "fe80::53%eth0"}
    found = read_network_data(body(networks=[scoped], services=[server]))
    (one,) = found.networks
    assert str(one.address) == "fe80::1/64"
    assert [str(route.gateway) for route in one.routes] == ["fe80::3", "fe80::2"]
    assert [str(address) for address in found.name_servers] == ["fe80::53%eth0"]


@pytest.mark.parametrize("scope", ["a b", "", "x\nsearch evil", "a%b"])
@pytest.mark.parametrize("place", ["ip_address", "gateway", "dns"])
def test_another_scope_is_refused(scope: str, place: str) -> None:
    text = f"fe80::1%{scope}"
    given: dict[str, Any] = {"ip_address": "fe80::9"} | {place: text}
    services = [{"type": "dns", "address": text}] if place == "dns" else []
    with pytest.raises(BadDescription, match="a scope has letters and digits"):
        read_network_data(body(networks=[network(type="ipv6", **given)], services=services))


@pytest.mark.parametrize(
    ("ip", "netmask", "expected"),
    [
        ("2001:db8::7", "ffff:ffff:ffff:ffff::", "2001:db8::7/64"),
        ("2001:db8::7", "64", "2001:db8::7/64"),
        ("2001:db8::7/56", None, "2001:db8::7/56"),
        ("192.0.2.7", 26, "192.0.2.7/26"),
        ("192.0.2.7", None, "192.0.2.7/32"),
    ],
)
def test_a_netmask_is_understood_however_it_is_written(
    ip: str, netmask: Any, expected: str
) -> None:
    kind = "ipv6" if ":" in ip else "ipv4"
    document = network(type=kind, ip_address=ip, netmask=netmask)
    assert str(read_network_data(body(networks=[document])).networks[0].address) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"[]", "Expected `object`"),
        (b"{", "network_data.json: "),
        (body(links=[{"id": "a", "type": "phy"}]), "link 'a' has no ethernet_mac_address"),
        (body(links=[CARD | {"ethernet_mac_address": "x"}]), "'x' is no MAC address"),
        (body(networks=[network(type="ipx")]), "unknown type 'ipx'"),
        (body(networks=[network(ip_address="192.0.2.300")]), "network of link 'enp1'"),
        (body(services=[{"type": "dns", "address": "ns.example"}]), "name server"),
        (body(links=[CARD] * 300), "more than 256"),
    ],
)
def test_what_cannot_be_used_is_named(text: bytes, complaint: str) -> None:
    with pytest.raises(BadDescription, match=complaint):
        read_network_data(text)


_NAMES = st.sampled_from(["links", "networks", "services", "id", "type", "link"])
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(_NAMES, inner),
)


@given(_DOCUMENTS)
def test_any_document_is_read_or_refused(document: Any) -> None:
    with suppress(BadDescription):
        read_network_data(json.dumps(document).encode())
