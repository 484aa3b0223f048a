import pytest

from agent.network.arguments import BOOT_CARD, read_arguments
from agent.network.description import BadDescription, LinkKind, Method


def test_without_arguments_for_it_nothing_is_described() -> None:
    assert not read_arguments("quiet ip=dhcp BOOTIF=01-52-54-00-aa-bb-01")


def test_the_kernels_own_form_of_ip() -> None:
    found = read_arguments(
        "ip=192.0.2.7::192.0.2.1:255.255.255.0:host:eth1:none:192.0.2.53:192.0.2.54"
    )
    (network,) = found.networks
    assert (network.link, str(network.address)) == ("eth1", "192.0.2.7/24")
    assert [str(r.gateway) for r in network.routes] == ["192.0.2.1"]
    assert [str(s) for s in found.name_servers] == ["192.0.2.53", "192.0.2.54"]
    assert not found.only


def test_without_a_card_it_is_the_one_that_the_machine_was_started_from() -> None:
    found = read_arguments("BOOTIF=01-52-54-00-aa-bb-01 ip=192.0.2.7:::24")
    assert found.networks[0].link == BOOT_CARD
    assert found.links[0].mac == "52:54:00:aa:bb:01"


def test_ipv6_stands_in_brackets_and_has_a_prefix_length() -> None:
    found = read_arguments(
        "ip=[2001:db8::7]::[2001:db8::1]:64::eth0:none nameserver=[2001:db8::53]"
    )
    (network,) = found.networks
    assert str(network.address) == "2001:db8::7/64"
    assert str(network.routes[0].destination) == "::/0"
    assert str(found.name_servers[0]) == "2001:db8::53"


def test_a_vlan_over_a_bond() -> None:
    found = read_arguments(
        "bond=bond0:eth0,eth1:mode=active-backup,miimon=100:9000 vlan=bond0.7:bond0 ip=bond0.7:dhcp"
    )
    kinds = {link.name: link.kind for link in found.links}
    assert kinds == {
        "eth0": LinkKind.CARD,
        "eth1": LinkKind.CARD,
        "bond0": LinkKind.BOND,
        "bond0.7": LinkKind.VLAN,
    }
    bond = next(link for link in found.links if link.name == "bond0")
    assert bond.options == (("mode", "active-backup"), ("miimon", "100"))
    assert bond.mtu == 9000
    assert [(n.link, n.method) for n in found.networks] == [("bond0.7", Method.DHCP)]


def test_cards_get_names_by_their_addresses() -> None:
    found = read_arguments("ifname=front:52:54:00:aa:bb:01 ip=192.0.2.7:::24::front:none")
    assert found.links[0].mac == "52:54:00:aa:bb:01"
    assert found.networks[0].link == "front"


def test_ironics_argument_for_vlans_asks_for_addresses_on_them() -> None:
    found = read_arguments("ipa-enable-vlan-interfaces=eth0.100,52:54:00:aa:bb:01.0200")
    vlans = [link for link in found.links if link.kind is LinkKind.VLAN]
    assert [(v.below, v.vlan_id) for v in vlans] == [("eth0", 100), ("52:54:00:aa:bb:01", 200)]
    assert next(c for c in found.links if c.name.startswith("52")).mac == "52:54:00:aa:bb:01"
    assert [n.method for n in found.networks] == [Method.DHCP, Method.DHCP]


def test_a_route_belongs_to_the_static_address() -> None:
    found = read_arguments("ip=192.0.2.7:::24::eth0:none rd.route=198.51.100.0/24:192.0.2.9")
    assert str(found.networks[0].routes[0].destination) == "198.51.100.0/24"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ip=192.0.2.300:::24::eth0:none", "kernel argument ip=192.0.2.300"),
        ("ip=192.0.2.7:::24::eth0:magic", "'magic' is no way"),
        ("vlan=seven:eth0", "not like vlan5 or eth0.5"),
        ("vlan=vlan7", "which card carries it"),
        ("bond=bond0", "not like bond0:eth0"),
        ("ifname=a:b", "no MAC address"),
        ("ipa-enable-vlan-interfaces=all", "LLDP"),
        ("rd.route=198.51.100.0/24:192.0.2.9", "no static address"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, complaint: str) -> None:
    with pytest.raises(BadDescription, match=complaint):
        read_arguments(text)
