"""Addresses of peers on the web: taken apart, and followed. Pure."""

from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import urllib3

from agent.protocol.refusal import Refusal
from agent.protocol.web_address import follow
from controller.peers.failures import BadAddress, PeerMisbehaved

_PORTS = {"http": 80, "https": 443}


def redirect_target(url: str, location: str) -> str:
    """Return where a redirect leads; a user and a password go on to the same origin alone. Pure.

    Raises:
        PeerMisbehaved: To no web address, or from https to http.
    """
    try:
        target = follow(url, location)
    except Refusal as error:
        raise PeerMisbehaved(f"answers a redirect that may not be followed: {error}") from error
    source, parts = split(url), split(target)
    if source.username is not None and parts.username is None and _origin(source) == _origin(parts):
        user = source.netloc.rpartition("@")[0]
        return urlunsplit((parts.scheme, f"{user}@{parts.netloc}", *parts[2:]))
    return target


def split(url: str) -> SplitResult:
    """Take a web address apart. Raises ``BadAddress``."""
    try:
        parts = urlsplit(url)
        is_usable = bool(parts.hostname) and parts.scheme in _PORTS and parts.port != 0
    except ValueError as error:
        raise BadAddress("its URL cannot be read") from error
    if not is_usable:
        raise BadAddress("its URL is no http or https URL")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


def without_user(parts: SplitResult) -> str:
    """Return the address that is asked for: no user, no password, no fragment."""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))


def login(parts: SplitResult) -> dict[str, str]:
    """Return the header that the user and the password in an address mean; nothing without them."""
    if parts.username is None:
        return {}
    said = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return urllib3.make_headers(basic_auth=said)
