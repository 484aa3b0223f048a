"""GET over HTTP with redirects, proxies and credentials, on the standard library's :mod:`http.client`.

Bodies are read straight into the pipeline's buffers, byte for byte as the server keeps them. Credentials go to the server
that they were meant for and are dropped when a redirect leads elsewhere. Messages show URLs without user names, passwords
and query values.
"""

import http.client
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # undocumented, stable

from agent.errors import ImageDownloadError
from agent.images.sources.address import usable
from agent.images.sources.pace import Pace, paced_response
from agent.protocol.image_rules import basic_authorization
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import MOST_REDIRECTS, follow, shown_url

_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (408, 425, 429)
_GZIP = ("gzip", "x-gzip")
_PORTS = {"http": 80, "https": 443}
_USER_AGENT = "ingot-agent"
_SO_RCVBUFFORCE = 33
"""Linux, include/uapi/asm-generic/socket.h; Python has no name for it."""
_WINDOW_BYTES = 3 << 20


class TryAgain(Exception):
    """The server or the road to it failed in a way that may pass."""


class HttpRefused(ImageDownloadError):
    """The server at ``url`` answered with a status that will not pass; ``challenges`` are its ``WWW-Authenticate`` headers."""

    def __init__(
        self, message: str, *, url: str, answered: int, challenges: tuple[str, ...]
    ) -> None:
        super().__init__(message)
        self.url = url
        self.answered = answered
        self.challenges = challenges


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How servers are reached.

    ``authorization`` is sent to the origin (scheme, host, port) of ``authorized_url`` only; ``proxies`` maps a scheme to
    a proxy's URL; ``pace`` bounds each connect and each read, and what must come in that time.
    """

    authorization: str | None = field(default=None, repr=False)
    authorized_url: str = ""
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    no_proxy: str = ""
    tls: ssl.SSLContext | None = None
    pace: Pace = field(default_factory=Pace)

    def get(self, url: str, headers: Mapping[str, str]) -> "Reply":
        """Send a GET; see :func:`get`."""
        return get(url, self, headers)


def masked(url: str) -> str:
    """Return ``url`` fit for messages: no user name, no password, no query values, no fragment."""
    return shown_url(url)


class Reply:
    """A response whose body is read piece by piece; use as a context manager."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, url: str
    ) -> None:
        self._connection = connection
        self._response = response
        self.url = url
        self.status = response.status
        self.reason = response.reason
        self.headers = response.headers
        length = response.length
        self.body_bytes: int | None = length
        """Size of the body; ``None`` = the server does not say."""
        self._left = length

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection."""
        self._response.close()
        self._connection.close()

    def read_into(self, view: memoryview) -> int:
        """Read at least one byte and at most what one read of the socket gives; 0 = the body's end.

        Raises:
            TryAgain: The connection broke, stalled or ended early.
        """
        try:
            if self._left is None:
                piece = self._response.read1(len(view))
                view[: len(piece)] = piece
                return len(piece)
            if self._left == 0:
                return 0
            count = self._response.fp.readinto1(view[: self._left])
        except (OSError, http.client.HTTPException) as error:
            raise TryAgain(_reason(error)) from error
        if count == 0:
            raise TryAgain(f"the server closed the connection {self._left} bytes too early")
        self._left -= count
        return count

    def read(self, limit_bytes: int) -> bytes:
        """Return the rest of the body.

        Raises:
            ImageDownloadError: It is longer than ``limit_bytes``.
            TryAgain: The connection broke.
        """
        body = bytearray()
        piece = memoryview(bytearray(1 << 16))
        while count := self.read_into(piece):
            body += piece[:count]
            if len(body) > limit_bytes:
                raise ImageDownloadError(
                    f"{masked(self.url)}: longer than the {limit_bytes} bytes that are allowed"
                )
        return bytes(body)


def get(url: str, access: Access, headers: Mapping[str, str] | None = None) -> Reply:
    """Send a GET and follow redirects.

    Returns:
        A reply with status 200, 206, 412 or 416; the caller closes it.

    Raises:
        ImageDownloadError: Another status that will not pass, or a URL that cannot be used.
        TryAgain: No connection, a time-out, or a status that may pass (5xx, 408, 425, 429).
    """
    target = usable(url)
    for _ in range(MOST_REDIRECTS + 1):
        reply = _get_once(target, access, headers or {})
        if reply.status not in _REDIRECTS:
            return _accepted(reply, url)
        location = reply.headers.get("Location", "")
        reply.close()
        target = _redirected(target, location, url)
    raise ImageDownloadError(
        f"{masked(url)}: more than {MOST_REDIRECTS} redirects, the last to {masked(target)};"
        " correct the server or give the final URL"
    )


def _redirected(target: str, location: str, url: str) -> str:
    try:
        return follow(target, location)
    except Refusal as error:
        raise ImageDownloadError(f"{masked(url)}: {error}") from error


def _accepted(reply: Reply, url: str) -> Reply:
    if reply.status in (200, 206, 412, 416):
        _require_identity(reply)
        return reply
    reply.close()
    said = f"{masked(url)}: HTTP status {reply.status} {reply.reason}"
    if reply.url != url:
        said += f" (after a redirect to {masked(reply.url)})"
    if reply.status in _BUSY or reply.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        raise TryAgain(said)
    if reply.status in (401, 403):
        said += "; check the image's credentials (image_request_authorization, user and password)"
    elif reply.status in (404, 410):
        said += "; check the image's URL"
    challenges = tuple(reply.headers.get_all("WWW-Authenticate") or ())
    raise HttpRefused(said, url=reply.url, answered=reply.status, challenges=challenges)


def _require_identity(reply: Reply) -> None:
    """Refuse a body that the server packed for the transfer: neither sizes nor checksums are those of the file.

    A file that is gzip itself may carry ``Content-Encoding: gzip``: several servers label by the name's ending and send
    what they keep.
    """
    encoding = reply.headers.get("Content-Encoding", "identity").strip().lower()
    is_gzip_file = urlsplit(reply.url).path.endswith((".gz", ".tgz"))
    if encoding in ("", "identity") or (encoding in _GZIP and is_gzip_file):
        return
    reply.close()
    raise ImageDownloadError(
        f"{masked(reply.url)}: the server packs the file as {encoding!r} on the way although it was asked not to;"
        " turn compression off for images there"
    )


def _get_once(url: str, access: Access, headers: Mapping[str, str]) -> Reply:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ImageDownloadError(f"{masked(url)}: only http and https URLs can be fetched")
    sent = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity", "Connection": "close"}
    sent |= headers
    if authorization := _authorization(parts, access):
        sent["Authorization"] = authorization
    connection: http.client.HTTPConnection | None = None
    try:
        connection, target = _connect(parts, access, sent)
        connection.response_class = paced_response(access.pace)
        connection.connect()
        _widen(connection.sock)
        connection.request("GET", target, headers=sent)
        return Reply(connection, connection.getresponse(), url)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, ssl.SSLCertVerificationError):
            raise ImageDownloadError(
                f"{masked(url)}: the server's certificate is not trusted: {error.verify_message};"
                " renew it, or name its authority in the agent's setting image_ca or image_ca_file"
            ) from error
        if isinstance(error, ValueError):
            raise ImageDownloadError(f"{masked(url)}: not a usable URL or header") from error
        raise TryAgain(f"{masked(url)}: {_reason(error)}") from error


def _widen(connected: socket.socket) -> None:
    """Let more be under way than a small machine's kernel would: 1 Gbit/s with 20 ms round trip needs 2.5 MB.

    The kernel's own limit is a share of the memory (tcp(7), ``tcp_rmem``). Without the right to go beyond it, that limit stays.
    """
    with suppress(PermissionError):
        connected.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _WINDOW_BYTES)


def _authorization(parts: SplitResult, access: Access) -> str | None:
    if parts.username:
        return basic_authorization(unquote(parts.username), unquote(parts.password or ""))
    if not access.authorization:
        return None
    return access.authorization if _may_share(urlsplit(access.authorized_url), parts) else None


def _may_share(origin: SplitResult, target: SplitResult) -> bool:
    """Whether credentials for ``origin`` may go to ``target``: the same origin, or its upgrade from http to https."""
    same_host = origin.hostname == target.hostname
    before, after = _scheme_and_port(origin), _scheme_and_port(target)
    return same_host and (before == after or (before, after) == (("http", 80), ("https", 443)))


def _scheme_and_port(parts: SplitResult) -> tuple[str, int]:
    return parts.scheme, parts.port or _PORTS.get(parts.scheme, 0)


def _connect(
    parts: SplitResult, access: Access, headers: dict[str, str]
) -> tuple[http.client.HTTPConnection, str]:
    """Return an unopened connection and the request target; adds proxy headers."""
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    proxy = urlsplit(access.proxies.get(parts.scheme, ""))
    via = proxy.hostname
    if via and access.no_proxy and proxy_bypass_environment(host, {"no": access.no_proxy}):
        via = None
    via_port = proxy.port or _PORTS.get(proxy.scheme, 80)
    proxy_headers = {}
    if via and proxy.username:
        login = basic_authorization(unquote(proxy.username), unquote(proxy.password or ""))
        proxy_headers["Proxy-Authorization"] = login
    if parts.scheme == "https":
        tls = access.tls or ssl.create_default_context()
        secure = http.client.HTTPSConnection(
            via or host, via_port if via else port, timeout=access.pace.timeout_s, context=tls
        )
        if via:
            secure.set_tunnel(host, port, proxy_headers)
        return secure, target
    if via:
        headers |= proxy_headers
        shown_host = parts.netloc.rpartition("@")[2]
        target = urlunsplit(("http", shown_host, parts.path or "/", parts.query, ""))
        return http.client.HTTPConnection(via, via_port, timeout=access.pace.timeout_s), target
    return http.client.HTTPConnection(host, port, timeout=access.pace.timeout_s), target


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "nothing came for the whole time limit"
    return str(error) or type(error).__name__
