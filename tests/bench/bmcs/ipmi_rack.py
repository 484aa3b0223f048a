"""Many IPMI BMCs in one process: ``python -m tests.bench.bmcs.ipmi_rack`` with the plan on standard input (see ``rack.py``).

Each has a UDP port, sessions with real keys (RMCP+, cipher suites 3 and 17) and a power switch: the lab's BMC
(``tests/lab/bmc_process.py``) with the machine replaced by a word. What is shared is the loop that reads packets.
"""

import heapq
import itertools
import random
import selectors
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pyghmi.ipmi.private import serversession
from pyghmi.ipmi.private import session as pyghmi_session

from tests.bench.bmcs.plan import ADDRESS, PASSWORD, USERNAME, BenchBmc, Fault
from tests.bench.bmcs.rack import answer_line, read_plan, say_ready
from tests.lab.bmc_process import LabBmc
from tests.lab.ipmi_session import CipherSuiteSession

_SLOW_S = 1.0
_LOST = 0.1
_LEAST_BYTES = 16
_MOST_BYTES = 4096
_RMCP = b"\x06\x00\xff\x07"


class RackBmc(LabBmc):
    """The lab's BMC whose machine is a word: on or off."""

    def __init__(self, about: BenchBmc) -> None:
        self.about = about
        self.on_at: float | None = None
        """When the power was switched on (``time.monotonic()``); ``None`` = it is off."""
        super().__init__(
            user=USERNAME, password=PASSWORD, address=ADDRESS, port=about.port, lab=self._answer
        )

    def _answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Be the machine."""
        match question["do"]:
            case "is on":
                return {"on": self.on_at is not None}
            case "power on":
                self.on_at = self.on_at or time.monotonic()
            case "power off":
                self.on_at = None
            case "boot flags":
                return {"flags": None}
        return {}


def _socket(server: Any, forbiddensockets: Any = ()) -> socket.socket:
    """Stand in for pyghmi's socket pool, which would start its I/O thread."""
    made = socket.socket(server[0], socket.SOCK_DGRAM)
    made.bind(server[4])
    return made


class Loop:
    """Reads packets for all, loses some, and keeps those of slow BMCs for a while."""

    def __init__(self, bmcs: Sequence[RackBmc]) -> None:
        self._bmcs = bmcs
        self._chance, self._numbers = random.Random(0), itertools.count()
        self._late: list[tuple[float, int, RackBmc, bytes, Any]] = []

    def run(self) -> None:
        """Answer packets and lines until standard input ends."""
        with selectors.EpollSelector() as selector:
            selector.register(sys.stdin, selectors.EVENT_READ)
            for bmc in self._bmcs:
                if bmc.about.fault is not Fault.DEAD:
                    selector.register(bmc.serversocket, selectors.EVENT_READ, bmc)
            while True:
                for key, _ in selector.select(self._wait_s()):
                    if key.data is not None:
                        self._receive(key.data)
                    elif not answer_line({one.about.name: one.on_at for one in self._bmcs}):
                        return
                self._hand_out()

    def _receive(self, bmc: RackBmc) -> None:
        data, peer = bmc.serversocket.recvfrom(_MOST_BYTES)
        is_lost = bmc.about.fault is Fault.LOSSY and self._chance.random() < _LOST
        if is_lost or data[:4] != _RMCP or len(data) < _LEAST_BYTES:
            return
        if bmc.about.fault is Fault.SLOW:
            due_at = time.monotonic() + _SLOW_S
            heapq.heappush(self._late, (due_at, next(self._numbers), bmc, data, peer))
        else:
            bmc.take(data, peer)

    def _wait_s(self) -> float | None:
        return max(self._late[0][0] - time.monotonic(), 0) if self._late else None

    def _hand_out(self) -> None:
        while self._late and self._late[0][0] <= time.monotonic():
            _, _, bmc, data, peer = heapq.heappop(self._late)
            bmc.take(data, peer)


def main() -> int:
    """Run the rack."""
    serversession.ServerSession = CipherSuiteSession
    pyghmi_session.Session._assignsocket = staticmethod(_socket)
    bmcs = [RackBmc(about) for about in read_plan()]
    say_ready()
    Loop(bmcs).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
