from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.hardware.devices import BmcAddresses
from hardware_managers.generic.lan_channels import (
    Lan,
    choose,
    has_routable,
    merge,
    read_ipv6,
    read_lan,
    read_mode,
)

DATA = Path(__file__).parents[3] / "data/ipmitool"
MAC = "52:54:00:aa:bb:01"


def recorded(name: str) -> str:
    return (DATA / f"{name}.txt").read_text()


def test_recorded_channels_are_read() -> None:
    assert read_lan(recorded("lan-print")) == Lan(ipv4=IPv4Address("192.0.2.7"), mac=MAC)
    assert read_lan(recorded("lan-print-no-ipv4")) == Lan(ipv4=None, mac="52:54:00:aa:bb:02")
    assert read_lan("") is None


def test_recorded_ipv6_parameters_are_read() -> None:
    assert read_mode(recorded("lan6-enables")) == "ipv6"
    assert list(read_ipv6(recorded("lan6-static"))) == [IPv6Address("2001:db8::7")]
    dynamic = [IPv6Address("fe80::5054:ff:feaa:bb02"), IPv6Address("2001:db8::d")]
    assert list(read_ipv6(recorded("lan6-dynamic"))) == dynamic


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1", "", "none", "300.1.1.1"]
)
def test_what_is_no_ipv4_address_of_a_bmc_is_unknown(address: str) -> None:
    text = recorded("lan-print").replace("192.0.2.7", address)
    assert read_lan(text) == Lan(ipv4=None, mac=MAC)


@pytest.mark.parametrize("mac", ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "52:54", "", "unknown"])
def test_what_is_no_mac_is_unknown(mac: str) -> None:
    text = recorded("lan-print").replace(MAC, mac)
    assert read_lan(text) == Lan(ipv4=IPv4Address("192.0.2.7"), mac=None)


@pytest.mark.parametrize("text", ["", "IPv6/IPv4 Addressing Enables: Unknown (0x03)", "ipv6"])
def test_without_a_known_mode_a_channel_speaks_ipv4(text: str) -> None:
    assert read_mode(text) == "ipv4"


@pytest.mark.parametrize(
    ("kind", "first", "is_in_use"),
    [
        ("Static", "Enabled:        yes", True),
        ("Static", "Enabled:        no", False),
        ("Dynamic", "Source/Type:    DHCPv6", True),
        ("Dynamic", "Source/Type:    SLAAC", True),
        ("Dynamic", "Source/Type:    static", False),
    ],
)
@pytest.mark.parametrize("status", ["active", "disabled", "pending", "failed", "invalid"])
@pytest.mark.parametrize("address", ["2001:db8::7", "::", "::1", "ff02::1", "garbage"])
def test_only_active_sets_that_are_switched_on_count(
    kind: str, first: str, *, is_in_use: bool, status: str, address: str
) -> None:
    body = f"    {first}\n    Address:        {address}/64\n    Status:         {status}\n"
    router = "IPv6 Static Router 1:\n    Address: 2001:db8::ffff\n    Status: active\n"
    found = list(read_ipv6(f"{router}IPv6 {kind} Address 0:\n{body}{router}"))
    counts = is_in_use and status == "active" and address == "2001:db8::7"
    assert found == ([IPv6Address("2001:db8::7")] if counts else [])


def test_an_address_of_a_family_that_is_switched_off_does_not_count() -> None:
    lan = Lan(ipv4=IPv4Address("192.0.2.7"), mac=MAC)
    ipv6 = [IPv6Address("fe80::7"), IPv6Address("2001:db8::7")]
    assert merge(lan, "ipv4", ipv6) == BmcAddresses(ipv4="192.0.2.7", mac=MAC)
    assert merge(lan, "ipv6", ipv6) == BmcAddresses(ipv6="2001:db8::7", mac=MAC)
    assert merge(lan, "both", ipv6[:1]) == BmcAddresses(ipv4="192.0.2.7", ipv6="fe80::7", mac=MAC)


CHANNELS = st.lists(
    st.builds(
        BmcAddresses,
        ipv4=st.sampled_from([None, "169.254.0.1", "192.0.2.7", "192.0.2.8"]),
        ipv6=st.sampled_from([None, "fe80::7", "2001:db8::7", "2001:db8::8"]),
        mac=st.sampled_from([None, MAC, "52:54:00:aa:bb:02"]),
    ),
    max_size=11,
)


@given(CHANNELS)
def test_the_first_routable_channel_wins_and_ends_the_search(channels: list[BmcAddresses]) -> None:
    rest = iter(channels)
    chosen = choose(rest)
    routable = [has_routable(one) for one in channels]
    if True in routable:
        winner = channels[routable.index(True)]
        assert chosen.mac == winner.mac
        assert chosen.ipv4 in {winner.ipv4, None}
        assert chosen.ipv6 in {winner.ipv6, None}
        assert chosen.ipv4 or chosen.ipv6
        assert chosen.ipv4 != "169.254.0.1"
        assert chosen.ipv6 != "fe80::7"
        assert list(rest) == channels[routable.index(True) + 1 :]
        return
    with_any = [one for one in channels if one.ipv4 or one.ipv6]
    with_mac = [one for one in channels if one.mac]
    assert chosen == next(iter(with_any + with_mac), BmcAddresses())


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    read_lan(text)
    assert read_mode(text) in {"ipv4", "ipv6", "both"}
    list(read_ipv6(f"IPv6 Static Address 0:\n    {text}"))
