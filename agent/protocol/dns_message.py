"""DNS messages as multicast DNS uses them: questions out, answers in. Pure.

Sources: RFC 1035 section 4 (format, compressed names), RFC 2782 (SRV), RFC 6762 (multicast), RFC 6763 section 6 (TXT). Messages come from
anybody on the network: every length is checked, names that point in circles are refused.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

A, PTR, TXT, AAAA, SRV = 1, 12, 16, 28, 33
_INTERNET = 1
_UNICAST_WANTED = 0x8000
"""Top bit of a question's class: the answer may come to us alone (RFC 6762 section 5.4)."""
_ANSWER = 0x8000
_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_POINTER = 0xC0
_LONGEST_NAME = 255
_MOST_RECORDS = 200


class BadMessage(ValueError):
    """It is no DNS message, or a damaged one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One answer; names are in lower case, without the dot at the end."""

    name: str
    kind: int
    data: bytes
    target: str = ""
    """Of an SRV record: the host that serves."""
    port: int = 0
    """Of an SRV record."""


def question(name: str, kinds: tuple[int, ...]) -> bytes:
    """Return the message that asks for records of ``name``.

    Raises:
        ValueError: A part of the name is empty or longer than 63 bytes.
    """
    encoded = b"".join(_label(part) for part in name.rstrip(".").split(".")) + b"\0"
    asked = (encoded + struct.pack("!HH", kind, _INTERNET | _UNICAST_WANTED) for kind in kinds)
    return _HEADER.pack(0, 0, len(kinds), 0, 0, 0) + b"".join(asked)


def answers(message: bytes) -> tuple[Record, ...]:
    """Return the records of an answer, those of its additional section too; nothing for a question.

    Raises:
        BadMessage: It is damaged.
    """
    try:
        _, flags, questions, *sections = _HEADER.unpack_from(message)
        if not flags & _ANSWER:
            return ()
        offset = _HEADER.size
        for _ in range(questions):
            _, offset = _name(message, offset)
            offset += 4
        if sum(sections) > _MOST_RECORDS:
            raise BadMessage(f"{sum(sections)} records in one message")
        return tuple(_records(message, offset, sum(sections)))
    except (struct.error, IndexError) as error:
        raise BadMessage(f"it ends too early: {error}") from error


def address_of(record: Record) -> IPv4Address | IPv6Address | None:
    """Return the address of an A or AAAA record; ``None`` = it is another record, or of a wrong length."""
    if record.kind == A and len(record.data) == 4:  # noqa: PLR2004  # bytes of an address
        return IPv4Address(record.data)
    if record.kind == AAAA and len(record.data) == 16:  # noqa: PLR2004
        return IPv6Address(record.data)
    return None


def texts_of(record: Record) -> dict[str, str]:
    """Return the ``key=value`` pairs of a TXT record; keys in lower case, the first of each counts (RFC 6763 section 6.4)."""
    found: dict[str, str] = {}
    rest = record.data
    while rest:
        length = rest[0]
        key, equals, value = rest[1 : 1 + length].decode("utf-8", "replace").partition("=")
        if equals and key:
            found.setdefault(key.lower(), value)
        rest = rest[1 + length :]
    return found


def _label(part: str) -> bytes:
    encoded = part.encode()
    if not 1 <= len(encoded) <= 63:  # noqa: PLR2004  # RFC 1035 section 2.3.4
        raise ValueError(f"{part!r} cannot be a part of a DNS name")
    return bytes([len(encoded)]) + encoded


def _name(message: bytes, offset: int) -> tuple[str, int]:
    """Return the name at ``offset`` and what comes after it."""
    parts: list[str] = []
    after: int | None = None
    total = 0
    while True:
        length = message[offset]
        if length & _POINTER == _POINTER:
            target = (length & ~_POINTER) << 8 | message[offset + 1]
            after = offset + 2 if after is None else after
            if target >= offset:  # a pointer only ever points back, so that there is no circle
                raise BadMessage("a name points forward")
            offset = target
            continue
        if length & _POINTER:
            raise BadMessage("a name has a part of an unknown kind")
        offset += 1
        if length == 0:
            return ".".join(parts).lower(), offset if after is None else after
        total += length + 1
        if total > _LONGEST_NAME or offset + length > len(message):
            raise BadMessage("a name is too long")
        parts.append(message[offset : offset + length].decode("utf-8", "replace"))
        offset += length


def _records(message: bytes, offset: int, count: int) -> Iterator[Record]:
    for _ in range(count):
        name, offset = _name(message, offset)
        kind, _, _, length = _RECORD.unpack_from(message, offset)
        offset += _RECORD.size
        data = message[offset : offset + length]
        if len(data) != length:
            raise BadMessage("a record ends behind the message")
        target, port = "", 0
        if kind == SRV:
            _, _, port = struct.unpack_from("!HHH", data)
            target, _ = _name(message, offset + 6)
        yield Record(name=name, kind=kind, data=data, target=target, port=port)
        offset += length
