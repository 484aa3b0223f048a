"""What a stranger may cost the HTTP server: sizes, times, and shares of one address; pure."""

import ipaddress
from dataclasses import dataclass

_KIB, _MIB = 1024, 1024 * 1024
_SHARE = 4
_IPV6_NETWORK_BITS = 64
"""Whoever has one IPv6 address has the others of its network, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Limits of one server; sizes in bytes, times in seconds."""

    body_bytes: int
    """The largest body."""
    connections: int = 1024
    """Open connections in all; then the one that waits longest of the address with the most gives way."""
    counts_loopback: bool = False
    """Also hold clients on this machine to an address's share; a proxy there speaks for everybody."""
    head_bytes: int = 64 * _KIB
    """The longest request line and headers."""
    head_s: float = 10.0
    """Longest time for a head to come, TLS handshake included."""
    idle_s: float = 10.0
    """How long a connection is kept between two requests."""
    ready_bytes: int = 1 * _MIB
    """Bodies up to this size are there before a thread is taken."""
    arriving_bytes: int = 64 * _MIB
    """So much of all requests that are not complete is held; then the address that has most of it gives way."""
    body_s: float = 10.0
    """Longest time for a body, beside what its size allows."""
    body_rate: float = 256.0 * _KIB
    """Bytes per second that a body comes with at least."""
    chunked_s: float = 60.0
    """Longest time for a body in chunks, whose size nobody knows before."""
    reply_s: float = 10.0
    """How long a thread waits for the reader of an answer, beside what the answer's size allows."""
    reply_rate: float = 64.0 * _KIB
    """Bytes per second that an answer is read with at least."""
    linger_s: float = 2.0
    """How long is thrown away what a refused client still sends, so that it gets to read the refusal."""
    transfers: int = 256
    """Files that are sent at a time; then an address with fewer takes the place of one with the most."""
    feeds: int = 256
    """Answers without an end that are sent at a time."""
    transfer_rate: float = 16.0 * _KIB
    """Bytes per second that a file is read with at least, on average over ``transfer_s``."""
    transfer_s: float = 120.0
    """Over which time the rate of a file's reader is judged."""

    @property
    def connections_per_address(self) -> int:
        """How many connections one address may have."""
        return max(1, self.connections // _SHARE)

    @property
    def feeds_per_address(self) -> int:
        """How many answers without an end one address may read."""
        return max(1, self.feeds // _SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSize:
    """How many requests of a kind are served at a time, in all and for one address."""

    threads: int
    per_address: int
    at_once: int | None = None
    """So many of them compute at a time; who takes long does not count. Without it, all."""
    at_once_in_need: int | None = None
    """So many when many wait; one more for each ``waiting_per_more`` of them. Without it, never more than ``at_once``."""
    waiting_per_more: int = 8

    @staticmethod
    def of(
        threads: int, *, at_once: int | None = None, at_once_in_need: int | None = None
    ) -> "PoolSize":
        """Return a pool of which one address gets a quarter, but one thread at least."""
        return PoolSize(
            threads=threads,
            per_address=max(1, threads // _SHARE),
            at_once=at_once,
            at_once_in_need=at_once_in_need,
        )

    def most_young(self, waiting: int) -> int:
        """Return how many may compute at a time while ``waiting`` others wait."""
        least = self.at_once or self.threads
        most = self.at_once_in_need or least
        return max(least, min(most, least + waiting // self.waiting_per_more))


def party(address: str) -> str | None:
    """Return in whose name ``address`` counts: itself, its network in IPv6; ``None`` on this machine."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if found.is_loopback:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, _IPV6_NETWORK_BITS), strict=False))
    return str(found)
