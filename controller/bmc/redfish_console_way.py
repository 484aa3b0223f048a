"""How a machine's serial console is reached, as its Redfish service and ``driver_info`` say. Pure.

``SerialConsole`` of the ComputerSystem (DMTF DSP2046, ComputerSystem 1.13 and newer) comes first, then ``SerialConsole`` and ``CommandShell`` of its Manager,
then what is known of the vendor (``redfish_quirks.py``). SSH is preferred: it says who the BMC is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.bmc.driver_info_values import choice, number, text
from controller.bmc.redfish_document import dig
from controller.bmc.redfish_document import text as said
from controller.bmc.redfish_errors import NotDoneError
from controller.bmc.redfish_quirks import Ways
from controller.bmc.redfish_target import parse_target
from controller.bmc.ssh_target import public_keys
from controller.errors import Invalid

PROPERTIES: dict[str, str] = {
    "redfish_console_type": "auto (default: SSH if the BMC offers it, else IPMI), ssh or ipmi.",
    "redfish_console_username": "User for the console; default redfish_username. One with less rights is safer: who types on the console may come to the BMC's own shell.",
    "redfish_console_password": "That user's password; default redfish_password.",
    "redfish_console_port": "TCP port of SSH (UDP port of IPMI); default what the BMC says, else 22 (623).",
    "redfish_console_command": "What is typed in the BMC's shell to enter the console; default what the BMC says, else what is known of its vendor.",
    "redfish_console_host_key": "Public key of the BMC's SSH server; default: the key of the first connection, kept in the known hosts of the controller's user.",
}
"""``driver_info`` keys with a help text each."""

SSH_PORT, IPMI_PORT = 22, 623
_HIGHEST_PORT = 65535
_MOST_KEY_BYTES, _MOST_COMMAND_BYTES = 1024, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What ``driver_info`` says of the console; ``None`` = nothing."""

    kind: str
    """``AUTO``, ``SSH`` or ``IPMI``."""
    username: str
    password: str = field(repr=False)
    port: int | None
    command: str | None
    host_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How the console is opened."""

    is_ssh: bool
    """Else it is serial over LAN by IPMI."""
    port: int
    command: str = ""
    """What is typed in the BMC's shell first; empty = the port is the console itself."""


def parse_wish(driver_info: dict[str, Any]) -> Wish:
    """Read a node's ``driver_info``.

    Raises:
        Invalid: A key is malformed; the message names it.
    """
    target = parse_target(driver_info)
    command = text(driver_info, "redfish_console_command", max_bytes=_MOST_COMMAND_BYTES)
    if not command.isprintable():
        raise Invalid(
            "driver_info/redfish_console_command has more than one line; give one command, for example console com2"
        )
    username = text(driver_info, "redfish_console_username") or target.username
    password = text(driver_info, "redfish_console_password") or target.password
    if not username or not password or not (username + password).isprintable():
        raise Invalid(
            "the console needs a user and a password, each on one line: give driver_info/redfish_username and redfish_password, or"
            " redfish_console_username and redfish_console_password"
        )
    port = number(driver_info, "redfish_console_port", default=0, lowest=1, highest=_HIGHEST_PORT)
    return Wish(
        kind=choice(driver_info, "redfish_console_type", ("AUTO", "SSH", "IPMI"), "AUTO"),
        username=username,
        password=password,
        port=port or None,
        command=command or None,
        host_keys=public_keys(driver_info, "redfish_console_host_key", _MOST_KEY_BYTES),
    )


def known_way(wish: Wish) -> Way | None:
    """Return the way that ``driver_info`` says whole; ``None`` = the BMC must be asked."""
    if wish.kind == "AUTO" or wish.port is None:
        return None
    return Way(is_ssh=wish.kind == "SSH", port=wish.port, command=wish.command or "")


def choose_way(
    wish: Wish,
    system: Mapping[str, Any],
    manager: Mapping[str, Any],
    ways: Ways,
    *,
    is_shared: bool = False,
) -> Way:
    """Return how the console is reached.

    Args:
        wish: What ``driver_info`` says.
        system: The system's document.
        manager: Its manager's, empty = it has none.
        ways: What is known of the vendor.
        is_shared: The manager is other machines' too: only what the system itself says of its console, or the node, is surely its own.

    Raises:
        NotDoneError: There is no way; the sentence says what to do.
    """
    if is_shared and _is_anybodys(wish, system):
        raise NotDoneError(
            "it is the BMC of several machines and does not say how this one's console is reached; set"
            " driver_info/redfish_console_command or redfish_console_port"
        )
    if wish.kind != "IPMI" and (way := _by_ssh(wish, system, manager, ways)) is not None:
        return way
    if wish.kind != "SSH" and (way := _by_ipmi(wish, system, manager)) is not None:
        return way
    asked = "" if wish.kind == "AUTO" else f" by {wish.kind} (redfish_console_type)"
    if _is_switched_off(system, manager):
        raise NotDoneError(
            f"its serial console{asked} is switched off; enable it in the BMC's settings, or set console_interface to no-console"
        )
    if wish.kind != "IPMI" and _offers(manager, "SSH"):
        raise NotDoneError(
            "it has a console by SSH and does not say what to type there; set driver_info/redfish_console_command (or"
            " redfish_console_port, where a port is the console itself)"
        )
    raise NotDoneError(
        f"it offers no serial console{asked} by Redfish; where it has one set driver_info/redfish_console_type to ssh and"
        " redfish_console_port, or set console_interface to ipmitool-socat or no-console"
    )


def _is_anybodys(wish: Wish, system: Mapping[str, Any]) -> bool:
    """Say whether neither the node nor the system tells one console from another: by a command, or a port that is not that of the BMC's shell."""
    ssh, ipmi = dig(system, "SerialConsole", "SSH"), dig(system, "SerialConsole", "IPMI")
    told = _command(ssh) is not None or _port(ssh) not in (None, SSH_PORT)
    told = told or _port(ipmi) not in (None, IPMI_PORT)
    return not told and wish.command is None and wish.port is None


def _by_ssh(
    wish: Wish, system: Mapping[str, Any], manager: Mapping[str, Any], ways: Ways
) -> Way | None:
    offered = dig(system, "SerialConsole", "SSH")
    if dig(offered, "ServiceEnabled") is True:
        command = wish.command or _command(offered)
        if command is None and dig(offered, "SharedWithManagerCLI") is True:
            command = ways.console_command
            if not command:
                return None if wish.port is None else Way(is_ssh=True, port=wish.port)
        port = wish.port or _port(offered) or ways.console_port or SSH_PORT
        return Way(is_ssh=True, port=port, command=command or "")
    command = wish.command or ways.console_command
    is_known = wish.port or command or ways.console_port
    if isinstance(offered, Mapping) or not is_known or _tells_of_no_ssh(system, manager):
        return None
    return Way(is_ssh=True, port=wish.port or ways.console_port or SSH_PORT, command=command)


def _by_ipmi(wish: Wish, system: Mapping[str, Any], manager: Mapping[str, Any]) -> Way | None:
    offered = dig(system, "SerialConsole", "IPMI")
    is_there = dig(offered, "ServiceEnabled")
    if is_there is True or (is_there is None and _offers(manager, "IPMI")):
        return Way(is_ssh=False, port=wish.port or _port(offered) or IPMI_PORT)
    return None


def _command(offered: Any) -> str | None:
    """Return the BMC's word for what to type; ``None`` = it has none that can be typed."""
    command = said(offered, "ConsoleEntryCommand")
    return command if command and len(command.encode()) <= _MOST_COMMAND_BYTES else None


def _port(offered: Any) -> int | None:
    port = dig(offered, "Port")
    is_one = isinstance(port, int) and not isinstance(port, bool) and 0 < port <= _HIGHEST_PORT
    return port if is_one else None


def _offers(manager: Mapping[str, Any], kind: str) -> bool:
    """Say whether a manager has the serial console, or its shell, by this way."""
    shown = [dig(manager, "SerialConsole")]
    shown += [dig(manager, "CommandShell")] if kind == "SSH" else []
    return any(_is_on(one) and kind in _kinds(one) for one in shown)


def _is_switched_off(system: Mapping[str, Any], manager: Mapping[str, Any]) -> bool:
    """Say whether the BMC has consoles, all of them off."""
    console = dig(system, "SerialConsole")
    services = [dig(console, kind, "ServiceEnabled") for kind in ("SSH", "IPMI", "Telnet")]
    told = [one for one in services if isinstance(one, bool)]
    if told:
        return not any(told)
    return dig(manager, "SerialConsole", "ServiceEnabled") is False and not _offers(manager, "SSH")


def _tells_of_no_ssh(system: Mapping[str, Any], manager: Mapping[str, Any]) -> bool:
    """Say whether the BMC names the ways that it has, SSH not among them, or has switched all off."""
    console = dig(system, "SerialConsole")
    named: list[Any] = [kind for kind in ("IPMI", "Telnet") if _is_on(dig(console, kind))]
    named += _kinds(dig(manager, "SerialConsole")) + _kinds(dig(manager, "CommandShell"))
    return _is_switched_off(system, manager) or (bool(named) and not _offers(manager, "SSH"))


def _is_on(shown: Any) -> bool:
    return dig(shown, "ServiceEnabled") is True


def _kinds(shown: Any) -> list[Any]:
    found = dig(shown, "ConnectTypesSupported")
    return found if isinstance(found, list) else []
