"""The address that a card was made with: ethtool's question to its driver (linux/ethtool.h, ``ETHTOOL_GPERMADDR``).

The address in sysfs is the one in use: members of a bond have the bond's, and whoever has the machine may have set another.
"""

import fcntl
import socket
import struct
from array import array

_SIOCETHTOOL = 0x8946
_GPERMADDR = 0x20
_LONGEST_ADDRESS_BYTES = 32
_HEAD = struct.Struct("II")
"""Command, and length of the address: what there is room for, then what it is."""


def permanent_address(name: str) -> str | None:
    """Return the permanent address of the interface ``name`` in lower case with colons; ``None`` = its driver knows none."""
    question = _HEAD.pack(_GPERMADDR, _LONGEST_ADDRESS_BYTES).ljust(
        _HEAD.size + _LONGEST_ADDRESS_BYTES, b"\0"
    )
    buffer = array("B", question)
    request = struct.pack("16sP", name.encode()[:15], buffer.buffer_info()[0])
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            fcntl.ioctl(door.fileno(), _SIOCETHTOOL, request)
    except OSError:  # the interface vanished, or its driver has no such answer
        return None
    answer = buffer.tobytes()
    length = min(_HEAD.unpack_from(answer)[1], _LONGEST_ADDRESS_BYTES)
    address = answer[_HEAD.size : _HEAD.size + length]
    return address.hex(":") if any(address) else None
