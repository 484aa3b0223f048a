"""Collector ``lldp``: what the switches say, heard on all cards at once until all have said it or the time is over.

Frames come from strangers: their length and number are bounded, and the first that is well formed counts. Sockets see LLDP only,
and switch their card into promiscuous mode as long as they are open (packet(7)): some cards drop LLDP's group addresses.
"""

import logging
import selectors
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from agent.hardware.devices import NetworkInterface
from agent.protocol.lldp import (
    ETHERTYPE,
    LONGEST_FRAME_BYTES,
    Tlv,
    as_raw,
    parse_tlvs,
    tlvs_of_frame,
)

log = logging.getLogger(__name__)
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_MR_PROMISC = 263, 1, 1
_MEMBERSHIP = struct.Struct("iHH8s")
_OUTGOING = 4
"""Kind of a frame that this machine sent itself (linux/if_packet.h)."""
_MOST_FRAMES = 10_000
"""So many frames of one card that say nothing, and nobody listens to it any longer."""


def lldp(nics: Sequence[NetworkInterface], timeout_s: float) -> dict[str, Any]:
    """Return ``lldp_raw`` (an empty list for a card that heard nothing) and ``parsed_lldp`` (without those).

    Args:
        nics: The machine's; VLANs and bonds are left out, the cards below them hear the switch. Without a carrier there is
            nothing to wait for.
        timeout_s: The longest wait, for all cards together; switches speak every 30 s, if they are not told otherwise.
    """
    cards = [nic for nic in nics if nic.pci_address is not None]
    heard = listen([nic.name for nic in cards if nic.has_carrier], timeout_s)
    said = {name: parse_tlvs(tlvs) for name, tlvs in heard.items()}
    return {
        "lldp_raw": {nic.name: as_raw(heard.get(nic.name, ())) for nic in cards},
        "parsed_lldp": {name: parsed for name, parsed in said.items() if parsed},
    }


def listen(names: Sequence[str], timeout_s: float) -> Mapping[str, tuple[Tlv, ...]]:
    """Return the TLVs of the first neighbour that each interface heard within ``timeout_s`` seconds; nothing of those that heard none.

    An interface that cannot be listened to is told in the log; the others are heard all the same.
    """
    deadline = time.monotonic() + timeout_s
    heard: dict[str, tuple[Tlv, ...]] = {}
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for name in names:
            try:
                door = stack.enter_context(_door(name))
            except OSError as error:
                log.warning("LLDP cannot be heard", extra={"interface": name, "why": str(error)})
                continue
            selector.register(door, selectors.EVENT_READ, name)
        frames = dict.fromkeys(names, 0)
        while selector.get_map() and (left_s := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left_s):
                tlvs = _next(key.fileobj)
                frames[key.data] += 1
                if tlvs:
                    heard[key.data] = tlvs
                if tlvs or tlvs is None or frames[key.data] >= _MOST_FRAMES:
                    selector.unregister(key.fileobj)
    return heard


def _door(name: str) -> socket.socket:
    """Return a socket that hears the LLDP frames of one interface.

    Raises:
        OSError: It cannot be opened, or there is no such interface.
    """
    door = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    try:
        door.bind((name, ETHERTYPE))  # bound before it hears anything: protocol 0 is none
        wanted = _MEMBERSHIP.pack(socket.if_nametoindex(name), _PACKET_MR_PROMISC, 0, b"")
        door.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, wanted)
    except OSError:
        door.close()
        raise
    return door


def _next(door: Any) -> tuple[Tlv, ...] | None:
    """Return the TLVs of the next frame, ``()`` if it is none of a neighbour; ``None`` = the interface is gone or down."""
    try:
        frame, address = door.recvfrom(LONGEST_FRAME_BYTES + 1)
    except BlockingIOError:
        return ()
    except OSError:
        return None
    return () if address[2] == _OUTGOING else tlvs_of_frame(frame)
