"""Answers who looks for Redfish services in the network (SSDP; DSP0266 13.7), where the BMC's user has switched that on.

One thread, one short answer for each search; what is no search is dropped.
"""

import re
import socket
import struct
import threading

from tests.lab.redfish.desk import Desk
from tests.lab.redfish.documents.names import ROOT
from tests.lab.redfish.documents.services import VERSION

_GROUP, _PORT = "239.255.255.250", 1900
_MOST_BYTES = 2048
_LEAST_AGE_S = 1800
_SERVICE = "urn:dmtf-org:service:redfish-rest:1"
_TARGET = re.compile(r"^ST:\s*(\S+)\s*$", re.MULTILINE | re.IGNORECASE)


def start(desk: Desk, address: str) -> None:
    """Answer in the background, from ``address``."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # each BMC of a lab listens
    listening.bind((_GROUP, _PORT))
    membership = struct.pack("4s4s", socket.inet_aton(_GROUP), socket.inet_aton(address))
    listening.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    threading.Thread(target=_answer, args=(listening, desk, address), daemon=True).start()


def _answer(listening: socket.socket, desk: Desk, address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answering:
        answering.bind((address, 0))
        while True:
            data, peer = listening.recvfrom(_MOST_BYTES)
            view = desk.view()
            if view.state.is_discoverable and is_search(data):
                answering.sendto(answer(view.facts.uuid, address), peer)


def is_search(data: bytes) -> bool:
    """Tell whether a packet looks for services of our kind, or for all."""
    text = data.decode("latin-1").replace("\r\n", "\n")
    found = _TARGET.search(text)
    if not text.startswith("M-SEARCH * HTTP/1.1\n") or found is None:
        return False
    return found[1] == "ssdp:all" or found[1].startswith(_SERVICE)


def answer(uuid: str, address: str) -> bytes:
    """Return what a search is answered with."""
    service = f"{_SERVICE}:{VERSION.split('.')[1]}"
    lines = (
        "HTTP/1.1 200 OK",
        f"CACHE-CONTROL: max-age={_LEAST_AGE_S}",
        f"ST: {service}",
        f"USN: uuid:{uuid}::{service}",
        f"AL: https://{address}{ROOT}/",
        "EXT:",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()
