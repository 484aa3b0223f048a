"""The gateway's process: requests come in by UDP, each is fetched from the controller and sent by a thread of its own.

What a client may cost is bounded: so many transfers at a time, so many of one address, each with deadlines. The controller is
told who asks by a header, and believes it because of a key that only it and this process know.
"""

import contextlib
import http.client
import ipaddress
import os
import socket
import struct
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from controller.boot.tftp.names import url_path_of
from controller.boot.tftp.packets import ErrorCode, ReadRequest, error_packet, read_request
from controller.boot.tftp.transfer import BrokenOff, Source, Transfer

KEY_HEADER = "X-Ingot-Gateway-Key"
ASKER_HEADER = "X-Ingot-Asker"
SERVING = "the TFTP gateway serves"
_MOST_TRANSFERS = 128
_MOST_OF_ONE = 8
_PACKET_BYTES = 2048
_PACKET_INFO_BYTES = 20
"""``struct in6_pktinfo``: an address and the number of an interface (RFC 3542 section 6)."""
_CONTROLLER_TIMEOUT_S = 20.0
_OK = 200

_Peer = tuple[Any, ...]
"""Address and port of a client; with IPv6 two numbers more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The controller as this process reaches it."""

    host: str
    port: int
    key: str


@dataclass(slots=True)
class _Load:
    """Which transfers run; one per client's port."""

    peers: set[_Peer] = field(default_factory=set)
    by_address: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, peer: _Peer) -> bool:
        """Say whether a transfer may begin, and count it; a request that came twice and one too many may not."""
        with self.lock:
            is_full = len(self.peers) >= _MOST_TRANSFERS or self.by_address[peer[0]] >= _MOST_OF_ONE
            if is_full or peer in self.peers:
                return False
            self.peers.add(peer)
            self.by_address[peer[0]] += 1
            return True

    def give_back(self, peer: _Peer) -> None:
        """Count a transfer no more."""
        with self.lock:
            self.peers.discard(peer)
            self.by_address[peer[0]] -= 1
            if not self.by_address[peer[0]]:
                del self.by_address[peer[0]]


class _SocketChannel:
    """One client's conversation."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def send(self, data: bytes, /) -> int:
        """Send; a client that is gone is noticed by its silence."""
        with contextlib.suppress(OSError):
            return self._socket.send(data)
        return 0

    def receive(self, timeout_s: float) -> bytes | None:
        """See :class:`controller.boot.tftp.transfer.Channel`."""
        self._socket.settimeout(timeout_s or 0.001)
        try:
            return self._socket.recv(_PACKET_BYTES)
        except OSError:
            return None


def serve(port: int, upstream: Upstream, interface: str) -> None:
    """Serve until the process is killed.

    Args:
        port: UDP, at all addresses of ``interface``.
        upstream: The controller.
        interface: Requests from elsewhere are not heard; empty: from everywhere.
    """
    listener = _listener(port, interface)
    load = _Load()
    print(f"{SERVING} port {port}", file=sys.stderr, flush=True)  # noqa: T201  # the supervisor reads it
    while True:
        packet, ancillary, _flags, peer = listener.recvmsg(_PACKET_BYTES, 256)
        request = read_request(packet)
        if request is None or not load.take(peer):
            continue
        thread = threading.Thread(
            target=_answer, args=(request, peer, _local(ancillary), upstream, load), daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads; the client asks again
            load.give_back(peer)


def _answer(
    request: ReadRequest, peer: _Peer, local: tuple[str, int], upstream: Upstream, load: _Load
) -> None:
    asker = _plain(peer[0])
    try:
        with _connected(peer, local) as connected:
            _fetch_and_send(request, _SocketChannel(connected), asker, upstream)
    except (BrokenOff, OSError) as error:
        _say(f"{_shown(request)} to {asker}: {error}")
    finally:
        load.give_back(peer)


def _connected(peer: _Peer, local: tuple[str, int]) -> socket.socket:
    """Return a socket that answers from the address that was asked."""
    if len(peer) == 2:  # noqa: PLR2004  # IPv4 alone
        connected = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    else:
        connected = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        connected.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        connected.bind((local[0], 0, 0, local[1] if local[0].startswith("fe80") else 0))
    connected.connect(peer)
    return connected


def _fetch_and_send(
    request: ReadRequest, channel: _SocketChannel, asker: str, upstream: Upstream
) -> None:
    path = url_path_of(request.name)
    if path is None:
        channel.send(error_packet(ErrorCode.NOT_FOUND, "there is no such file"))
        return
    connection = http.client.HTTPConnection(
        upstream.host, upstream.port, timeout=_CONTROLLER_TIMEOUT_S
    )
    with contextlib.closing(connection):
        try:
            headers = {KEY_HEADER: upstream.key, ASKER_HEADER: asker}
            connection.request("GET", path, headers=headers)
            reply = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            channel.send(error_packet(ErrorCode.OTHER, "the controller does not answer"))
            raise BrokenOff(f"the controller does not answer: {error}") from error
        if reply.status != _OK or reply.length is None:
            channel.send(error_packet(ErrorCode.NOT_FOUND, f"the controller says {reply.status}"))
            return
        Transfer(channel).send(request, Source(size_bytes=reply.length, read=reply.read))


def _listener(port: int, interface: str) -> socket.socket:
    """Listen for IPv4 and IPv6, and be told at which own address a packet has arrived; for IPv4 where the kernel has no IPv6."""
    host = "::"
    try:
        listener = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    except OSError:
        host, listener = "0.0.0.0", socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if interface:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    listener.bind((host, port))
    return listener


def _local(ancillary: list[tuple[int, int, bytes]]) -> tuple[str, int]:
    """Return the own address that a packet was sent to and the number of its interface."""
    for level, kind, data in ancillary:
        is_info = (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)
        if is_info and len(data) == _PACKET_INFO_BYTES:
            return socket.inet_ntop(socket.AF_INET6, data[:16]), struct.unpack("=I", data[16:])[0]
    return "::", 0


def _plain(address: str) -> str:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def _shown(request: ReadRequest) -> str:
    return ascii(request.name[:200].decode("latin-1"))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # the supervisor reads it


def main() -> None:
    """Read from the environment what to serve, and serve; started by ``controller/boot/tftp_server.py``."""
    upstream = Upstream(
        host=os.environ["INGOT_GATEWAY_UPSTREAM"],
        port=int(os.environ["INGOT_GATEWAY_UPSTREAM_PORT"]),
        key=os.environ["INGOT_GATEWAY_KEY"],
    )
    serve(int(os.environ["INGOT_GATEWAY_PORT"]), upstream, os.environ["INGOT_GATEWAY_INTERFACE"])
