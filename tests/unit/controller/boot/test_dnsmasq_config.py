from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.boot.dnsmasq_config import DhcpEvent, dnsmasq_config, read_event
from controller.errors import SettingsError
from controller.settings import Settings

RANGE = Settings(
    dhcp="range",
    dhcp_interface="br0",
    dhcp_range="192.0.2.100,192.0.2.199,255.255.255.0",
    public_url="http://192.0.2.1:6385",
)
PROXY = replace(RANGE, dhcp="proxy", dhcp_range="192.0.2.0")


def lines(settings: Settings, *, has_arm_loader: bool = False) -> list[str]:
    return dnsmasq_config(
        settings, lease_file=Path("/state/leases"), has_arm_loader=has_arm_loader
    ).splitlines()


def test_ipxe_gets_the_script_and_everybody_else_a_loader_for_its_firmware() -> None:
    config = lines(RANGE)
    assert "dhcp-boot=tag:ipxe,http://192.0.2.1:6385/boot/ipxe,,192.0.2.1" in config
    assert "dhcp-boot=tag:!ipxe,tag:bios,undionly.kpxe" in config
    assert "dhcp-boot=tag:!ipxe,tag:efi-x86_64,snponly.efi" in config


def test_a_uefi_machine_that_boots_by_http_gets_a_url_and_the_word_it_waits_for() -> None:
    config = lines(RANGE)
    assert (
        "dhcp-boot=tag:!ipxe,tag:http-x86_64,http://192.0.2.1:6385/boot/loader/snponly.efi"
        in config
    )
    assert "dhcp-option-force=tag:http-x86_64,60,HTTPClient" in config


def test_no_router_and_no_name_server_are_given_out_unless_set() -> None:
    config = lines(RANGE)
    assert "dhcp-option=option:router" in config
    assert "dhcp-option=option:dns-server" in config
    config = lines(replace(RANGE, dhcp_router="192.0.2.254", dhcp_dns="192.0.2.53"))
    assert "dhcp-option=option:router,192.0.2.254" in config
    assert "dhcp-option=option:dns-server,192.0.2.53" in config


def test_a_proxy_gives_out_no_addresses() -> None:
    config = lines(PROXY)
    assert "dhcp-range=192.0.2.0,proxy" in config
    assert "pxe-service=tag:!ipxe,0,iPXE,undionly.kpxe" in config
    assert "pxe-service=tag:!ipxe,7,iPXE,snponly.efi" in config
    assert not any("199" in line for line in config)


def test_arm_machines_are_served_when_their_loader_is_there() -> None:
    assert not any("snponly-arm64" in line for line in lines(RANGE))
    assert "dhcp-boot=tag:!ipxe,tag:efi-arm64,snponly-arm64.efi" in lines(
        RANGE, has_arm_loader=True
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (replace(RANGE, dhcp_interface=""), "dhcp_interface"),
        (replace(RANGE, dhcp_range=""), "for example"),
        (replace(RANGE, dhcp_range="192.0.2.100,nonsense"), "nonsense"),
        (replace(RANGE, dhcp_range="192.0.2.9,192.0.2.1"), "first address comes after"),
        (replace(RANGE, dhcp_router="gateway"), "gateway"),
        (replace(PROXY, dhcp_range=""), "no IPv4 address"),
        (replace(RANGE, dhcp_interface="br0\ndhcp-script=/tmp/x"), "dhcp_interface"),
        (replace(RANGE, tftp_directory="/srv/tftp\nenable-ra"), "tftp_directory"),
        (replace(RANGE, public_url="http://192.0.2.1,x"), "public_url"),
        (replace(RANGE, public_url=""), "set public_url"),
        (replace(RANGE, public_url="http://localhost:6385"), "set public_url"),
        (replace(RANGE, public_url="", listen_host="0.0.0.0"), "set public_url"),
    ],
)
def test_settings_that_boot_nothing_are_refused(settings: Settings, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        lines(settings)


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (
            "dnsmasq-dhcp[7]: DHCPACK(br0) 192.0.2.108 52:54:00:aa:00:09 name",
            DhcpEvent(mac="52:54:00:aa:00:09", ip="192.0.2.108", at=5.0),
        ),
        (
            "dnsmasq-dhcp[7]: PXE(br0) 52:54:00:aa:00:09 proxy",
            DhcpEvent(mac="52:54:00:aa:00:09", ip=None, at=5.0),
        ),
        (
            "dnsmasq-dhcp[7]: DHCPACK(ib0) 192.0.2.108 20-00:02:c9:03:00:1d:f4:b1",
            DhcpEvent(mac="00:02:c9:1d:f4:b1", ip="192.0.2.108", at=5.0),
        ),
        ("dnsmasq-dhcp[7]: DHCPOFFER(br0) 192.0.2.108 52:54:00:aa:00:09", None),
        ("dnsmasq[7]: started, version 2.90 DNS disabled", None),
    ],
)
def test_the_log_says_which_machine_got_which_address(line: str, event: DhcpEvent | None) -> None:
    assert read_event(line, 5.0) == event


PRINTABLE = st.text(alphabet="ab,;#= \n\r\t\x00\\\"'/.", max_size=30)


@given(interface=PRINTABLE, tftp=PRINTABLE, url=PRINTABLE, router=PRINTABLE)
def test_no_setting_adds_a_line_or_an_option(
    interface: str, tftp: str, url: str, router: str
) -> None:
    settings = replace(
        RANGE,
        dhcp_interface=interface,
        tftp_directory=tftp,
        public_url=f"http://192.0.2.1/{url}",
        dhcp_router=router,
    )
    plain = [line.partition("=")[0] for line in lines(replace(RANGE, dhcp_router="192.0.2.2"))]
    try:
        found = lines(settings)
    except SettingsError:
        return
    assert [line.partition("=")[0] for line in found] == plain
