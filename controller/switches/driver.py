"""What a switch is to the controller, and what a plug-in for switches offers.

A plug-in is a class found by entry point (group ``ingot.switches``); the name of the entry point is the ``driver_type`` of switches in
the switch file. One object is made per process. It is asked by one thread at a time per switch, by several for several switches.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent.protocol.known_secrets import KnownSecrets
from agent.protocol.secret_values import secret_values
from controller.switches.switchport import Switchport

GROUP = "ingot.switches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A switch of the switch file."""

    name: str
    driver_type: str
    mac_address: str | None = None
    """How ports name it (``local_link_connection.switch_id``): a MAC address, or a datapath ID of OpenFlow; ``None`` = by its name only."""
    allowed_vlans: frozenset[int] | None = None
    """Nothing else is set there; ``None`` = everything may be."""
    default_vlan: int | None = None
    """The VLAN of ports that are in no network; ``None`` = they are in none."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What its plug-in wants to know: address, user, password. TOML values."""

    def secrets(self) -> KnownSecrets:
        """Return what must not be shown of its options, tables in them included."""
        return KnownSecrets(in_sentences=frozenset(secret_values(self.options)))


class SwitchDriver(Protocol):
    """What a plug-in offers. Ports are named as in ``local_link_connection.port_id``.

    All but :meth:`validate` raise ``SwitchError`` with the switch's own words if it refuses, ``SwitchUnreachable`` if it does not answer within
    ``timeout_s`` seconds. The caller ends its wait then in any case; the switch is left alone until the call has ended.
    """

    properties: Mapping[str, str]
    """Options of a switch with a help text each."""

    def validate(self, switch: Switch) -> None:
        """Raise ``Invalid`` naming the option that is missing or malformed; asks nobody."""

    def attach(self, switch: Switch, port: str, wanted: Switchport, *, timeout_s: float) -> None:
        """Put a port into these VLANs, and into no other."""

    def detach(self, switch: Switch, port: str, *, timeout_s: float) -> None:
        """Take a port out of every VLAN."""

    def read(self, switch: Switch, port: str, *, timeout_s: float) -> Switchport | None:
        """Return what the switch says of a port; ``None`` = it is in no VLAN."""
