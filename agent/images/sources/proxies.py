"""Which proxy a request goes through, as ``requests`` decides (the real agent uses it), and a little more. Pure.

``no_proxy`` is a list with commas: names and their subdomains, addresses, networks in CIDR notation, ``*``; each of the names and
addresses may have a port. What requests leaves out is added here: ports behind IPv4 addresses, standard ports, IPv6 networks.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

import requests.utils

from agent.errors import ImageDownloadError
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import encode_url, shown_url

PORTS = {"http": 80, "https": 443}
"""Standard ports of the schemes that can be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy that speaks ``scheme`` (http or https); ``user`` = ``None``: it wants no login."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str = field(default="", repr=False)


def proxy_for(url: str, proxies: Mapping[str, str], no_proxy: str) -> Proxy | None:
    """Return the proxy for ``url``; ``None`` = the server is asked directly.

    Args:
        url: What will be asked, encoded.
        proxies: Proxy's URL by scheme, by ``scheme://host``, or by ``all``; without a scheme of its own it is an http proxy.
        no_proxy: What is asked directly.

    Raises:
        ImageDownloadError: The proxy's URL cannot be used.
    """
    given = requests.utils.select_proxy(url, dict(proxies))
    if not given or _is_exempt(url, no_proxy):
        return None
    try:
        text = encode_url(given if "://" in given else f"http://{given.removeprefix('//')}")
    except Refusal as error:
        raise ImageDownloadError(f"the proxy's address cannot be used: {error}") from error
    parts = urlsplit(text)
    if parts.scheme not in PORTS:
        raise ImageDownloadError(
            f"{shown_url(text)}: a proxy must be http or https; correct image_http_proxy or image_https_proxy"
        )
    return Proxy(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or PORTS[parts.scheme],
        user=None if parts.username is None else unquote(parts.username),
        password=unquote(parts.password or ""),
    )


def _is_exempt(url: str, no_proxy: str) -> bool:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    entries = [one for text in no_proxy.split(",") if (one := _without_port(text.strip(), port))]
    if any(_is_in_network(host, entry) for entry in entries):
        return True
    return bool(entries) and requests.utils.should_bypass_proxies(url, ",".join(entries))


def _without_port(entry: str, port: int) -> str | None:
    """Return an entry without its port; ``None`` = it is about another port."""
    if entry.startswith("["):
        host, _, own = entry[1:].partition("]")
        own = own.removeprefix(":")
    elif entry.count(":") == 1:
        host, _, own = entry.partition(":")
    else:
        host, own = entry, ""
    return host if not own or own == str(port) else None


def _is_in_network(host: str, entry: str) -> bool:
    with suppress(ValueError):
        return ip_address(host) in ip_network(entry, strict=False)
    return False
