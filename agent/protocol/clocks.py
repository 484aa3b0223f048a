"""Wrong dates, told as wrong dates: what a certificate that is "not yet valid" or "expired" means, with both clocks.

A clock is wrong more often than a certificate. So whoever refuses one asks the other side what time it has there (``Date`` of
an answer to ``HEAD /``, RFC 9110 section 6.6.1) and says both. Nothing else of that answer is believed: it comes over a
connection that is not verified.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_MOST_BYTES = 16 * 1024
_AGREE_S = 60.0
_WORDS = {9: "is not yet valid", 10: "has expired"}
"""By OpenSSL's ``X509_V_ERR_CERT_NOT_YET_VALID`` and ``X509_V_ERR_CERT_HAS_EXPIRED``."""
_UNITS = ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"))
_Error = TypeVar("_Error", bound=BaseException)


def date_problem(error: BaseException, url: str, timeout_s: float = 3.0) -> str | None:
    """Return what a failed connection has to do with clocks, as the end of a sentence about the server; ``None`` = nothing.

    Args:
        error: What the connection failed with, or an error raised from that.
        url: Of the server, asked for its time.
        timeout_s: How long to wait for that.
    """
    refused = find_cause(error, ssl.SSLCertVerificationError)
    words = _WORDS.get(refused.verify_code) if refused is not None else None
    if words is None:
        return None
    peer = ask_date(url, timeout_s)
    return f"has a TLS certificate that {words} {clock_words(time.time(), peer)}"


def clock_words(own: float, peer: float | None) -> str:
    """Say what two clocks show and which of the two things to mend. Pure.

    Args:
        own: Seconds since the epoch by the clock of this machine.
        peer: By the server's; ``None`` = it does not say.
    """
    here = f"by the clock of this machine, which says {_shown(own)}"
    if peer is None:
        return f"{here}; what the server's says is not known; check both, then the certificate"
    if abs(peer - own) < _AGREE_S:
        return f"{here} like the server's; renew the certificate"
    side = "later" if peer > own else "earlier"
    return f"{here}; the server's says {_shown(peer)}, {_duration(abs(peer - own))} {side}; set the wrong one"


def ask_date(url: str, timeout_s: float) -> float | None:
    """Return the server's time in seconds since the epoch, whole ones; ``None`` = it does not say, or not in time.

    Args:
        url: Any URL of the server; its certificate is not verified.
        timeout_s: Longest time for everything but the name server.
    """
    deadline = time.monotonic() + timeout_s
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        with contextlib.closing(_connect(parts.scheme, host, port, deadline)) as connection:
            name = f"[{host}]" if ":" in host else host
            request = f"HEAD / HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode("ascii"))
            return date_of(_head(connection, deadline))
    except (OSError, ValueError, KeyError):  # no answer is an answer; UnicodeError is a ValueError
        return None


def date_of(head: bytes) -> float | None:
    """Return the ``Date`` in the head of an answer; ``None`` = there is none within the calendar. Pure."""
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() != "date":
            continue
        try:
            moment = parsedate_to_datetime(value.strip())
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).timestamp()
        except (ValueError, OverflowError):
            return None
    return None


def find_cause(error: BaseException, kind: type[_Error]) -> _Error | None:
    """Return the error itself, what it was raised from or what it carries, whichever is of this kind; ``None`` = none is."""
    return next((one for one in _causes(error) if isinstance(one, kind)), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    todo: list[object] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        yield one
        seen.add(id(one))
        todo += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _connect(scheme: str, host: str, port: int, deadline: float) -> socket.socket:
    plain = socket.create_connection((host, port), max(deadline - time.monotonic(), 0.01))
    if scheme != "https":
        return plain
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    try:
        plain.settimeout(max(deadline - time.monotonic(), 0.01))
        return unverified.wrap_socket(plain, server_hostname=host)
    except OSError:
        plain.close()
        raise


def _head(connection: socket.socket, deadline: float) -> bytes:
    """Read the head of an answer, or as much of it as comes before the deadline."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MOST_BYTES:
        connection.settimeout(max(deadline - time.monotonic(), 0.01))
        piece = connection.recv(4096)
        if not piece or time.monotonic() > deadline:
            break
        head += piece
    return head


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(seconds: float) -> str:
    """Return a time in its two largest units: ``4017 days 3 h``."""
    parts = []
    left = int(seconds)
    for size, name in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"
