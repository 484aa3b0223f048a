import logging
from typing import Any

import pytest

from controller.bmc.ipmi import IpmiDriver
from controller.bmc.ipmi_target import parse_target, warn_of_unknown_keys
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


def test_a_bridge_is_read_and_messages_name_its_target() -> None:
    target = parse_target({**GOOD, **SINGLE})
    assert target.bridge is not None
    assert (target.bridge.target_address, target.bridge.transit) == (0x82, None)
    assert target.where == "192.0.2.10 port 623 bridged to 0x82 on channel 0"
    assert parse_target({**GOOD, **SINGLE, "ipmi_bridging": "no"}).bridge is None


def test_the_driver_that_cannot_bridge_refuses_it_and_names_the_one_that_can() -> None:
    with pytest.raises(Invalid, match=r"ipmi_bridging.*power_interface ipmitool-cli"):
        IpmiDriver().validate({**GOOD, **SINGLE})


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
        ({"ipmi_cipher_suite": 1}, "ipmi_cipher_suite.*3 .SHA-1. or 17"),
        ({"ipmi_cipher_suite": 3, "ipmi_protocol_version": "1.5"}, "does not go with IPMI 1.5"),
        ({"ipmi_bridging": "triple"}, "ipmi_bridging.*SINGLE"),
        ({"ipmi_bridging": "single"}, "ipmi_target_channel, driver_info/ipmi_target_address miss"),
        ({**SINGLE, "ipmi_bridging": "dual"}, "ipmi_transit_channel, .*ipmi_transit_address miss"),
        ({**SINGLE, "ipmi_target_address": 0}, "ipmi_target_address is 0"),
        ({**SINGLE, "ipmi_target_channel": 16}, "ipmi_target_channel is 16"),
        ({**SINGLE, "ipmi_target_address": "0x20"}, "0x20 is the address of the BMC"),
        ({**SINGLE, "ipmi_local_address": "0x82"}, "0x82 is the address of the BMC"),
        ({"ipmi_hex_kg_key": "zz"}, "ipmi_hex_kg_key.*40 hexadecimal"),
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
