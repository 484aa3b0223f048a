"""Two network namespaces with a long line between them: the machine that is deployed, and the web server's side."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.bench.link.bridge import DEVICE
from tests.lab.namespace import remove
from tests.lab.program import run

NEAR_ADDRESS, FAR_ADDRESS = "10.93.7.1", "10.93.7.2"
_DEBIAN_LIMITS = {
    "net.ipv4.tcp_rmem": "4096 131072 6291456",
    "net.ipv4.tcp_wmem": "4096 16384 4194304",
}
"""Debian's defaults on a machine with 768 MB of memory or more."""
_READY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Names of the two namespaces."""

    near: str
    far: str


@contextmanager
def long_line(mbit_per_s: int, round_trip_ms: int) -> Iterator[Line]:
    """Make the line and take it away again; needs root."""
    line = Line(near=f"bench-{os.getpid()}-near", far=f"bench-{os.getpid()}-far")
    try:
        for name in (line.near, line.far):
            run("ip", "netns", "add", name)
        bridge = _start_bridge(line, mbit_per_s, round_trip_ms)
        try:
            _set_up(line.near, NEAR_ADDRESS)
            _set_up(line.far, FAR_ADDRESS)
            yield line
        finally:
            bridge.kill()
            bridge.wait()
    finally:
        remove(line.near)
        remove(line.far)


def _start_bridge(line: Line, mbit_per_s: int, round_trip_ms: int) -> subprocess.Popen[str]:
    """Start the bridge, before all other programs in the queue for a processor: a late line is a slow line."""
    words = ["tests.bench.link.bridge", line.near, line.far, str(mbit_per_s), str(round_trip_ms)]
    bridge = subprocess.Popen(
        [sys.executable, "-m", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    signal.signal(signal.SIGALRM, lambda *_: bridge.kill())
    signal.setitimer(signal.ITIMER_REAL, _READY_S)
    said = bridge.stdout.readline() if bridge.stdout else ""
    signal.setitimer(signal.ITIMER_REAL, 0)
    if said.strip() != "ready":
        bridge.kill()
        bridge.wait()
        raise RuntimeError("the bridge between the namespaces did not start")
    with suppress(PermissionError):
        os.sched_setscheduler(bridge.pid, os.SCHED_FIFO, os.sched_param(1))
    return bridge


def _set_up(namespace: str, address: str) -> None:
    run("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", DEVICE)
    for device in ("lo", DEVICE):
        run("ip", "-n", namespace, "link", "set", device, "up")
    for name, value in _DEBIAN_LIMITS.items():
        run("ip", "netns", "exec", namespace, "sysctl", "-q", "-w", f"{name}={value}")
