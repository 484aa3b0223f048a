"""urllib3 with budgeted sockets: every connection, tunnels through proxies included, spends the budget of its call."""

import http.client
import os
import queue
import socket
import ssl
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import requests.utils
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import LocationParseError

from controller.peers.authorities import trusting
from controller.peers.budget import BudgetedSocket, BudgetedTlsSocket, current
from controller.peers.pinned import PinnedTls

_AddressInfo = tuple[Any, Any, int, str, Any]
_Authorities = tuple[str, bool, float]
"""A file or folder, whether the environment names it, and when it was changed."""
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_ENDED = "the connection ended while the request was sent"
"""urllib3 passes over a broken pipe while it sends, and would then use the socket that is no more."""


class _Connection(HTTPConnection):
    def getresponse(self) -> Any:
        if self.sock is None:
            raise http.client.RemoteDisconnected(_ENDED)
        return super().getresponse()

    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port or 80)


class _TlsConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        if self.sock is None:
            raise http.client.RemoteDisconnected(_ENDED)
        return super().getresponse()

    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port or 443)


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def direct(trusted_pem: str | None) -> urllib3.PoolManager:
    """Return connections without proxies.

    Args:
        trusted_pem: The only certificate or authority that is trusted; ``None`` = the system's authorities.
    """
    return _budgeted(urllib3.PoolManager(ssl_context=_tls(trusted_pem)))


def direct_with(tls: ssl.SSLContext) -> urllib3.PoolManager:
    """Return connections without proxies whose trust the caller has chosen; several may have the same."""
    if isinstance(tls, PinnedTls):
        return _budgeted(urllib3.PoolManager(ssl_context=tls, assert_hostname=False))
    tls.sslsocket_class = BudgetedTlsSocket
    return _budgeted(urllib3.PoolManager(ssl_context=tls))


def by_proxy(proxy: str) -> urllib3.PoolManager:
    """Return connections by a proxy; a user and a password in its URL are for it."""
    address = proxy if "://" in proxy else f"http://{proxy}"
    user, password = requests.utils.get_auth_from_url(address)
    login = urllib3.make_headers(proxy_basic_auth=f"{user}:{password}") if user else None
    tls = _tls(None)
    manager = urllib3.ProxyManager(
        address, proxy_headers=login, proxy_ssl_context=tls, ssl_context=tls
    )
    return _budgeted(manager)


def by_environment(url: str) -> urllib3.PoolManager:
    """Return connections to ``url`` by the proxy that the environment names for it, if there is one."""
    proxies = requests.utils.get_environ_proxies(url)
    proxy = requests.utils.select_proxy(url, proxies)
    return by_proxy(proxy) if proxy else direct(None)


def system_tls() -> ssl.SSLContext:
    """Return what trusts the system's authorities as they are now: the same object until they change; not to be altered.

    Raises:
        OSError: What the environment names cannot be read.
    """
    return _system_tls(_authorities())


def _budgeted(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


def _tls(trusted_pem: str | None) -> ssl.SSLContext:
    if trusted_pem is None:
        return system_tls()
    context = trusting(trusted_pem)
    context.sslsocket_class = BudgetedTlsSocket
    return context


@lru_cache(maxsize=1)
def _system_tls(authorities: tuple[_Authorities, ...]) -> ssl.SSLContext:
    """Return what trusts the system's authorities: one for all peers, for reading these takes 30 ms and they take a megabyte."""
    context = ssl.create_default_context()
    for path, is_extra, _changed_at in authorities:
        if is_extra:
            context.load_verify_locations(**{_kind(path): path})
    context.sslsocket_class = BudgetedTlsSocket
    return context


def _authorities() -> tuple[_Authorities, ...]:
    """Return where the system's authorities are, with those that the environment adds, as they are now."""
    usual = ssl.get_default_verify_paths()
    paths = [(path, False) for path in (usual.cafile, usual.capath) if path]
    paths += [(path, True) for name in _CA_VARIABLES if (path := os.environ.get(name))]
    return tuple((path, is_extra, _changed_at(path)) for path, is_extra in paths)


def _changed_at(path: str) -> float:
    try:
        return Path(path).stat().st_mtime
    except OSError:
        return 0.0


def _kind(path: str) -> str:
    return "capath" if os.path.isdir(path) else "cafile"  # noqa: PTH112  # as OpenSSL takes them: texts


def _connect(host: str, port: int) -> BudgetedSocket:
    """Connect to the first address of the host that answers, each with its share of the time.

    Raises:
        OSError: None does; ``TimeoutError`` if the time is up.
    """
    budget = current()
    addresses = resolve(host.strip("[]"), port, budget.left_s())
    error: OSError = ConnectionRefusedError("the name has no address")
    for tried, (family, kind, protocol, _name, address) in enumerate(addresses):
        connection = BudgetedSocket(family, kind, protocol)
        try:
            budget.check_address(address[0])
            connection.settimeout(budget.left_s() / (len(addresses) - tried))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(address)
        except OSError as why:
            connection.close()
            error = why
        else:
            return connection
    raise error


def resolve(host: str, port: int, left_s: float) -> list[_AddressInfo]:
    """Look the name up within the time; the library's own look-up cannot be interrupted, so a thread is left to it.

    Raises:
        OSError: It has no address; ``TimeoutError`` if the time is up.
        LocationParseError: It can be no name.
    """
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):  # a name, not an address
        found: queue.SimpleQueue[list[_AddressInfo] | Exception] = queue.SimpleQueue()
    thread = threading.Thread(target=_look_up, args=(host, port, found), daemon=True)
    thread.start()
    try:
        answer = found.get(timeout=left_s)
    except queue.Empty:
        raise TimeoutError("the name server does not answer") from None
    if isinstance(answer, UnicodeError):  # a label that is empty or too long
        raise LocationParseError(host) from answer
    if isinstance(answer, Exception):
        raise answer
    return answer


def _look_up(
    host: str, port: int, found: "queue.SimpleQueue[list[_AddressInfo] | Exception]"
) -> None:
    try:
        found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        found.put(error)
