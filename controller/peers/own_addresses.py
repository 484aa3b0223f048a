"""Whether an address is this machine's own, by the kernel's own word: what it would deliver here, whichever interface has the address.

Source: rtnetlink(7) and linux/rtnetlink.h, ``RTM_GETROUTE``; as ``ip route get`` asks. A list of the interfaces' addresses would not do: the whole of
127.0.0.0/8 is in none, nor what a ``local`` route brings here.
"""

import ipaddress
import os
import socket
import struct

_HEADER = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_GET_ROUTE, _IS_ROUTE, _IS_ERROR = 26, 24, 2
_REQUEST = 1
_DESTINATION = 1
_LOCAL, _ANYCAST = 2, 4
_MOST_BYTES = 64 << 10
_TIMEOUT_S = 5.0


def leads_here(address: str) -> bool:
    """Say whether what is sent to an address stays on this machine.

    Args:
        address: IPv4 or IPv6, without a scope.

    Raises:
        ValueError: It is no address.
        OSError: There is no way to it, or the kernel is not to be asked.
    """
    found = ipaddress.ip_address(address)
    family = socket.AF_INET if found.version == 4 else socket.AF_INET6  # noqa: PLR2004  # an IP version
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(_TIMEOUT_S)
        kernel.bind((0, 0))
        kernel.send(_question(family, found.packed))
        return _type_of(kernel.recv(_MOST_BYTES)) in {_LOCAL, _ANYCAST}


def _question(family: int, packed: bytes) -> bytes:
    route = _ROUTE.pack(family, 8 * len(packed), 0, 0, 0, 0, 0, 0, 0)
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(packed), _DESTINATION) + packed
    body = route + attribute
    return _HEADER.pack(_HEADER.size + len(body), _GET_ROUTE, _REQUEST, 1, 0) + body


def _type_of(answer: bytes) -> int:
    """Return a route's type (``rtm_type``)."""
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _IS_ERROR:
        number = -_ERROR.unpack_from(answer, _HEADER.size)[0]
        raise OSError(number, os.strerror(number))
    if kind != _IS_ROUTE:
        raise OSError(f"the kernel answered a question for a route with {kind}")
    found: int = _ROUTE.unpack_from(answer, _HEADER.size)[7]
    return found
