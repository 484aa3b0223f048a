"""Somebody else's DHCP server in the lab's network: it gives addresses and knows nothing of booting."""

import time
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.network import Network
from tests.lab.program import Program

_HOST = 3
_START_S = 60
_LINK = "dhcp0"
_INSIDE = "dhcp1"


def start_foreign_dhcp(network: Network, *, log: Path) -> Program:
    """Start the server in a network namespace of its own, as on another computer; it ends with the lab, and the link with it.

    Args:
        network: The lab's.
        log: Of the server.
    """
    address = network.address(_HOST)
    words = [
        *("dnsmasq", "--keep-in-foreground", "--port=0", "--log-facility=-", "--log-dhcp"),
        *("--conf-file=/dev/null", "--user=root", "--pid-file=", f"--interface={_INSIDE}"),
        f"--dhcp-range={network.address(150)},{network.address(190)},255.255.255.0,1h",
        f"--dhcp-leasefile={log.with_suffix('.leases')}",
    ]
    set_up = (
        f"ip link set lo up; ip address add {address}/24 dev {_INSIDE}; ip link set {_INSIDE} up"
    )
    inside = log.with_suffix(".inside")
    wait = f"touch {inside}; until ip link show {_INSIDE} >/dev/null 2>&1; do sleep 0.1; done"
    script = f"{wait}; {set_up}; exec {' '.join(words)}"
    network.run("ip", "link", "add", _LINK, "type", "veth", "peer", "name", _INSIDE)
    network.run("ip", "link", "set", _LINK, "master", network.bridge, "up")
    server = network.start("foreign-dhcp", ["unshare", "--net", "sh", "-c", script], log=log)
    _wait_for(inside)  # before, the process may still be in the lab's own namespace
    network.run("ip", "link", "set", _INSIDE, "netns", str(server.pid))
    return server


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not file.exists():
        if time.monotonic() > deadline:
            raise LabError(f"the foreign DHCP server has not begun within {_START_S} s")
        time.sleep(0.02)
