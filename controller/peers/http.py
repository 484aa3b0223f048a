"""The one door for HTTP to agents and image servers: every call has one deadline and a bound of bytes.

A peer may be slow, broken or hostile. A call ends at its deadline in whatever phase it is, takes no more bytes than it may,
asks for answers as they are (``Accept-Encoding: identity``) and refuses packed ones, sends no cookies, and follows a
redirect only where its caller says so, never from https to http.
"""

import http.client
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Protocol, Self

import urllib3
from urllib3.exceptions import HTTPError, LocationValueError

from agent.protocol.foreign_text import clean_line
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import encode_url, shown_url
from controller.peers import connections
from controller.peers.addresses import login, redirect_target, split, without_user
from controller.peers.budget import Budget, current, spending
from controller.peers.failures import (
    HEAD_BYTES,
    BadAddress,
    Limits,
    PeerFailed,
    PeerMisbehaved,
    PeerMisnamed,
    PeerNotTrusted,
    PeerSilent,
    failure,
    too_much,
)

__all__ = [
    "Answer",
    "BadAddress",
    "Limits",
    "PeerFailed",
    "PeerHttp",
    "PeerMisbehaved",
    "PeerMisnamed",
    "PeerNotTrusted",
    "PeerSilent",
    "Readable",
    "Sink",
    "redirect_target",
    "to_agent",
    "to_bmc",
    "to_image_server",
    "to_service",
]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REPEATABLE = frozenset({"GET", "HEAD"})
_PIECE_BYTES = 1 << 16
_MOST_REASON_CHARS = 200
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
"""Answers that end with their heads (RFC 9110 6.4.1)."""
_CONTENT = frozenset({HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer."""

    url: str
    """Whose answer it is, after redirects."""
    status: int
    reason: str
    """The server's word for it, fit for messages."""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """As they came."""

    @property
    def is_ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < HTTPStatus.BAD_REQUEST


Sink = Callable[[Answer, bytes], None]
"""Takes the pieces of a large body (200 or 206) as they come, each with the answer's head; what it raises ends the call."""


class Readable(Protocol):
    """A body that is too large for memory."""

    def read(self, size: int = ..., /) -> bytes:
        """Return the next bytes, at most so many; empty at the end."""


class PeerHttp:
    """Connections to one peer, kept between calls; safe to use from several threads."""

    def __init__(self, manager: urllib3.PoolManager) -> None:
        """Take the connections over; see :func:`to_agent` and :func:`to_image_server`."""
        self._manager = manager

    def __enter__(self) -> Self:
        """Return the door itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._manager.clear()

    def call(
        self,
        method: str,
        url: str,
        limits: Limits,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Readable | None = None,
        most_redirects: int = 0,
        sink: Sink | None = None,
    ) -> Answer:
        """Make one call.

        Args:
            method: ``GET``, ``HEAD`` or ``POST``.
            url: Whom to call; a user and a password in it are sent to that server alone.
            limits: Of the whole call.
            headers: Sent besides ``Accept-Encoding``.
            body: What is sent; of what is read while it is sent, ``headers`` must say the length.
            most_redirects: How many redirects may be followed, as ``method`` again; with 0 the first one is an error.
            sink: Where a body goes that is too large for memory; ``None`` = into the answer.

        Raises:
            BadAddress: The URL cannot be called.
            PeerSilent: No whole answer before the deadline, or the connection broke.
            PeerMisbehaved: Too many bytes, a packed answer, a redirect that may not be followed.
        """
        budget = Budget(total_s=limits.total_s, may_connect=limits.may_connect)
        sent = {**(headers or {}), "Accept-Encoding": "identity"}
        with spending(budget):
            try:
                return self._follow(method, url, limits, sent, body, most_redirects, sink)
            except PeerFailed:
                raise
            except (LocationValueError, Refusal) as error:
                raise BadAddress(f"its URL cannot be called: {clean_line(error)}") from error
            except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
                raise failure(error, url, budget, limits) from error

    def _follow(
        self,
        method: str,
        url: str,
        limits: Limits,
        headers: Mapping[str, str],
        body: bytes | Readable | None,
        most_redirects: int,
        sink: Sink | None,
    ) -> Answer:
        answer, location = self._once(method, encode_url(url), limits, headers, body, sink)
        for _ in range(most_redirects):
            if answer.status not in _REDIRECTS:
                return answer
            target = redirect_target(answer.url, location)
            answer, location = self._once(method, target, limits, headers, body, sink)
        if answer.status not in _REDIRECTS:
            return answer
        where = clean_line(shown_url(location), _MOST_REASON_CHARS)
        raise PeerMisbehaved(
            f"answers {answer.status}: it sends the call on to {where!r}, where none may go"
        )

    def _once(
        self,
        method: str,
        url: str,
        limits: Limits,
        headers: Mapping[str, str],
        body: bytes | Readable | None,
        sink: Sink | None,
    ) -> tuple[Answer, str]:
        """Return the answer and its ``Location``."""
        parts = split(url)
        budget = current()
        budget.allow(HEAD_BYTES)
        response = self._open(
            method, without_user(parts), body, {**headers, **login(parts)}, limits
        )
        budget.allow(limits.most_bytes + limits.most_bytes // 8)  # an eighth for sizes of chunks
        answer = Answer(
            url=url,
            status=response.status,
            reason=clean_line(response.reason or "", _MOST_REASON_CHARS),
            headers=response.headers,
        )
        try:
            content = b"" if method == "HEAD" else _read(response, limits, answer, sink)
        except BaseException:
            response.close()  # what is left of it is not wanted
            raise
        response.release_conn()
        answer = replace(answer, body=content)
        return answer, response.headers.get("Location", "")

    def _open(
        self,
        method: str,
        url: str,
        body: bytes | Readable | None,
        headers: Mapping[str, str],
        limits: Limits,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and read the answer's head."""
        budget = current()
        came_bytes = budget.bytes_received
        send = partial(
            self._manager.urlopen,
            method,
            url,
            body=body,
            headers=headers,
            redirect=False,
            retries=False,
            timeout=limits.total_s,
            preload_content=False,
            decode_content=False,
        )
        try:
            return send()
        except (HTTPError, http.client.HTTPException, OSError):
            is_idle_end = budget.bytes_received == came_bytes and not budget.is_late
            if method not in _REPEATABLE or not is_idle_end:
                raise
        return (
            send()
        )  # the peer had ended a connection that was kept, and that was not seen in time


def to_agent(trusted_pem: str | None) -> PeerHttp:
    """Return a door to one agent, past every proxy.

    Args:
        trusted_pem: Its own certificate, the only one that is trusted; ``None`` = the system's authorities.
    """
    return PeerHttp(connections.direct(trusted_pem))


def to_bmc(tls: ssl.SSLContext) -> PeerHttp:
    """Return a door to one BMC, past every proxy.

    Args:
        tls: What it trusts; doors may share it.
    """
    return PeerHttp(connections.direct_with(tls))


def to_image_server(url: str) -> PeerHttp:
    """Return a door to an image's web server, by the proxy that the environment names for it."""
    return PeerHttp(connections.by_environment(url))


def to_service(proxy: str | None) -> PeerHttp:
    """Return a door to a service of the site.

    Args:
        proxy: The proxy before it; ``None`` = none, whatever the environment says.
    """
    return PeerHttp(connections.by_proxy(proxy) if proxy else connections.direct(None))


def _read(
    response: urllib3.BaseHTTPResponse, limits: Limits, answer: Answer, sink: Sink | None
) -> bytes:
    """Return the body, or pass it on and return nothing."""
    encoding = clean_line(response.headers.get("Content-Encoding", "identity"), 64).lower()
    if encoding not in {"", "identity"}:
        raise PeerMisbehaved(f"packs its answer as {encoding!r} although it was asked not to")
    is_passed_on = sink is not None and answer.status in _CONTENT
    body, came_bytes = bytearray(), 0
    while piece := response.read(_PIECE_BYTES, decode_content=False):
        came_bytes += len(piece)
        if came_bytes > limits.most_bytes:
            raise too_much(limits)
        if sink is not None and is_passed_on:
            sink(answer, piece)
        else:
            body += piece
    if not came_bytes and answer.status not in _BODILESS and not _has_length(response):
        raise PeerSilent("ended its answer before the body")  # a head that was cut looks whole
    return bytes(body)


def _has_length(response: urllib3.BaseHTTPResponse) -> bool:
    """Say whether the head tells where the body ends."""
    length = response.headers.get("Content-Length", "").strip()
    return length.isdigit() or "chunked" in response.headers.get("Transfer-Encoding", "").lower()
