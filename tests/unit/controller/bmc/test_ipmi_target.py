import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.bmc.address import parse_address
from controller.bmc.ipmi import IpmiDriver
from controller.bmc.ipmi_target import PROPERTIES, parse_target, warn_of_unknown_keys
from controller.errors import Invalid

GOOD = {"ipmi_address": "192.0.2.10", "ipmi_username": "admin", "ipmi_password": "s3cret"}
SINGLE = {"ipmi_bridging": "single", "ipmi_target_channel": 0, "ipmi_target_address": "0x82"}


def test_what_is_left_out_gets_the_defaults_of_ironic() -> None:
    target = parse_target({"ipmi_address": "192.0.2.10"})
    assert (target.port, target.privilege_level, target.protocol_version) == (623, 4, "2.0")
    assert (target.username, target.password, target.cipher_suite, target.kg) == (
        "",
        "",
        None,
        None,
    )
    assert target.disables_boot_timeout


def test_numbers_may_come_as_texts() -> None:
    target = parse_target(
        {
            **GOOD,
            "ipmi_port": "6230",
            "ipmi_cipher_suite": "17",
            "ipmi_priv_level": "operator",
            "ipmi_disable_boot_timeout": "False",
        }
    )
    assert (target.port, target.cipher_suite, target.privilege_level) == (6230, 17, 3)
    assert not target.disables_boot_timeout


def test_the_text_on_bridging_asks_for_no_interface_that_is_not_needed() -> None:
    """``ipmi.py`` asks the program by itself."""
    assert "power_interface" not in PROPERTIES["ipmi_bridging"]
    assert "program ipmitool" in PROPERTIES["ipmi_bridging"]


def test_a_bridge_is_read_and_messages_name_its_target() -> None:
    target = parse_target({**GOOD, **SINGLE})
    assert target.bridge is not None
    assert (target.bridge.target_address, target.bridge.transit) == (0x82, None)
    assert target.where == "192.0.2.10 port 623 bridged to 0x82 on channel 0"
    assert parse_target({**GOOD, **SINGLE, "ipmi_bridging": "no"}).bridge is None


@pytest.mark.parametrize(
    "special", [SINGLE, {"ipmi_cipher_suite": 1}, {"ipmi_protocol_version": 1.5}]
)
def test_what_pyghmi_cannot_do_goes_by_the_program(special: dict[str, Any]) -> None:
    driver = IpmiDriver()
    driver.check({**GOOD, **special})
    assert _carrier(driver, special) == "_ProgramTransport"
    assert _carrier(driver, {"ipmi_cipher_suite": 17}) == "_PyghmiTransport"


def _carrier(driver: IpmiDriver, changes: dict[str, Any]) -> str:
    return type(driver.connect({**GOOD, **changes})._transport).__name__


def test_a_program_that_is_needed_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    IpmiDriver().check(GOOD)
    with pytest.raises(Invalid, match=r"the program ipmitool is needed .* cipher suite 3 or 17"):
        IpmiDriver().check({**GOOD, "ipmi_cipher_suite": 1})


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        (" 192.0.2.10\n", "192.0.2.10", 623),
        ("192.0.2.10:6230", "192.0.2.10", 6230),
        ("bmc-1.rack_2.example.", "bmc-1.rack_2.example.", 623),
        ("bmc:6230", "bmc", 6230),
        ("::1", "::1", 623),
        ("[::1]", "::1", 623),
        ("[2001:db8::1]:6230", "2001:db8::1", 6230),
        ("fe80::1%eth0", "fe80::1%eth0", 623),
        ("[fe80::1%eth0.12]:624", "fe80::1%eth0.12", 624),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1", 623),
        ("ipmi://bmc", "bmc", 623),
        ("IPMI://[::1]:624/", "::1", 624),
    ],
)
def test_an_address_is_read_in_every_form(written: str, host: str, port: int) -> None:
    target = parse_target({**GOOD, "ipmi_address": written})
    assert (target.address, target.port) == (host, port)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("https://bmc/redfish", "URL of kind 'https'.*IPMI wants a host"),
        ("ipmi://admin:sesame@bmc", "more than host and port; put user and password"),
        ("ipmi://bmc/path", "more than host and port"),
        ("ipmi://", "names no host"),
        (":623", "names no host"),
        ("bmc:", "the port '' is no number"),
        ("bmc:0", "the port '0' is no number from 1 to 65535"),
        ("bmc:70000", "the port '70000'"),
        ("[::1]:x", "the port 'x'"),
        ("[::1", r"no IPv6 address; write \[2001:db8::1\]:623"),
        ("[bmc]:623", "'bmc' is no IPv6 address"),
        ("2001:db8::1::2", "no IPv6 address"),
        ("fe80::1%", "is no network interface; write fe80::1%eth0"),
        ("fe80::1%eth 0", "is no network interface"),
        ("b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "letters beyond ASCII.*xn--"),
        ("192.0.2.300", "no IP address; give four numbers"),
        ("192.0.2", "no IP address"),
        ("bmc 1", "is no host"),
        ("-x", "is no host"),
        ("a..b", "is no host"),
        ("a" * 64, "is no host"),
    ],
)
def test_what_is_no_address_is_refused_with_an_example(written: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refusal:
        parse_target({**GOOD, "ipmi_address": written})
    assert "sesame" not in str(refusal.value)


@given(st.text())
def test_any_address_is_read_or_refused(written: str) -> None:
    try:
        address = parse_address(written, "ipmi_address")
    except Invalid:
        return
    assert address.host.isascii()
    assert not set(address.host) & set(" /[]@\n\0")


def test_two_ports_must_be_one() -> None:
    assert parse_target({**GOOD, "ipmi_address": "bmc:624", "ipmi_port": "624"}).port == 624
    with pytest.raises(Invalid, match="says port 624, ipmi_port says 623"):
        parse_target({**GOOD, "ipmi_address": "bmc:624", "ipmi_port": 623})


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("ab" * 20, b"\xab" * 20),
        ("0xABCD", b"\xab\xcd"),
        (" 4b6579 ", b"Key"),
        ("ab00cd0000", b"\xab\0\xcd"),
    ],
)
def test_a_short_kg_key_is_filled_up_as_hmac_does(written: str, key: bytes) -> None:
    assert parse_target({**GOOD, "ipmi_hex_kg_key": written}).kg == key


def test_ipmi_1_5_has_shorter_passwords() -> None:
    parse_target({**GOOD, "ipmi_password": "x" * 20})
    with pytest.raises(Invalid, match=r"ipmi_password.*16 bytes"):
        parse_target({**GOOD, "ipmi_password": "x" * 20, "ipmi_protocol_version": "1.5"})


def test_the_secrets_do_not_show_when_a_target_is_printed() -> None:
    target = parse_target({**GOOD, "ipmi_hex_kg_key": "ab" * 20})
    assert "s3cret" not in repr(target)
    assert "\\xab" not in repr(target)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ipmi_address": None}, "ipmi_address is missing.*for example"),
        ({"ipmi_address": ["a"]}, "ipmi_address must be a text"),
        ({"ipmi_port": "x"}, "ipmi_port.*1 to 65535"),
        ({"ipmi_port": 70000}, "ipmi_port.*70000"),
        ({"ipmi_port": True}, "ipmi_port"),
        ({"ipmi_username": "a" * 17}, "ipmi_username.*16 bytes"),
        ({"ipmi_priv_level": "ROOT"}, "ipmi_priv_level.*ADMINISTRATOR"),
        ({"ipmi_cipher_suite": 4}, "ipmi_cipher_suite.*17 .SHA-256. or 3 .SHA-1."),
        ({"ipmi_cipher_suite": 3, "ipmi_protocol_version": "1.5"}, "does not go with IPMI 1.5"),
        ({"ipmi_bridging": "triple"}, "ipmi_bridging.*SINGLE"),
        ({"ipmi_bridging": "single"}, "ipmi_target_channel, driver_info/ipmi_target_address miss"),
        ({**SINGLE, "ipmi_bridging": "dual"}, "ipmi_transit_channel, .*ipmi_transit_address miss"),
        ({**SINGLE, "ipmi_target_address": 0}, "ipmi_target_address is 0"),
        ({**SINGLE, "ipmi_target_channel": 16}, "ipmi_target_channel is 16"),
        ({**SINGLE, "ipmi_target_address": "0x20"}, "0x20 is the address of the BMC"),
        ({**SINGLE, "ipmi_local_address": "0x82"}, "0x82 is the address of the BMC"),
        ({"ipmi_hex_kg_key": "zz"}, "ipmi_hex_kg_key must be .*hexadecimal digits"),
        ({"ipmi_hex_kg_key": "abc"}, "two for each byte"),
        ({"ipmi_hex_kg_key": "ab" * 21}, "at most 40"),
        ({"ipmi_hex_kg_key": 1234}, "must be text"),
        ({"ipmi_hex_kg_key": "00" * 20}, "all zeros.*remove it"),
        ({"ipmi_username": "a\ud83d"}, "ipmi_username has letters that are no Unicode"),
        ({"ipmi_protocol_version": "3"}, "ipmi_protocol_version"),
        ({"ipmi_disable_boot_timeout": "maybe"}, "ipmi_disable_boot_timeout.*true or false"),
    ],
)
def test_a_malformed_key_is_named_with_what_it_should_be(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        parse_target({**GOOD, **change})


def test_a_password_that_ipmi_cannot_carry_is_refused_without_being_shown() -> None:
    with pytest.raises(Invalid, match=r"ipmi_password.*20 bytes") as refusal:
        parse_target({**GOOD, "ipmi_password": "hidden" * 4})
    assert "hidden" not in str(refusal.value)


def test_unknown_ipmi_keys_are_warned_of_and_their_values_are_not_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_unknown_keys({**GOOD, "ipmi_passwd": "hidden", "deploy_kernel": "x"})
    assert [record.__dict__["keys"] for record in caplog.records] == [["ipmi_passwd"]]
    assert "hidden" not in caplog.text
