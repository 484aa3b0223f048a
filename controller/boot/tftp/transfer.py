"""One file to one client: blocks, windows, repetitions and deadlines; the socket and the clock are given."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from controller.boot.tftp.packets import (
    DEFAULT_BLOCK_BYTES,
    ReadRequest,
    accepted_options,
    acknowledged,
    data_packet,
    is_error,
    options_packet,
)

_REPEAT_S = 1.0
_SILENCE_S = 20.0
"""So long a client that has answered may be silent: firmware that checks a file listens to nothing else."""
_FIRST_SILENCE_S = 4.0
"""One that has answered nothing yet may not exist."""
_SLACK_S = 120.0
_FEWEST_BYTES_PER_S = 16384


class Channel(Protocol):
    """A connected datagram socket."""

    def send(self, data: bytes, /) -> int:
        """Send one packet."""

    def receive(self, timeout_s: float) -> bytes | None:
        """Return the next packet from the other side; ``None`` = there was none in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is sent."""

    size_bytes: int
    read: Callable[[int], bytes]
    """Returns exactly so many bytes, fewer only at the end."""


class BrokenOff(Exception):
    """The client has ended the transfer, is gone, or takes too long; the text says which."""


@dataclass(slots=True)
class Transfer:
    """A transfer under way."""

    channel: Channel
    clock: Callable[[], float] = time.monotonic

    def send(self, request: ReadRequest, source: Source) -> None:
        """Send a file from beginning to end.

        Raises:
            BrokenOff: It was not taken whole.
        """
        options = accepted_options(request, source.size_bytes)
        deadline = self.clock() + _SLACK_S + source.size_bytes / _FEWEST_BYTES_PER_S
        block_bytes = request.block_bytes or DEFAULT_BLOCK_BYTES
        window = request.window or 1
        unacknowledged: deque[tuple[int, bytes]] = deque()
        if options:
            unacknowledged.append((0, options_packet(options)))
            self._pass_on(unacknowledged, deadline, _FIRST_SILENCE_S)
        number, is_last = 0, False
        while not is_last or unacknowledged:
            fresh = []
            while not is_last and len(unacknowledged) < window:
                data = source.read(block_bytes)
                number, is_last = number + 1, len(data) < block_bytes
                fresh.append((number, data_packet(number, data)))
                unacknowledged.append(fresh[-1])
            is_known = bool(options) or number > window
            self._pass_on(
                unacknowledged, deadline, _SILENCE_S if is_known else _FIRST_SILENCE_S, fresh
            )

    def _pass_on(
        self,
        unacknowledged: "deque[tuple[int, bytes]]",
        deadline: float,
        silence_s: float,
        fresh: list[tuple[int, bytes]] | None = None,
    ) -> None:
        """Send packets until the client has at least the first that it lacks, and forget those that it has.

        Args:
            unacknowledged: Packets with their numbers; at least one.
            deadline: The end of the whole transfer.
            silence_s: How long to go on without an answer.
            fresh: Those of them that have never been sent; ``None`` = all.
        """
        for _number, packet in unacknowledged if fresh is None else fresh:
            self.channel.send(packet)
        end = min(deadline, self.clock() + silence_s)
        repeat_at = self.clock() + _REPEAT_S
        while (now := self.clock()) < end:
            answer = self.channel.receive(max(0.0, min(repeat_at, end) - now))
            if answer is None:
                for _number, packet in unacknowledged:
                    self.channel.send(packet)
                repeat_at = self.clock() + _REPEAT_S
                continue
            if is_error(answer):
                raise BrokenOff("the client ended the transfer")
            if _forget(unacknowledged, acknowledged(answer)):
                return
        raise BrokenOff(
            "the client takes too long" if end == deadline else f"no answer for {silence_s:.0f} s"
        )


def _forget(unacknowledged: "deque[tuple[int, bytes]]", number: int | None) -> bool:
    """Remove the packets up to the one acknowledged, and say whether there were any; another number is an old answer."""
    places = {one & 0xFFFF: place for place, (one, _packet) in enumerate(unacknowledged)}
    if number is None or number not in places:
        return False
    for _place in range(places[number] + 1):
        unacknowledged.popleft()
    return True
