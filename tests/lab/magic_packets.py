"""Network cards that wait for a magic packet: whoever sees one for a machine that is off switches it on."""

import socket
import threading
from collections.abc import Iterable
from typing import Protocol, Self

from tests.lab.network import Network

_ALL_PROTOCOLS = 0x0003
_BEGIN = b"\xff" * 6
_LONGEST_FRAME = 2048


class Sleeper(Protocol):
    """A machine that can be woken."""

    def power_on(self) -> None: ...


_IN_BRIDGE, _CARD = "wake0", "wake1"


class MagicPackets:
    """Listens with a raw socket on a card of the lab's network that has a link, as one that waits has; use it as a context manager.

    Without it a bridge whose machines are all off has no link, and sends nothing.
    """

    def __init__(self, network: Network, sleepers: Iterable[tuple[str, Sleeper]]) -> None:
        """Wake the machines by the MAC addresses of their cards."""
        self._sleepers = {bytes.fromhex(mac.replace(":", "")): one for mac, one in sleepers}
        self.frames: list[bytes] = []
        self._network = network
        network.run("ip", "link", "add", _IN_BRIDGE, "type", "veth", "peer", "name", _CARD)
        network.run("ip", "link", "set", _IN_BRIDGE, "master", network.bridge, "up")
        network.run("ip", "link", "set", _CARD, "up")
        with network.inside():
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS)
            )
            self._socket.bind((_CARD, _ALL_PROTOCOLS))
        self._socket.settimeout(0.2)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._ends.is_set():
            try:
                frame = self._socket.recv(_LONGEST_FRAME)
            except TimeoutError:
                continue
            for mac, sleeper in self._sleepers.items():
                if _BEGIN + mac * 16 in frame:
                    self.frames.append(frame)
                    sleeper.power_on()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()
        self._socket.close()
        self._network.run("ip", "link", "delete", _IN_BRIDGE)
