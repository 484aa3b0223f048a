from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.boot.dnsmasq_config import dnsmasq_config, hosts_of
from controller.boot.dnsmasq_log import DhcpEvent, ReplyReader, is_warning, read_event
from controller.errors import SettingsError
from controller.settings import Settings

RANGE = Settings(
    dhcp="range",
    dhcp_interface="br0",
    dhcp_range="192.0.2.100,192.0.2.199,255.255.255.0",
    public_url="http://192.0.2.1:6385",
)
PROXY = replace(RANGE, dhcp="proxy", dhcp_range="192.0.2.0")


def lines(
    settings: Settings,
    *,
    has_arm_loader: bool = False,
    has_grub: bool = False,
    has_bios_grub: bool = False,
) -> list[str]:
    return dnsmasq_config(
        settings,
        lease_file=Path(settings.state_directory) / "leases",
        hosts_file=Path("/state/hosts"),
        tftp_root=Path("/state/tftp"),
        has_arm_loader=has_arm_loader,
        has_grub=has_grub,
        has_bios_grub=has_bios_grub,
    ).splitlines()


def test_ipxe_gets_the_script_and_everybody_else_a_loader_for_its_firmware() -> None:
    config = lines(RANGE)
    for firmware in ("bios", "efi-x86_64", "http-x86_64", "efi-arm64"):
        script = "http://192.0.2.1:6385/boot/ipxe,,192.0.2.1"
        assert f"dhcp-boot=tag:!silent,tag:ipxe,tag:{firmware},{script}" in config
    assert "dhcp-boot=tag:!silent,tag:!ipxe,tag:bios,undionly.kpxe" in config
    assert "dhcp-boot=tag:!silent,tag:!ipxe,tag:efi-x86_64,snponly.efi" in config


def test_a_uefi_machine_that_boots_by_http_gets_a_url_and_the_word_it_waits_for() -> None:
    config = lines(RANGE)
    assert (
        "dhcp-boot=tag:!silent,tag:!ipxe,tag:http-x86_64,http://192.0.2.1:6385/boot/loader/snponly.efi"
        in config
    )
    assert "dhcp-option-force=tag:!silent,tag:http-x86_64,60,HTTPClient" in config


def test_no_router_and_no_name_server_are_given_out_unless_set() -> None:
    config = lines(RANGE)
    assert "dhcp-option=option:router" in config
    assert "dhcp-option=option:dns-server" in config
    config = lines(replace(RANGE, dhcp_router="192.0.2.254", dhcp_dns="192.0.2.53"))
    assert "dhcp-option=option:router,192.0.2.254" in config
    assert "dhcp-option=option:dns-server,192.0.2.53" in config


def test_cards_in_the_hosts_file_get_grub_whatever_their_rom_is_and_all_others_do_not() -> None:
    config = lines(RANGE, has_grub=True)
    assert "dhcp-boot=tag:!silent,tag:listed,tag:efi-x86_64,shimx64.efi" in config
    assert "dhcp-boot=tag:!silent,tag:!ipxe,tag:!listed,tag:efi-x86_64,snponly.efi" in config
    assert (
        "dhcp-boot=tag:!silent,tag:ipxe,tag:efi-x86_64,tag:!listed,http://192.0.2.1:6385/boot/ipxe,,192.0.2.1"
        in config
    )
    assert "dhcp-boot=tag:!silent,tag:!ipxe,tag:bios,undionly.kpxe" in config


def test_bios_and_uefi_http_boot_have_a_grub_of_their_own() -> None:
    config = lines(RANGE, has_grub=True, has_bios_grub=True)
    assert "dhcp-boot=tag:!silent,tag:listed,tag:bios,grub.0" in config
    assert "dhcp-boot=tag:!silent,tag:!ipxe,tag:!listed,tag:bios,undionly.kpxe" in config
    medium = "http://192.0.2.1:6385/boot/medium.img"
    assert f"dhcp-boot=tag:!silent,tag:listed,tag:http-x86_64,{medium}" in config
    assert config.count("dhcp-option-force=tag:!silent,tag:http-x86_64,60,HTTPClient") == 1


def test_with_grub_as_the_rule_the_cards_in_the_hosts_file_are_those_that_get_ipxe() -> None:
    config = lines(replace(RANGE, loader="grub"), has_grub=True)
    assert "dhcp-boot=tag:!silent,tag:!listed,tag:efi-x86_64,shimx64.efi" in config
    assert "dhcp-boot=tag:!silent,tag:!ipxe,tag:listed,tag:efi-x86_64,snponly.efi" in config


def test_a_proxy_offers_no_grub_which_would_ask_the_other_server() -> None:
    config = lines(PROXY, has_grub=True, has_bios_grub=True)
    assert "pxe-service=tag:!silent,tag:!ipxe,tag:efi-x86_64,7,iPXE,snponly.efi" in config
    assert not any("shimx64" in line or "grub.0" in line for line in config)
    with pytest.raises(SettingsError, match="needs dhcp"):
        lines(replace(PROXY, loader="grub"))


def test_the_hosts_file_has_a_line_for_each_card_and_nothing_that_is_no_address() -> None:
    text = hosts_of(["52:54:00:aa:00:02", "52:54:00:aa:00:01", "x\ndhcp-script=/x"])
    assert text == "52:54:00:aa:00:01,set:listed\n52:54:00:aa:00:02,set:listed\n"


def test_a_card_may_be_in_the_hosts_file_for_two_reasons() -> None:
    first, second = "52:54:00:aa:00:01", "52:54:00:aa:00:02"
    text = hosts_of([second], [first, second])
    assert text == f"{first},set:silent\n{second},set:listed,set:silent\n"


def test_a_proxy_gives_out_no_addresses() -> None:
    config = lines(PROXY)
    assert "dhcp-range=192.0.2.0,proxy" in config
    assert "pxe-service=tag:!silent,tag:!ipxe,tag:bios,0,iPXE,undionly.kpxe" in config
    assert "pxe-service=tag:!silent,tag:!ipxe,tag:efi-x86_64,7,iPXE,snponly.efi" in config
    assert not any("199" in line for line in config)


SIX = replace(
    RANGE, dhcp_range="", dhcp6_range="fd00::100, fd00::1ff", public_url="http://[fd00::1]:6385"
)


def test_over_ipv6_the_loader_is_named_by_its_address() -> None:
    config = lines(SIX, has_grub=True)
    assert "dhcp-range=fd00::100,fd00::1ff,64,3600" in config
    assert "ra-param=br0,60,0" in config
    wants = "tag:!silent,tag:!ipxe"
    option = "option6:bootfile-url"
    assert f"dhcp-option={wants},tag:efi-x86_64,{option},tftp://[fd00::1]/snponly.efi" in config
    url = "http://[fd00::1]:6385/boot/loader/snponly.efi"
    assert f"dhcp-option={wants},tag:http-x86_64,{option},{url}" in config
    # in hexadecimal digits dnsmasq would send the digits themselves
    vendor_class = f"dhcp-option-force={wants},tag:http-x86_64,option6:16,00,HTTPClient"
    assert vendor_class in config
    script = "http://[fd00::1]:6385/boot/ipxe"
    assert f"dhcp-option=tag:!silent,tag:ipxe,{option},{script}" in config
    assert not [line for line in config if line.startswith("dhcp-boot")]
    both = lines(replace(SIX, dhcp_range=RANGE.dhcp_range, public_url="http://boot.example:6385"))
    assert "dhcp-range=fd00::100,fd00::1ff,64,3600" in both
    assert "dhcp-boot=tag:!silent,tag:!ipxe,tag:bios,undionly.kpxe" in both


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"public_url": "http://192.0.2.1:6385"}, "over IPv6 .* do not reach"),
        ({"dhcp_range": RANGE.dhcp_range}, "over IPv4 do not reach"),
        ({"dhcp6_range": "fd00::1ff,fd00::100"}, "its last address comes before its first"),
        ({"dhcp6_range": "fd00::100,fd01::100"}, "another network"),
        ({"dhcp6_range": "fd00::100,fd00::1ff,48"}, "64 to 128 bits"),
        ({"dhcp6_range": "fd00::100"}, "not two or three parts"),
        ({"dhcp6_range": "fd00::100,fd00::1ff\ndhcp-script=/x"}, "dhcp6_range is"),
        ({"dhcp": "proxy"}, "a proxy gives no addresses"),
    ],
)
def test_settings_that_boot_nothing_over_ipv6_are_refused(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        lines(replace(SIX, **changes))


def test_arm_machines_are_served_when_their_loader_is_there() -> None:
    assert not any("snponly-arm64" in line for line in lines(RANGE))
    assert "dhcp-boot=tag:!silent,tag:!ipxe,tag:efi-arm64,snponly-arm64.efi" in lines(
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
        (replace(RANGE, state_directory="/srv/x\nenable-ra"), "state_directory"),
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


def test_over_ipv6_the_card_is_named_before_its_address() -> None:
    reader = ReplyReader()
    duid = "00:04:2b:1a:ae:01:6d:bd:41:d8:8f:94:91:b1:38:7b:36:8a"
    log = [
        "dnsmasq-dhcp: 7 client MAC address: 52:54:00:aa:00:09",
        "dnsmasq-dhcp: 8 client MAC address: 52:54:00:aa:00:08",
        f"dnsmasq-dhcp: 7 DHCPADVERTISE(br0) fd00:1::169 {duid}",
        f"dnsmasq-dhcp: 7 DHCPREPLY(br0) fd00:1::169 {duid}",
        f"dnsmasq-dhcp: 9 DHCPREPLY(br0) fd00:1::170 {duid}",
    ]
    found = [reader.read(line, 5.0) for line in log]
    event = DhcpEvent(mac="52:54:00:aa:00:09", ip="fd00:1::169", at=5.0)
    assert found == [None, None, None, event, None]
    for number in range(1000):
        reader.read(f"dnsmasq-dhcp: {number} client MAC address: 52:54:00:aa:00:09", 5.0)
    assert reader.read(f"dnsmasq-dhcp: 8 DHCPREPLY(br0) fd00:1::171 {duid}", 5.0) is None


def test_a_missing_file_is_a_warning_unless_shim_and_grub_do_without_it() -> None:
    assert is_warning("dnsmasq-tftp[9]: file /s/tftp/snponly.efi not found for 192.0.2.9")
    for name in ("revocations_sku.efi", "shim_certificate_0.efi", "grub/x86_64-efi/fs.lst"):
        assert not is_warning(f"dnsmasq-tftp[9]: file /s/tftp/{name} not found for 192.0.2.9")


PRINTABLE = st.text(alphabet="ab,;#= \n\r\t\x00\\\"'/.", max_size=30)


@given(interface=PRINTABLE, tftp=PRINTABLE, url=PRINTABLE, router=PRINTABLE)
def test_no_setting_adds_a_line_or_an_option(
    interface: str, tftp: str, url: str, router: str
) -> None:
    settings = replace(
        RANGE,
        dhcp_interface=interface,
        state_directory=tftp,
        public_url=f"http://192.0.2.1/{url}",
        dhcp_router=router,
    )
    plain = [line.partition("=")[0] for line in lines(replace(RANGE, dhcp_router="192.0.2.2"))]
    try:
        found = lines(settings)
    except SettingsError:
        return
    assert [line.partition("=")[0] for line in found] == plain
