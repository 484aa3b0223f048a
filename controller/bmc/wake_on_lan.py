"""The hardware type ``wol``: a magic packet switches machines on, the agent switches them off. Keys are those of Ironic's staging driver.

A magic packet (AMD, Magic Packet Technology, publication 20213) is six bytes of ones and sixteen times the MAC address, here in a UDP
datagram that is broadcast. Nobody answers it, and a machine that is on takes no notice. So it is sent again with every look at the
power for three minutes: to a machine that was still on its way down when the first came, it is the second that counts.
"""

import socket
from functools import partial
from ipaddress import ip_address
from typing import Any

from controller.bmc.address import parse_address
from controller.bmc.by_agent import Memories, PoweredByAgent
from controller.bmc.driver_info_values import number, text
from controller.errors import BmcError, BmcUnreachable, Invalid
from controller.hardware.bmc import PoweredNode
from controller.hardware.interface import Facts

_PORT = 9
"""``discard``, where nobody listens."""
_HIGHEST_PORT = 65535
_EVERYBODY = "255.255.255.255"


class WakeOnLanDriver:
    """Makes connections of machines that a packet switches on."""

    boot_advice = (
        "a magic packet wakes only a machine that is off and whose card waits for it (ethtool: Wake-on g) in the network that wol_host"
        " reaches; if it is on, switch it off by hand"
    )

    def __init__(self) -> None:
        """Know no machine yet."""
        self.properties = {
            "wol_host": f"Where the magic packet is sent: a broadcast address; default {_EVERYBODY}.",
            "wol_port": f"UDP port; default {_PORT}.",
        }
        self._memories = Memories()

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        _place(facts.driver_info)
        if not facts.has_boot_port:
            raise Invalid(
                "Wake-on-LAN needs the MAC address of the card that it wakes; create a port of the node, with pxe_enabled"
            )

    def connect(self, driver_info: dict[str, Any]) -> PoweredByAgent:  # noqa: ARG002  # as all
        """Refuse: the MAC addresses are not in ``driver_info``."""
        raise BmcError("power_interface wol works with a node, not with driver_info alone")

    def connect_node(self, node: PoweredNode) -> PoweredByAgent:
        """Return the connection; see :class:`controller.hardware.interface.ConnectsNodes`."""
        place = _place(dict(node.driver_info))
        said = f"magic packets for {', '.join(node.macs)} were sent to {place[0]} port {place[1]}"
        return PoweredByAgent(node, self._memories, wake=partial(_wake, node, place), said=said)


def _wake(node: PoweredNode, place: tuple[str, int]) -> None:
    """Send one packet for each port.

    Raises:
        BmcError: It has no port, or nothing can be sent.
    """
    if not node.macs:
        raise BmcError(f"{node.label}: it has no port whose MAC address could be woken; create one")
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            for mac in node.macs:
                sender.sendto(magic_packet(mac), place)
    except OSError as error:
        raise BmcUnreachable(
            f"{node.label}: the magic packet cannot be sent to {place[0]}: {error.strerror or error}; check wol_host in driver_info"
            " and this controller's network"
        ) from error


def magic_packet(mac: str) -> bytes:
    """Return the packet that wakes the card with this MAC address."""
    return b"\xff" * 6 + bytes.fromhex(mac.replace(":", "")) * 16


def _place(driver_info: dict[str, Any]) -> tuple[str, int]:
    """Return where the packet goes.

    Raises:
        Invalid: A key is malformed.
    """
    written = text(driver_info, "wol_host").strip() or _EVERYBODY
    address = parse_address(written, "wol_host")
    try:
        ip_address(address.host)
    except ValueError:
        raise Invalid(
            f"driver_info/wol_host is {written[:80]!r}; give an IP address: the broadcast address of the machine's network, as"
            " 192.0.2.255"
        ) from None
    port = number(
        driver_info, "wol_port", default=address.port or _PORT, lowest=1, highest=_HIGHEST_PORT
    )
    return address.host, port
