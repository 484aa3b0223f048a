"""Values of fields that are too long, empty or malformed: real Ironic's statuses."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside

pytestmark = list(BESIDE_IRONIC)
MAC = "52:54:00:12:34:56"
LINK: dict[str, Any] = {"id": "a", "type": "phy", "ethernet_mac_address": MAC}
BOND = LINK | {"id": "b", "type": "bond", "bond_mode": "802.3ad", "bond_links": ["a"]}
VLAN = {"id": "v", "type": "vlan", "vlan_mac_address": MAC, "vlan_id": 5, "vlan_link": "a"}
ROUTE = {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.1"}
NETWORK = {
    "id": "n",
    "link": "a",
    "network_id": "x",
    "type": "ipv4",
    "ip_address": "192.0.2.5",
    "netmask": "255.255.255.0",
    "routes": [ROUTE | {"services": [{"type": "dns", "address": "192.0.2.2"}]}],
}
ROUTE_6 = {"network": "::", "netmask": "::", "gateway": "fe80::1"}
NETWORK_6 = NETWORK | {
    "type": "ipv6",
    "ip_address": "2001:db8::5/64",
    "netmask": "ffff:ffff:ffff:ffff::",
    "routes": [ROUTE_6],
}
WHOLE: dict[str, Any] = {
    "links": [LINK, BOND, VLAN],
    "networks": [NETWORK, NETWORK_6],
    "services": [
        {"type": "dns", "address": "192.0.2.2"},
        {"type": "dns", "address": "2001:db8::1"},
    ],
}
ODD: tuple[object, ...] = (
    None,
    5,
    -1,
    1.5,
    True,
    "",
    "x",
    "300.1.1.1",
    MAC,
    [],
    ["x"],
    {},
    {"a": 1},
)
ENDS = {
    "description": (4096, 4097),
    "instance_name": (0, 255, 256),
    "resource_class": (80, 81),
    "name": (255, 256),
}


def statuses(both: Beside, method: str, path: str, body: object) -> tuple[int, int]:
    ours, theirs = both.ask(method, path, body)
    return ours.status, theirs.status


def test_texts_end_where_ironics_end(both: Beside) -> None:
    node = both.node()
    for name, lengths in ENDS.items():
        for length in lengths:
            text = "x" * length
            patch = [{"op": "add", "path": f"/{name}", "value": text}]
            ours, theirs = statuses(both, "PATCH", f"/v1/nodes/{node}", patch)
            assert ours == theirs, (name, length)
            patch = [{"op": "remove", "path": f"/{name}"}]
            statuses(both, "PATCH", f"/v1/nodes/{node}", patch)
            body = {"uuid": both.uuid(), "driver": "fake-hardware", name: text}
            ours, theirs = statuses(both, "POST", "/v1/nodes", body)
            assert ours == theirs, (name, length)
            statuses(both, "DELETE", f"/v1/nodes/{body['uuid']}", None)


def places(value: object, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give the way to each member of a document."""
    inside = value.items() if isinstance(value, dict) else ()
    for key, one in enumerate(value) if isinstance(value, list) else inside:
        yield (*way, key)
        yield from places(one, (*way, key))


def bent(way: tuple[str | int, ...], value: object = None, *, is_gone: bool = False) -> object:
    """Return the whole document with another value, or none, in one place."""
    document: Any = copy.deepcopy(WHOLE)
    part = document
    for key in way[:-1]:
        part = part[key]
    if is_gone:
        del part[way[-1]]
    else:
        part[way[-1]] = value
    return document


@pytest.mark.parametrize("way", list(places(WHOLE)), ids=lambda way: "/".join(map(str, way)))
def test_what_is_network_data_for_ironic_is_for_us(
    both: Beside, way: tuple[str | int, ...]
) -> None:
    documents = [bent(way, is_gone=True), *(bent(way, value) for value in ODD)]
    node = both.node()
    for document in documents:
        patch = [{"op": "add", "path": "/network_data", "value": document}]
        ours, theirs = statuses(both, "PATCH", f"/v1/nodes/{node}", patch)
        assert ours == theirs, document
    body = {"uuid": both.uuid(), "driver": "fake-hardware", "network_data": documents[0]}
    ours, theirs = statuses(both, "POST", "/v1/nodes", body)
    assert ours == theirs, documents[0]


@pytest.mark.parametrize(
    "address", ["fe80::1%eth0", "fe80::1:2%2", "fe80::1%", "fe80::1%a b", "fe80::1%a-b", "::1%eth0"]
)
def test_a_scope_is_taken_where_ironic_takes_it(both: Beside, address: str) -> None:
    route = ("networks", 1, "routes", 0)
    node = both.node()
    for document in (
        bent(("networks", 1, "ip_address"), address),
        bent(("networks", 1, "ip_address"), f"{address}/64"),
        bent(("networks", 1, "netmask"), address),
        bent((*route, "gateway"), address),
        bent((*route, "network"), address),
        bent((*route, "netmask"), address),
        bent(("services", 1, "address"), address),
    ):
        patch = [{"op": "add", "path": "/network_data", "value": document}]
        ours, theirs = statuses(both, "PATCH", f"/v1/nodes/{node}", patch)
        assert ours == theirs, document


def test_what_is_wrong_in_network_data_is_said_with_its_place(both: Beside) -> None:
    body = {
        "driver": "fake-hardware",
        "network_data": bent(("networks", 0, "netmask"), "255.0.255.0"),
    }
    reply = both.ours.call("POST", "/v1/nodes", body, version="1.115")
    assert reply.status_code == 400
    assert "network_data/networks/0/netmask must be an IPv4 network mask" in reply.get_data(
        as_text=True
    )
