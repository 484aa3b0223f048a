"""The texts of addresses and the types of networks in a node's network data, which reach the deploy ramdisk."""

from typing import Any

import pytest

from agent.protocol.network_document import NetworkType
from controller.api.documents.network_data import network_data
from controller.errors import Invalid

LINK = {"id": "a", "type": "phy", "ethernet_mac_address": "52:54:00:12:34:56"}


def document(
    host: str = "::1",
    gateway: str = "::1",
    prefix: str = "::1",
    dns: str = "::1",
    kind: str = "ipv6",
) -> dict[str, Any]:
    route = {"gateway": gateway, "netmask": prefix, "network": prefix}
    network = {"id": "n", "link": "a", "network_id": "x", "type": kind, "ip_address": host}
    return {
        "links": [LINK],
        "networks": [{**network, "routes": [route]}],
        "services": [{"type": "dns", "address": dns}],
    }


def test_an_address_is_taken_as_it_is_written() -> None:
    given = document(host="fe80::1/64", gateway="2001:db8::1", dns="2001:DB8::53")
    assert network_data(given, "network_data") == given


@pytest.mark.parametrize("text", ["fe80::1%eth0", "fe80::1:2%2"])
def test_a_scope_of_letters_and_digits_is_taken_where_ironic_takes_it(text: str) -> None:
    given = document(host=f"{text}/64", gateway=text, dns=text)
    assert network_data(given, "network_data") == given


@pytest.mark.parametrize("place", ["host", "gateway", "prefix", "dns"])
@pytest.mark.parametrize(
    "text", ["fe80::1%a b\n[evil]/64", "fe80::1%", "fe80::1%a-b", "2001:db8::1%eth0", "fe80::x%e"]
)
def test_any_other_text_after_an_address_is_refused(place: str, text: str) -> None:
    with pytest.raises(Invalid, match="must be an IPv6 address"):
        network_data(document(**{place: text}), "network_data")


def test_a_network_has_no_scope() -> None:
    with pytest.raises(Invalid, match="must be an IPv6 address without a scope"):
        network_data(document(prefix="fe80::1%eth0"), "network_data")


@pytest.mark.parametrize("kind", [one for one in NetworkType if one.startswith("ipv6")])
def test_every_type_that_the_ramdisk_knows_is_taken(kind: NetworkType) -> None:
    given = document(kind=str(kind))
    assert network_data(given, "network_data") == given
