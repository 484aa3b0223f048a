"""The console interface ``redfish-ssh``, which Ironic does not have: the serial console by SSH, or IPMI, as the Redfish BMC offers it.

Nothing here asks a BMC: ``redfish_console_worker.py`` does, in a process of its own for each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from controller.bmc.redfish_console_way import PROPERTIES, parse_wish
from controller.bmc.redfish_target import PROPERTIES as REDFISH_PROPERTIES
from controller.bmc.redfish_target import parse_target
from controller.errors import Invalid
from controller.hardware.console import MOST_PACKET_BYTES, LineProgram, console_address
from controller.hardware.interface import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class RedfishConsole:
    """See :class:`controller.hardware.interface.ConsoleInterface` and :class:`controller.hardware.console.OpensLine`."""

    properties: Mapping[str, str] = field(
        default_factory=lambda: {**REDFISH_PROPERTIES, **PROPERTIES}
    )

    def validate(self, facts: Facts) -> None:
        """Refuse what cannot be a way to a console."""
        self.line_program(facts.driver_info)

    def start(self, facts: Facts) -> None:
        """Begin nothing here: the controller that owns the node opens the line when it sees the node's row."""

    def stop(self, facts: Facts) -> None:
        """End nothing here, for the same reason."""

    def information(self, facts: Facts) -> Mapping[str, Any]:
        """Return where the API shows the console."""
        return console_address(facts.node.uuid)

    def line_program(self, driver_info: Mapping[str, Any]) -> LineProgram:
        """Return what opens the line."""
        known = {key: driver_info[key] for key in self.properties if key in driver_info}
        parse_wish(known)
        order = msgspec.msgpack.encode(known)
        if len(order) > MOST_PACKET_BYTES:
            raise Invalid(
                f"the redfish_ keys of driver_info are {len(order)} bytes, and {MOST_PACKET_BYTES} at most open a console; shorten"
                " redfish_console_host_key to one key"
            )
        return LineProgram(
            module="controller.bmc.redfish_console_worker",
            order=order,
            where=parse_target(known).url,
        )
