"""The machine's clock, and how to ask a time server (SNTP, RFC 4330: one packet each way).

Sixty lines instead of a daemon: what is wanted is the right date before the first TLS handshake, once, from a ramdisk that lives
for minutes.
"""

import socket
import struct
import time
from typing import Protocol

_PORT = 123
_PACKET = struct.Struct("!B39x2I")
_REPLY = struct.Struct("!BB22x6I")
_CLIENT_V4 = 0x23
_SERVER_MODE, _MODE_MASK = 4, 7
_UNSYNCHRONIZED = 3
_HIGHEST_STRATUM = 15
_EPOCH_S = 2_208_988_800
"""From 1900, where NTP begins, to 1970."""
_ERA_S = 1 << 32
_FRACTIONS = 1 << 32
_ERA_BIT = 1 << 31
"""NTP's seconds start over in 2036: a stamp without this bit is of the era that begins then (RFC 4330 section 3)."""


class SystemClock(Protocol):
    """The wall clock of a machine; passed in as an object, so that an agent on somebody's host cannot set it."""

    def now(self) -> float:
        """Return the seconds since the epoch."""

    def set(self, seconds: float) -> None:
        """Set the clock."""


class MachineClock:
    """This very machine's clock."""

    def now(self) -> float:
        """See :meth:`SystemClock.now`."""
        return time.time()

    def set(self, seconds: float) -> None:
        """See :meth:`SystemClock.set`.

        Raises:
            OSError: Not permitted.
        """
        time.clock_settime(time.CLOCK_REALTIME, seconds)


class ForeignClock:
    """The clock of a machine that is not ours to set."""

    def now(self) -> float:
        """See :meth:`SystemClock.now`."""
        return time.time()

    def set(self, seconds: float) -> None:
        """See :meth:`SystemClock.set`.

        Raises:
            OSError: Always.
        """
        raise PermissionError(f"this machine's clock is not set, to {seconds:.0f} or anything else")


def ask_time_server(server: str, timeout_s: float, clock: SystemClock) -> float:
    """Return how far the server's clock is before this machine's, in seconds; the way there and back is taken out.

    Args:
        server: Address or name, with ``:port`` if it is another than 123.
        timeout_s: Longest wait for the answer.
        clock: This machine's.

    Raises:
        OSError: No answer in time, or no such server.
        ValueError: The answer is none of a time server that knows the time.
    """
    host, port = _split(server)
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as asked:
        asked.settimeout(timeout_s)
        asked.connect(address)  # so that nobody else's packets are read
        sent = clock.now()
        asked.send(request_packet(sent))
        reply = asked.recv(512)
        return offset_s(reply, sent, clock.now())


def request_packet(sent: float) -> bytes:
    """Return the question of a client whose clock says ``sent``. Pure."""
    return _PACKET.pack(_CLIENT_V4, *_stamp(sent))


def offset_s(reply: bytes, sent: float, received: float) -> float:
    """Return how far the server's clock is before ours. Pure.

    Args:
        reply: Its packet.
        sent: When the question left, by our clock; the packet must repeat it.
        received: When the packet came, by our clock.

    Raises:
        ValueError: It is no answer to that question, or the server does not know the time itself.
    """
    if len(reply) < _REPLY.size:
        raise ValueError(f"an answer of {len(reply)} bytes is no time")
    flags, stratum, *stamps = _REPLY.unpack_from(reply)
    origin, receive, transmit = stamps[:2], stamps[2:4], stamps[4:]
    if flags & _MODE_MASK != _SERVER_MODE or tuple(origin) != _stamp(sent):
        raise ValueError("it is no answer to what was asked")
    if flags >> 6 == _UNSYNCHRONIZED or not 0 < stratum <= _HIGHEST_STRATUM or not any(transmit):
        raise ValueError("the server does not know the time itself")
    return ((_seconds(*receive) - sent) + (_seconds(*transmit) - received)) / 2


def _stamp(seconds: float) -> tuple[int, int]:
    whole, fraction = divmod(seconds, 1)
    return (int(whole) + _EPOCH_S) % _ERA_S, min(int(fraction * _FRACTIONS), _FRACTIONS - 1)


def _seconds(whole: int, fraction: int) -> float:
    """Return a stamp as seconds since 1970."""
    era_s = 0 if whole & _ERA_BIT else _ERA_S
    return whole - _EPOCH_S + era_s + fraction / _FRACTIONS


def _split(server: str) -> tuple[str, int]:
    """Return host and port of ``host``, ``host:port``, ``2001:db8::1`` or ``[2001:db8::1]:port``."""
    host, port = server, ""
    if server.startswith("["):
        host, _, port = server[1:].partition("]")
    elif server.count(":") == 1:
        host, _, port = server.partition(":")
    port = port.removeprefix(":")
    if port and not port.isdecimal():
        raise ValueError(f"{server!r} has no port number after the colon")
    return host, int(port or _PORT)
