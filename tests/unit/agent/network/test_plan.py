from ipaddress import ip_address, ip_interface, ip_network

import pytest

from agent.network.arguments import read_arguments
from agent.network.description import (
    BadDescription,
    Description,
    Link,
    LinkKind,
    Method,
    Network,
    Route,
)
from agent.network.plan import Card, missing_cards, plan_network

ETH0 = Card(name="eth0", mac="52:54:00:aa:bb:01")
ETH1 = Card(name="eth1", mac="52:54:00:aa:bb:02")


def lines(text: str, *cards: Card) -> list[str]:
    return [" ".join(words) for words in plan_network(read_arguments(text), cards).commands]


def test_a_static_address_with_its_gateway() -> None:
    plan = plan_network(read_arguments("ip=192.0.2.7::192.0.2.1:24::eth0:none"), (ETH0, ETH1))
    assert [" ".join(words) for words in plan.commands] == [
        "ip link set eth0 up",
        "ip -4 address replace 192.0.2.7/24 broadcast + dev eth0",
        "ip -4 route replace 0.0.0.0/0 via 192.0.2.1 dev eth0 onlink metric 100",
    ]
    assert plan.claimed == ("eth0",)
    assert [(name, str(a)) for name, a in plan.addresses] == [("eth0", "192.0.2.7/24")]


def test_a_vlan_over_a_bond_is_made_from_below_upwards() -> None:
    text = "bond=bond9:eth0,eth1:mode=802.3ad vlan=bond9.7:bond9 ip=bond9.7:dhcp6"
    assert lines(text, ETH0, ETH1) == [
        "ip link set eth0 up",
        "ip link set eth1 up",
        "modprobe bonding max_bonds=0",
        "ip link add bond0 type bond mode 802.3ad",
        "ip link set eth0 down",
        "ip link set eth0 master bond0",
        "ip link set eth0 up",
        "ip link set eth1 down",
        "ip link set eth1 master bond0",
        "ip link set eth1 up",
        "ip link set bond0 up",
        "ip link add link bond0 name bond0.7 type vlan id 7",
        "ip link set bond0.7 up",
    ]
    plan = plan_network(read_arguments(text), (ETH0, ETH1))
    assert plan.asks == ((Method.DHCP6, "bond0.7"),)
    assert plan.claimed == ("eth0", "eth1")


def test_what_an_earlier_attempt_or_the_kernel_made_is_removed_before_it_is_made_again() -> None:
    text = "bond=a:eth0 bond=b:eth1 vlan=b.7:b ip=b.7:dhcp"
    existing = ("lo", "eth0", "eth1", "bond0", "bond1", "bond1.7", "bond1.8")
    plan = plan_network(read_arguments(text), (ETH0, ETH1), existing)
    made = [" ".join(words) for words in plan.commands]
    assert made.count("modprobe bonding max_bonds=0") == 1
    for name in ("bond0", "bond1", "bond1.7"):
        added = next(at for at, line in enumerate(made) if "link add" in line and name in line)
        assert made[added - 1] == f"ip link delete {name}"
    assert "ip link delete bond1.8" not in made


def test_a_card_that_only_carries_a_vlan_is_left_to_dhcp() -> None:
    plan = plan_network(read_arguments("ipa-enable-vlan-interfaces=eth0.100"), (ETH0,))
    assert plan.claimed == ()
    assert plan.asks == ((Method.DHCP, "eth0.100"),)


def test_a_bond_works_with_the_members_that_are_there() -> None:
    plan = plan_network(read_arguments("bond=b:eth0,eth1 ip=b:dhcp"), (ETH1,))
    assert plan.asks == ((Method.DHCP, "bond0"),)
    assert plan.claimed == ("eth1",)
    assert plan.missing == ("eth0: no card eth0; there are: eth1 52:54:00:aa:bb:02",)


def test_what_has_no_card_is_left_out_and_named() -> None:
    described = read_arguments("vlan=eth7.5:eth7 ip=eth7.5:dhcp ip=eth0:dhcp")
    plan = plan_network(described, (ETH0,))
    assert plan.asks == ((Method.DHCP, "eth0"),)
    assert plan.missing[1] == "eth7.5: what carries it (eth7) is not there"
    assert missing_cards(described, (ETH0,)) == ("eth7",)


def test_long_names_become_short_ones() -> None:
    card = Card(name="enp0s31f6np0", mac=ETH0.mac)
    text = "ifname=a:52:54:00:aa:bb:01 vlan=a.1234 ip=a.1234:dhcp"
    assert plan_network(read_arguments(text), (card,)).asks == ((Method.DHCP, "vlan1234"),)


def test_ipv6_addresses_are_usable_at_once() -> None:
    route = Route(destination=ip_network("::/0"), gateway=ip_address("2001:db8::1"))
    network = Network(
        link="a", method=Method.STATIC, address=ip_interface("2001:db8::7/64"), routes=(route,)
    )
    link = Link(name="a", kind=LinkKind.CARD, mac=ETH0.mac)
    plan = plan_network(Description(links=(link,), networks=(network,)), (ETH0,))
    assert plan.commands[1:] == (
        ("ip", "-6", "address", "replace", "2001:db8::7/64", "nodad", "dev", "eth0"),
        (
            "ip",
            "-6",
            "route",
            "replace",
            "::/0",
            "via",
            "2001:db8::1",
            "dev",
            "eth0",
            "onlink",
            "metric",
            "100",
        ),
    )


@pytest.mark.parametrize(
    "links",
    [
        (Link(name="a", kind=LinkKind.VLAN, below="a", vlan_id=5),),
        (
            Link(name="a", kind=LinkKind.VLAN, below="b", vlan_id=5),
            Link(name="b", kind=LinkKind.BOND, members=("a",)),
        ),
        (Link(name="a", kind=LinkKind.VLAN, below="eth0", vlan_id=4095),),
        (Link(name="a", kind=LinkKind.BOND, members=("nobody",)),),
    ],
)
def test_impossible_links_are_refused(links: tuple[Link, ...]) -> None:
    with pytest.raises(BadDescription):
        plan_network(Description(links=links), (ETH0,))
