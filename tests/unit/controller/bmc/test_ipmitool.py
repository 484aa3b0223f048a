from typing import Any

import pytest

from controller.bmc.ipmi_target import IpmiTarget, parse_target
from controller.bmc.ipmitool import IpmitoolDriver, arguments, classify, read_bytes, secrets
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable, Invalid
from controller.peers.programs import Finished


def target(**info: Any) -> IpmiTarget:
    return parse_target(
        {
            "ipmi_address": "192.0.2.10",
            "ipmi_username": "admin",
            "ipmi_password": "s3cret",
            **info,
        }
    )


def test_the_command_line_names_everything_but_the_secrets() -> None:
    words = arguments(target(ipmi_cipher_suite=3, ipmi_hex_kg_key="ab" * 20), (0, 1))
    line = " ".join(words)
    assert "-I lanplus -H 192.0.2.10 -p 623 -U admin -L ADMINISTRATOR -C 3" in line
    assert line.endswith("-E -K raw 0x00 0x01")
    assert "s3cret" not in line
    assert "abab" not in line


def test_bridged_requests_name_the_whole_way() -> None:
    single = {"ipmi_bridging": "single", "ipmi_target_channel": 7, "ipmi_target_address": 130}
    dual = {**single, "ipmi_bridging": "dual", "ipmi_transit_channel": "0x1"}
    assert "-m 0x20 -b 7 -t 0x82 -N" in " ".join(arguments(target(**single), (0, 1)))
    words = arguments(target(**dual, ipmi_transit_address="0x24", ipmi_local_address=34), (0, 1))
    assert "-m 0x22 -B 1 -T 0x24 -b 7 -t 0x82 -N" in " ".join(words)


def test_password_and_kg_go_by_environment() -> None:
    assert secrets(target(ipmi_hex_kg_key="ab" * 20)) == {
        "IPMI_PASSWORD": b"s3cret",
        "IPMI_KGKEY": b"\xab" * 20,
    }


def test_ipmi_1_5_uses_the_old_interface() -> None:
    assert "lan" in arguments(target(ipmi_protocol_version="1.5"), (0, 1))


def test_a_kg_key_that_the_environment_cannot_hold_is_refused() -> None:
    with pytest.raises(Invalid, match="zero byte"):
        IpmitoolDriver().check({"ipmi_address": "192.0.2.10", "ipmi_hex_kg_key": "ab00cd"})


def test_bytes_are_read_from_between_the_words_of_verbose_output() -> None:
    output = "RAW RSP (18 bytes)\n 01 05 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n ff 00\n"
    assert read_bytes(output) == b"\x01\x05" + bytes(14) + b"\xff\x00"
    assert read_bytes("\n") == b""


# What ipmitool 1.8.19 wrote against pyghmi's BMC, shortened.
WRONG_PASSWORD = "> RAKP 2 HMAC is invalid\nError: Unable to establish IPMI v2 / RMCP+ session\n"
WRONG_USER = (
    "> Error: no response from RAKP 1 message\nError: Unable to establish IPMI v2 / RMCP+ session\n"
)
NO_SUITE = "Authentication algorithm 0x01 is not what we requested 0x03\nError: Unable to establish IPMI v2\n"
UNKNOWN_HOST = "Address lookup for no.such.invalid failed\nCould not open socket!\nError: Unable to establish\n"
SILENCE = "Get Auth Capabilities error\nError: Unable to establish IPMI v2 / RMCP+ session\n"


@pytest.mark.parametrize(
    ("errors", "kind", "words"),
    [
        (WRONG_PASSWORD, BmcAuthenticationFailed, "user 'admin' refused"),
        (WRONG_USER, BmcAuthenticationFailed, "check ipmi_username"),
        (NO_SUITE, BmcError, "ipmi_cipher_suite"),
        (UNKNOWN_HOST, BmcError, "host name"),
        (SILENCE, BmcUnreachable, "no answer within 2.0 s"),
        ("Segmentation fault\n", BmcError, "ended with 1: Segmentation fault"),
    ],
)
def test_what_ipmitool_complains_of_becomes_the_right_error(
    errors: str, kind: type[BmcError], words: str
) -> None:
    done = Finished(exit_code=1, output="", errors=errors)
    error = classify(target(), done, "power on", 2.0)
    assert type(error) is kind
    assert words in str(error)
    assert "192.0.2.10" in str(error)
