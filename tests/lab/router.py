"""An IPv6 router that has nothing to offer, as the lab's network would have one.

iPXE configures IPv4 and IPv6 side by side and goes on when both are done; where nobody answers its router solicitations it
waits 16 s at every network boot. The answer here is a router advertisement with lifetime 0: no default route, no prefix, no
DHCPv6 (RFC 4861, 4.2 and 6.2.6).
"""

import socket
import struct
import threading
from contextlib import suppress

_ROUTER_SOLICITATION = 133
_ROUTER_ADVERTISEMENT = 134
_HOP_LIMIT = 255
_ALL_NODES = "ff02::1"
_ALL_ROUTERS = "ff02::2"


class Router:
    """Answers router solicitations on ``interface``; make it inside the namespace."""

    def __init__(self, interface: str) -> None:
        self._index = socket.if_nametoindex(interface)
        self._socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        group = socket.inet_pton(socket.AF_INET6, _ALL_ROUTERS) + struct.pack("@I", self._index)
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOP_LIMIT)
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self._index)
        self._thread = threading.Thread(target=self._serve, name="router", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        with suppress(
            OSError
        ):  # shutdown() of a raw socket wakes the reader up and still says ENOTCONN
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        advertisement = struct.pack(">BBHBBHII", _ROUTER_ADVERTISEMENT, 0, 0, 64, 0, 0, 0, 0)
        while packet := self._socket.recv(1500):
            if packet[0] == _ROUTER_SOLICITATION:
                self._socket.sendto(advertisement, (_ALL_NODES, 0, 0, self._index))
