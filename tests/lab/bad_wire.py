"""A network between two ends of UDP that loses packets, doubles them and lets later ones overtake."""

import contextlib
import heapq
import random
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

_PIECE_BYTES = 4096
_LONGEST_DELAY_S = 0.6


@dataclass(slots=True, kw_only=True)
class Weather:
    """What befalls each packet, as shares of 1."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    """Comes up to 0.6 s later than it should; others overtake it."""
    seed: int = 0


@dataclass(slots=True)
class Tally:
    """What befell so far."""

    passed: int = 0
    lost: int = 0
    doubled: int = 0
    late: int = 0


@dataclass(order=True, slots=True)
class _Packet:
    at: float
    number: int
    data: bytes = field(compare=False)
    out: socket.socket = field(compare=False)
    to: Any = field(compare=False)


class BadWire:
    """Stands between one client, whoever sends first, and ``target``; the sockets are in the network of whoever makes it."""

    def __init__(self, target: tuple[str, int], weather: Weather) -> None:
        self.weather, self.tally = weather, Tally()
        self._random = random.Random(weather.seed)
        self._target = target
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self._backs: dict[Any, socket.socket] = {}
        """By client: the server knows each by an address of its own."""
        self._queue: list[_Packet] = []
        self._number = 0
        self._is_closing = False
        kind = (socket.AF_INET, socket.SOCK_DGRAM)
        self._spare = [
            socket.socket(*kind) for _ in range(32)
        ]  # made here: a thread may be elsewhere
        self._thread = threading.Thread(target=self._run, name="bad wire", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Where the client sends to."""
        host, port = self._front.getsockname()
        return host, port

    def close(self) -> None:
        """Cut it."""
        self._is_closing = True
        self._thread.join()
        for one in (self._front, *self._backs.values(), *self._spare):
            one.close()

    def _run(self) -> None:
        while not self._is_closing:
            wait_s = 0.1
            if self._queue:
                wait_s = min(wait_s, max(0.0, self._queue[0].at - time.monotonic()))
            sockets = [self._front, *self._backs.values()]
            for ready in select.select(sockets, [], [], wait_s)[0]:
                with contextlib.suppress(ConnectionError):
                    self._take(ready)
            while self._queue and self._queue[0].at <= time.monotonic():
                packet = heapq.heappop(self._queue)
                with contextlib.suppress(OSError):
                    packet.out.sendto(packet.data, packet.to)

    def _take(self, ready: socket.socket) -> None:
        data, peer = ready.recvfrom(_PIECE_BYTES)
        if ready is self._front:
            if peer not in self._backs:
                self._backs[peer] = self._spare.pop()
            self._suffer(data, self._backs[peer], self._target)
        else:
            client = next(one for one, back in self._backs.items() if back is ready)
            self._suffer(data, self._front, client)

    def _suffer(self, data: bytes, out: socket.socket, to: Any) -> None:
        weather, chance = self.weather, self._random.random
        if chance() < weather.lost:
            self.tally.lost += 1
            return
        copies = 1
        if chance() < weather.doubled:
            self.tally.doubled += 1
            copies = 2
        for _ in range(copies):
            delay_s = 0.0
            if chance() < weather.late:
                self.tally.late += 1
                delay_s = chance() * _LONGEST_DELAY_S
            self._number += 1
            packet = _Packet(time.monotonic() + delay_s, self._number, data, out, to)
            heapq.heappush(self._queue, packet)
        self.tally.passed += 1
