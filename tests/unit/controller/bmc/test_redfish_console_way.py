"""How the serial console of a Redfish BMC is reached."""

from collections.abc import Mapping
from typing import Any

import pytest

from controller.bmc.redfish_console import RedfishConsole
from controller.bmc.redfish_console_way import Way, choose_way, known_way, parse_wish
from controller.bmc.redfish_errors import NotDoneError
from controller.bmc.redfish_quirks import Ways, console_ways_of
from controller.bmc.ssh_line import failure
from controller.errors import Invalid
from controller.hardware.console import DENIED, FAILED

INFO = {
    "redfish_address": "192.0.2.10",
    "redfish_username": "admin",
    "redfish_password": "geheim",
}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGvBvqkUDUhaLk8pSg4hZJxHaMcBvXHqqQ8bVCBBMvTm"


def ssh(**members: object) -> dict[str, Any]:
    return {"SerialConsole": {"SSH": {"ServiceEnabled": True, **members}}}


def shell(*kinds: str, console: bool | None = None) -> dict[str, Any]:
    """Return a manager with a shell, and a console that is on, off, or not told of."""
    found: dict[str, Any] = {
        "CommandShell": {"ServiceEnabled": True, "ConnectTypesSupported": list(kinds)}
    }
    if console is not None:
        found["SerialConsole"] = {"ServiceEnabled": console, "ConnectTypesSupported": []}
    return found


def way(
    system: Mapping[str, Any], manager: Mapping[str, Any] | None = None, **wishes: object
) -> Way:
    manager = manager or {}
    wish = parse_wish(INFO | {f"redfish_console_{key}": value for key, value in wishes.items()})
    return choose_way(wish, system, manager, console_ways_of(system, manager))


def by_ssh(port: int = 22, command: str = "") -> Way:
    return Way(is_ssh=True, port=port, command=command)


DELL = {"Manufacturer": "Dell Inc."}
IPMI = {"SerialConsole": {"IPMI": {"ServiceEnabled": True, "Port": 1623}}}


@pytest.mark.parametrize(
    ("system", "manager", "wishes", "wanted"),
    [
        (ssh(), {}, {}, by_ssh()),
        (ssh(Port=2200, SharedWithManagerCLI=False), {}, {}, by_ssh(2200)),
        (ssh(Port=True), {}, {}, by_ssh()),
        (ssh(Port=70000), {}, {}, by_ssh()),
        (
            ssh(ConsoleEntryCommand="vt 1", SharedWithManagerCLI=True),
            {},
            {},
            by_ssh(command="vt 1"),
        ),
        (ssh(ConsoleEntryCommand="x" * 300), {}, {}, by_ssh()),
        (ssh(ConsoleEntryCommand="vt 1") | DELL, {}, {}, by_ssh(command="vt 1")),
        (ssh(SharedWithManagerCLI=True) | DELL, {}, {}, by_ssh(command="console com2")),
        (ssh(ConsoleEntryCommand="vt 1"), {}, {"command": "mine"}, by_ssh(command="mine")),
        (ssh(Port=2200), {}, {"port": 2222}, by_ssh(2222)),
        (IPMI, {}, {}, Way(is_ssh=False, port=1623)),
        (IPMI | DELL, {}, {}, Way(is_ssh=False, port=1623)),
        (DELL, {}, {}, by_ssh(command="console com2")),
        (DELL, shell("SSH", "IPMI", console=False), {}, by_ssh(command="console com2")),
        ({"Manufacturer": "HPE"}, shell("SSH"), {}, by_ssh(command="vsp")),
        ({"Manufacturer": "Lenovo"}, {}, {}, by_ssh(command="console 1")),
        ({"Manufacturer": "ACME"}, {"Model": "OpenBmc"}, {}, by_ssh(2200)),
        ({"Manufacturer": "ACME"}, shell("SSH"), {"command": "go"}, by_ssh(command="go")),
        (
            {},
            {"SerialConsole": {"ServiceEnabled": True, "ConnectTypesSupported": ["IPMI"]}},
            {},
            Way(is_ssh=False, port=623),
        ),
    ],
)
def test_what_redfish_says_comes_before_the_vendor(
    system: dict[str, Any], manager: dict[str, Any], wishes: dict[str, Any], wanted: Way
) -> None:
    assert way(system, manager, **wishes) == wanted


OFF = {"SerialConsole": {"SSH": {"ServiceEnabled": False}, "IPMI": {"ServiceEnabled": False}}}


@pytest.mark.parametrize(
    ("system", "manager", "wishes", "words"),
    [
        (OFF, {}, {}, "switched off"),
        (OFF | DELL, {}, {}, "switched off"),
        (DELL, {"SerialConsole": {"ServiceEnabled": False}}, {}, "switched off"),
        ({}, {}, {}, "offers no serial console by Redfish"),
        ({"SerialConsole": "nonsense"}, {"SerialConsole": [1]}, {}, "offers no serial console"),
        ({}, shell("SSH"), {}, "redfish_console_command"),
        (DELL, shell("Telnet"), {}, "offers no serial console"),
        (IPMI, {}, {"type": "ssh"}, "by SSH"),
        (ssh(), {}, {"type": "ipmi"}, "by IPMI"),
    ],
)
def test_without_a_way_one_sentence_says_what_to_do(
    system: dict[str, Any], manager: dict[str, Any], wishes: dict[str, Any], words: str
) -> None:
    with pytest.raises(NotDoneError, match=words):
        way(system, manager, **wishes)


def test_what_driver_info_says_whole_is_not_asked_for() -> None:
    wish = parse_wish(INFO | {"redfish_console_type": "ssh", "redfish_console_port": "2200"})
    assert known_way(wish) == by_ssh(2200)
    assert known_way(parse_wish(INFO | {"redfish_console_type": "ssh"})) is None
    assert known_way(parse_wish(INFO | {"redfish_console_port": 2200})) is None


def test_the_consoles_own_user_counts() -> None:
    assert (parse_wish(INFO).username, parse_wish(INFO).password) == ("admin", "geheim")
    own = parse_wish(
        INFO | {"redfish_console_username": "eye", "redfish_console_password": "other"}
    )
    assert (own.username, own.password) == ("eye", "other")
    assert "other" not in repr(own)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"redfish_console_type": "telnet"}, "redfish_console_type"),
        ({"redfish_console_port": 0}, "redfish_console_port"),
        ({"redfish_console_port": True}, "redfish_console_port"),
        ({"redfish_console_command": "a\nb"}, "redfish_console_command"),
        ({"redfish_console_command": "a" * 300}, "redfish_console_command"),
        ({"redfish_console_host_key": "no key"}, "redfish_console_host_key"),
        ({"redfish_console_password": "a\nb"}, "one line"),
        ({"redfish_password": ""}, "redfish_password"),
        ({"redfish_address": ""}, "redfish_address"),
        ({"redfish_verify_ca": "yes", "redfish_system_id": "/" + "a" * 1000}, ""),
    ],
)
def test_what_cannot_be_is_refused_without_secrets(change: dict[str, Any], words: str) -> None:
    console = RedfishConsole()
    if not words:
        assert console.line_program(INFO | change).where == "https://192.0.2.10"
        return
    with pytest.raises(Invalid, match=words) as caught:
        console.line_program(INFO | change)
    assert "geheim" not in str(caught.value)


def test_other_keys_of_a_node_are_not_handed_on() -> None:
    program = RedfishConsole().line_program(INFO | {"ipmi_password": "fremd", "x": 1})
    assert b"geheim" in program.order
    assert b"fremd" not in program.order
    assert "geheim" not in repr(program)


def test_several_host_keys_may_stand_there() -> None:
    assert parse_wish(INFO | {"redfish_console_host_key": f"{KEY}\n{KEY} x\n"}).host_keys == (
        KEY,
        f"{KEY} x",
    )


@pytest.mark.parametrize(
    ("words", "is_logged_in", "kind", "told"),
    [
        ("a@b: Permission denied (password).\r\n", False, DENIED, "the login was refused"),
        ("Host key verification failed.\r\n", False, FAILED, "another than the known one"),
        ("ssh: connect to host b port 22: Connection refused\n", False, FAILED, "firewall"),
        ("no matching host key type found. Their offer: ssh-dss", False, FAILED, "ssh-dss"),
        ("", False, FAILED, "no reason"),
        (
            "Authenticated to b\nTimeout, server b not responding.\nTransferred: sent 1\n",
            True,
            FAILED,
            "not responding",
        ),
        ("Permission denied", True, FAILED, "has ended"),
        ("\x1b[2Jboo" * 900, False, FAILED, "boo"),
    ],
)
def test_what_ssh_says_becomes_one_sentence(
    words: str, is_logged_in: bool, kind: bytes, told: str
) -> None:
    found, sentence = failure(words, "admin@192.0.2.10 port 22", is_logged_in)
    assert found == kind
    assert told in sentence
    assert sentence.isprintable()
    assert len(sentence) < 600


def test_nothing_known_is_nothing() -> None:
    assert console_ways_of({"Manufacturer": "ACME"}, {}) == Ways()
