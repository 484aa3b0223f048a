"""GET over HTTP with redirects, proxies and credentials.

Bodies are read straight into the pipeline's buffers, byte for byte as the server keeps them. Credentials go to the server
that they were meant for and are dropped when a redirect leads elsewhere. Messages show URLs without user names, passwords
and query values.
"""

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import urllib3.exceptions

from agent.errors import ImageDownloadError
from agent.images.sources.address import usable
from agent.images.sources.connections import connect
from agent.images.sources.pace import Pace
from agent.images.sources.proxies import PORTS, proxy_for
from agent.images.sources.reply import Reply, TryAgain, reason_of
from agent.protocol.clocks import date_problem
from agent.protocol.image_rules import basic_authorization
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import MOST_REDIRECTS, follow, shown_url

_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (408, 425, 429)
_GZIP = ("gzip", "x-gzip")
_USER_AGENT = "ingot-agent"


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


def get(url: str, access: Access, headers: Mapping[str, str] | None = None) -> Reply:
    """Send a GET and follow redirects.

    Returns:
        A reply with status 200, 206, 412 or 416; the caller closes it.

    Raises:
        ImageDownloadError: Another status that will not pass, or a URL that cannot be used.
        TryAgain: No connection, a time-out, or a status that may pass (5xx, 408, 425, 429).
    """
    target, access = _with_own_login(usable(url), access)
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


def _with_own_login(url: str, access: Access) -> tuple[str, Access]:
    """Return ``url`` without its user name and password, which become the credentials for its origin."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, access
    login = basic_authorization(unquote(parts.username), unquote(parts.password or ""))
    url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return url, replace(access, authorization=login, authorized_url=url)


def _redirected(target: str, location: str, url: str) -> str:
    try:
        return follow(target, location)
    except Refusal as error:
        raise ImageDownloadError(f"{masked(url)}: {error}") from error


def _accepted(reply: Reply, url: str) -> Reply:
    if reply.status in (200, 206, 412, 416):
        try:
            _undo_coding(reply)
        except BaseException:
            reply.close()
            raise
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


def _undo_coding(reply: Reply) -> None:
    """Read what the server packed for the way, although it was asked not to, as the file that it keeps (RFC 9110, 8.4).

    A file that is gzip itself may carry ``Content-Encoding: gzip``: several servers label by the name's ending and send
    what they keep.

    Raises:
        ImageDownloadError: It is packed in another way.
        TryAgain: The connection broke.
    """
    coding = reply.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in ("", "identity") or reply.status not in (200, 206):
        return
    if coding not in _GZIP:
        raise ImageDownloadError(
            f"{masked(reply.url)}: the server packs the file as {coding!r} on the way although it was asked not to;"
            " turn compression off for images there"
        )
    if not urlsplit(reply.url).path.endswith((".gz", ".tgz")):
        reply.unpack()
    elif is_from_the_start(reply):
        reply.unpack_if_packed_twice()


def is_from_the_start(reply: Reply) -> bool:
    """Whether the body begins with the file's first byte."""
    given = reply.headers.get("Content-Range", "")
    return reply.status != http.HTTPStatus.PARTIAL_CONTENT or given.startswith("bytes 0-")


def _get_once(url: str, access: Access, headers: Mapping[str, str]) -> Reply:
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ImageDownloadError(f"{masked(url)}: only http and https URLs can be fetched")
    sent = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity", "Connection": "close"}
    sent |= headers
    if authorization := _authorization(parts, access):
        sent["Authorization"] = authorization
    proxy = proxy_for(url, access.proxies, access.no_proxy)
    connection: http.client.HTTPConnection | None = None
    try:
        connection, target, more = connect(parts, proxy, access.tls, access.pace)
        http.client.HTTPConnection.request(connection, "GET", target, headers=sent | more)
        return Reply(connection, http.client.HTTPConnection.getresponse(connection), url)
    except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError, ValueError) as error:
        if connection is not None:
            connection.close()
        if words := date_problem(error, url):
            raise ImageDownloadError(f"{masked(url)}: the server {words}") from error
        if isinstance(error, ssl.SSLCertVerificationError):
            raise ImageDownloadError(
                f"{masked(url)}: the server's certificate is not trusted: {error.verify_message};"
                " renew it, or name its authority in the agent's setting image_ca or image_ca_file"
            ) from error
        if isinstance(error, ValueError) and not isinstance(error, urllib3.exceptions.HTTPError):
            raise ImageDownloadError(f"{masked(url)}: not a usable URL or header") from error
        way = "" if proxy is None else f"by the proxy {proxy.host}:{proxy.port}: "
        raise TryAgain(f"{masked(url)}: {way}{reason_of(error)}") from error


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
    return parts.scheme, parts.port or PORTS.get(parts.scheme, 0)
