"""Connections to web servers by :mod:`urllib3`: proxies, CONNECT, TLS within TLS; their replies are read by :mod:`http.client`.

urllib3's connections are those of http.client with all of that added. Its pools and responses are left out: bodies are read
straight into the pipeline's buffers.
"""

import http.client
import socket
import ssl
from contextlib import suppress
from urllib.parse import SplitResult, urlunsplit

from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig
from urllib3.util import Url, make_headers
from urllib3.util.ssltransport import SSLTransport

from agent.images.sources.pace import Pace, paced_response
from agent.images.sources.proxies import PORTS, Proxy

_SO_RCVBUFFORCE = 33
"""Linux, include/uapi/asm-generic/socket.h; Python has no name for it."""
_WINDOW_BYTES = 3 << 20


def connect(
    parts: SplitResult, proxy: Proxy | None, tls: ssl.SSLContext | None, pace: Pace
) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """Connect to the server of a URL.

    Args:
        parts: The URL; http or https.
        proxy: What to go through; ``None`` = nothing.
        tls: For the server and for a proxy that speaks https; ``None`` = the system's certificates.
        pace: For the connection and everything that is read from it.

    Returns:
        The connection, the request's target, and headers for the proxy.

    Raises:
        OSError, http.client.HTTPException, urllib3.exceptions.HTTPError: There is no way.
    """
    host, port = (parts.hostname or "").replace("%25", "%"), parts.port or PORTS[parts.scheme]
    target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    headers: dict[str, str] = {}
    if proxy is None:
        connection = _plain(parts.scheme, host, port, tls, pace)
    else:
        login = make_headers(proxy_basic_auth=_login(proxy)) if proxy.user is not None else {}
        if parts.scheme == "https":
            connection = _tunnel(proxy, host, port, login, tls, pace)
        else:
            headers = dict(login)
            connection = _plain(proxy.scheme, proxy.host, proxy.port, tls, pace)
            place = parts.netloc.rpartition("@")[2]
            target = urlunsplit(("http", place, parts.path or "/", parts.query, ""))
    connection.response_class = paced_response(pace)
    try:
        connection.connect()
        _widen(connection.sock)
    except BaseException:
        connection.close()
        raise
    return connection, target, headers


def _login(proxy: Proxy) -> str:
    return f"{proxy.user}:{proxy.password}"


def _plain(
    scheme: str, host: str, port: int, tls: ssl.SSLContext | None, pace: Pace
) -> HTTPConnection:
    if scheme == "https":
        return HTTPSConnection(
            host, port, timeout=pace.timeout_s, ssl_context=tls or ssl.create_default_context()
        )
    return HTTPConnection(host, port, timeout=pace.timeout_s)


def _tunnel(
    proxy: Proxy,
    host: str,
    port: int,
    login: dict[str, str],
    tls: ssl.SSLContext | None,
    pace: Pace,
) -> HTTPConnection:
    context = tls or ssl.create_default_context()
    connection = HTTPSConnection(
        proxy.host,
        proxy.port,
        timeout=pace.timeout_s,
        ssl_context=context,
        proxy=Url(scheme=proxy.scheme, host=proxy.host, port=proxy.port),
        proxy_config=ProxyConfig(
            ssl_context=context,
            use_forwarding_for_https=False,
            assert_hostname=None,
            assert_fingerprint=None,
        ),
    )
    connection.set_tunnel(host, port, login, scheme=proxy.scheme)
    return connection


def _widen(connected: socket.socket | SSLTransport) -> None:
    """Let more be under way than a small machine's kernel would: 1 Gbit/s with 20 ms round trip needs 2.5 MB.

    The kernel's own limit is a share of the memory (tcp(7), ``tcp_rmem``). Without the right to go beyond it, that limit stays.
    """
    plain = connected.socket if isinstance(connected, SSLTransport) else connected
    with suppress(PermissionError):
        plain.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _WINDOW_BYTES)
