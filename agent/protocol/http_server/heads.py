"""Looks at the beginning of a request: is its head complete, where does it lead, how long is its body? Pure.

The grammar (RFC 9112) is cheroot's business; here is only what must be known before a thread is taken.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\n(?:transfer-encoding|expect)[ \t]*:", re.IGNORECASE)
_OVERLAP_BYTES = 3
"""The end of a head may come in pieces."""
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A complete head."""

    path: str
    """Without query, percent signs resolved; what is no UTF-8 in it is replaced."""
    head_bytes: int
    body_bytes: int | None
    """``None`` = unknown: chunks, a client that waits for 100 Continue, or a length that is none."""


class Refusal(Exception):
    """The request is not served; ``status`` says why in HTTP, the text in words."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


def read_head(data: bytes | bytearray, scanned_bytes: int, most_bytes: int) -> Head | None:
    """Return the head at the beginning of ``data``; ``None`` = it is not complete.

    Args:
        data: What has come so far.
        scanned_bytes: How much of it was looked at before.
        most_bytes: The longest head.

    Raises:
        Refusal: It is too long.
    """
    found = _END.search(data, max(0, scanned_bytes - _OVERLAP_BYTES))
    if found and found.end() <= most_bytes:
        head = bytes(data[: found.end()])
        return Head(path=_path(head), head_bytes=found.end(), body_bytes=_body_bytes(head))
    if len(data) < most_bytes:
        return None
    if b"\n" in data[:most_bytes]:
        text = f"The headers are longer than {most_bytes} bytes"
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
    text = f"The address is longer than {most_bytes} bytes"
    raise Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, text)


def _path(head: bytes) -> str:
    words = head.lstrip(b"\r\n").partition(b"\n")[0].split(b" ")
    target = words[1] if len(words) > 1 else b""
    return unquote_to_bytes(target.partition(b"?")[0]).decode(errors="replace")


def _body_bytes(head: bytes) -> int | None:
    if _CHUNKED.search(head):
        return None
    lengths = {length.strip() for length in _LENGTH.findall(head)}
    if not lengths:
        return 0
    length = lengths.pop()
    is_clear = not lengths and length.isdigit() and len(length) <= _MOST_DIGITS
    return int(length) if is_clear else None
