"""The texts of addresses in a node's network data, which reach the deploy ramdisk."""

from typing import Any

import pytest

from controller.api.documents.network_data import network_data
from controller.errors import Invalid

LINK = {"id": "a", "type": "phy", "ethernet_mac_address": "52:54:00:12:34:56"}


def document(host: str = "::1", plain: str = "::1", dns: str = "::1") -> dict[str, Any]:
    route = {"gateway": plain, "netmask": plain, "network": plain}
    network = {"id": "n", "link": "a", "network_id": "x", "type": "ipv6", "ip_address": host}
    return {
        "links": [LINK],
        "networks": [{**network, "routes": [route]}],
        "services": [{"type": "dns", "address": dns}],
    }


def test_an_address_is_taken_as_it_is_written() -> None:
    given = document(host="fe80::1/64", plain="2001:db8::1", dns="2001:DB8::53")
    assert network_data(given, "network_data") == given


@pytest.mark.parametrize("place", ["host", "plain", "dns"])
@pytest.mark.parametrize(
    "text", ["fe80::1%eth0", "fe80::1%eth0/64", "fe80::1%a b\n[evil]/64", "fe80::1%"]
)
def test_a_scope_which_may_be_any_text_is_refused(place: str, text: str) -> None:
    with pytest.raises(Invalid, match="must be an IPv6 address"):
        network_data(document(**{place: text}), "network_data")
