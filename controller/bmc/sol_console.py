"""The console interface of IPMI: serial over LAN, held by ``sol_worker.py`` for the controller that owns the node."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from controller.bmc.ipmi_logins import HeldLogin, shared_logins
from controller.bmc.ipmi_target import PROPERTIES, IpmiTarget, parse_target
from controller.bmc.ipmi_wire import login_of
from controller.errors import Invalid
from controller.hardware.console import LineProgram, console_address
from controller.hardware.interface import Facts

_SUITES = (None, 3, 17)


@dataclass(frozen=True, slots=True, kw_only=True)
class SolConsole:
    """See :class:`controller.hardware.interface.ConsoleInterface` and :class:`controller.hardware.console.OpensLine`."""

    properties: Mapping[str, str] = field(default_factory=lambda: dict(PROPERTIES))

    def validate(self, facts: Facts) -> None:
        """Refuse what serial over LAN cannot be had with."""
        _parse(facts.driver_info)

    def start(self, facts: Facts) -> None:
        """Begin nothing here: the controller that owns the node opens the line when it sees the node's row."""

    def stop(self, facts: Facts) -> None:
        """End nothing here, for the same reason."""

    def information(self, facts: Facts) -> Mapping[str, Any]:
        """Return where the API shows the console."""
        return console_address(facts.node.uuid)

    def line_program(self, driver_info: Mapping[str, Any]) -> LineProgram:
        """Return what opens the line."""
        target = _parse(driver_info)
        return LineProgram(
            module="controller.bmc.sol_worker",
            order=msgspec.msgpack.encode(login_of(target)),
            where=target.where,
            hold=HeldLogin(shared_logins(), target),
        )


def _parse(driver_info: Mapping[str, Any]) -> IpmiTarget:
    target = parse_target(dict(driver_info))
    if target.protocol_version != "2.0" or target.bridge is not None:
        raise Invalid(
            "serial over LAN needs IPMI 2.0 and no bridging; change driver_info/ipmi_protocol_version and ipmi_bridging, or set"
            " console_interface to no-console"
        )
    if target.cipher_suite not in _SUITES:
        raise Invalid(
            f"serial over LAN is opened with cipher suite 3 or 17, and driver_info/ipmi_cipher_suite is {target.cipher_suite};"
            " change it, or set console_interface to no-console"
        )
    return target
