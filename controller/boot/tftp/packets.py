"""TFTP packets, read and made (RFC 1350, options of RFC 2347, 2348, 2349 and 7440). Pure."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

DEFAULT_BLOCK_BYTES = 512
MOST_BLOCK_BYTES = 1428
"""A block, TFTP's and UDP's headers and an IPv6 header fit into one Ethernet frame."""
_FEWEST_BLOCK_BYTES = 8
_MOST_WINDOW = 16
_NUMBER_DIGITS = 5


class Opcode(IntEnum):
    """Kinds of packets."""

    READ = 1
    WRITE = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OPTIONS = 6


class ErrorCode(IntEnum):
    """Reasons that clients know."""

    OTHER = 0
    NOT_FOUND = 1
    ILLEGAL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """What a client wants to read, and how."""

    name: bytes
    """The file's name as sent: any bytes but NUL, perhaps none."""
    block_bytes: int | None = None
    """``None`` = the client knows no such option; so the next two."""
    window: int | None = None
    wants_size: bool = False


def read_request(packet: bytes) -> ReadRequest | None:
    """Return the request in a packet; ``None`` = it is none, or none that can be served (netascii, mail)."""
    if packet[:2] != struct.pack("!H", Opcode.READ):
        return None
    words = packet[2:].split(b"\0")
    if len(words) < 3 or words[1].lower() != b"octet":  # noqa: PLR2004  # name, mode, and what follows the last NUL
        return None
    options = {key.lower(): value for key, value in zip(words[2:-1:2], words[3:-1:2], strict=False)}
    block_bytes = _number(options.get(b"blksize"))
    window = _number(options.get(b"windowsize"))
    return ReadRequest(
        name=words[0],
        block_bytes=min(block_bytes, MOST_BLOCK_BYTES)
        if block_bytes and block_bytes >= _FEWEST_BLOCK_BYTES
        else None,
        window=min(window, _MOST_WINDOW) if window else None,
        wants_size=b"tsize" in options,
    )


def accepted_options(request: ReadRequest, size_bytes: int) -> Mapping[bytes, int]:
    """Return the options of a request that are agreed to; none = the transfer begins with its first block."""
    found: dict[bytes, int] = {}
    if request.block_bytes is not None:
        found[b"blksize"] = request.block_bytes
    if request.window is not None:
        found[b"windowsize"] = request.window
    if request.wants_size:
        found[b"tsize"] = size_bytes
    return found


def options_packet(options: Mapping[bytes, int]) -> bytes:
    """Return the packet that agrees to options."""
    words = b"".join(b"%s\0%d\0" % option for option in options.items())
    return struct.pack("!H", Opcode.OPTIONS) + words


def data_packet(number: int, data: bytes) -> bytes:
    """Return block ``number``, counted from 1; on the wire the number has 16 bits and begins again at 0."""
    return struct.pack("!HH", Opcode.DATA, number & 0xFFFF) + data


def error_packet(code: ErrorCode, text: str) -> bytes:
    """Return the packet that ends a transfer."""
    return struct.pack("!HH", Opcode.ERROR, code) + text.encode("ascii", "replace") + b"\0"


def acknowledged(packet: bytes) -> int | None:
    """Return the 16 bits of the block that a packet acknowledges; ``None`` = it acknowledges nothing."""
    if len(packet) < 4 or packet[:2] != struct.pack("!H", Opcode.ACK):  # noqa: PLR2004  # opcode and number
        return None
    return int.from_bytes(packet[2:4])


def is_error(packet: bytes) -> bool:
    """Say whether the other side ends the transfer."""
    return packet[:2] == struct.pack("!H", Opcode.ERROR)


def _number(text: bytes | None) -> int | None:
    """Return a number of an option; ``None`` = there is none, or it is absurd."""
    is_number = text is not None and text.isdigit() and len(text) <= _NUMBER_DIGITS
    return int(text) if text is not None and is_number else None
