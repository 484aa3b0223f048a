"""The BMC program: a Redfish service over HTTPS, on behalf of a machine of the lab, or of several.

`python3 -m tests.lab.redfish.process ADDRESS PORT USER DESCRIPTOR`: as the IPMI one (`tests.lab.bmc_process`), DESCRIPTOR is
a socket to the lab, and standard input carries the password, the folder and the count of machines first, then
faults or another count; its end ends the program.
"""

import json
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.lab.lab_line import lab_line
from tests.lab.redfish import discovery
from tests.lab.redfish.desk import Desk
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.server import RedfishServer
from tests.lab.redfish.state import Account, State


def main(argv: Sequence[str]) -> int:
    """Run one BMC."""
    address, port, user, descriptor = argv
    first = json.loads(sys.stdin.readline())
    folder = Path(first["folder"])
    desk = Desk(
        lab_line(socket.socket(fileno=int(descriptor))),
        State(accounts=(Account(name=user, password=first["password"]),)),
        folder=folder,
    )
    server = RedfishServer(address, int(port), desk, certificate=folder / "bmc.pem")
    discovery.start(desk, address)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    _count(desk, first)
    desk.ask("applied")
    for line in sys.stdin:
        order = json.loads(line)
        if "machines" in order:
            _count(desk, order)
        else:
            desk.faults = RedfishFaults(**order)
        desk.ask("applied")
    return 0


def _count(desk: Desk, order: dict[str, Any]) -> None:
    for _ in range(len(desk.view().machines), order["machines"]):
        desk.add_machine()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
