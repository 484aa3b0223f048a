"""Images come through real proxies, plain and with TLS, for http and https servers, where curl comes through too."""

import base64
import http.client
import random
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

import pytest

from agent.errors import ImageDownloadError
from agent.images.sources.http import Access
from agent.images.sources.source import HttpSource, RetryPolicy
from tests.integration.disk_images import run
from tests.integration.image_server import ImageServer, image_server

CONTENT = random.Random(9).randbytes(900_000)  # content of a test image
QUICK = RetryPolicy(tries=3, first_pause_s=0, sleep=lambda _s: None)
LOGIN = "tux:p@ss"


class ProxyServer(ThreadingTCPServer):
    """Forwards http and tunnels CONNECT for who knows the password; remembers the request lines."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _ProxyHandler)
        self.lines: list[str] = []
        if tls is not None:
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet: clients that go away are no fault here."""


class _ProxyHandler(StreamRequestHandler):
    server: ProxyServer
    rbufsize = 0

    def handle(self) -> None:
        line = self.rfile.readline().decode().strip()
        headers = http.client.parse_headers(self.rfile)
        self.server.lines.append(line)
        method, target, _ = line.split()
        login = "Basic " + base64.b64encode(LOGIN.encode()).decode()
        if headers["Proxy-Authorization"] != login:
            self.wfile.write(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
            )
            return
        place = target if method == "CONNECT" else urlsplit(target).netloc
        host, _, port = place.rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            if method == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                parts = urlsplit(target)
                del headers["Proxy-Authorization"]
                told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                server.sendall(f"GET {parts.path} HTTP/1.1\r\n{told}\r\n".encode())
            back = threading.Thread(target=_copy, args=(server, self.request), daemon=True)
            back.start()
            _copy(self.request, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@dataclass(frozen=True, kw_only=True)
class Site:
    """Two servers with the same file, and two proxies; one certificate for all."""

    server: ImageServer
    secured: ImageServer
    proxies: dict[str, ProxyServer]
    authority: Path
    trusted: ssl.SSLContext = field(repr=False)

    def url(self, scheme: str) -> str:
        server = self.server if scheme == "http" else self.secured
        return f"{scheme}://localhost:{server.server_port}/i"

    def proxy(self, scheme: str, login: str = "tux:p%40ss") -> str:
        return f"{scheme}://{login}@localhost:{self.proxies[scheme].server_address[1]}"

    def read(self, url: str, proxy: str, no_proxy: str = "") -> bytes:
        access = Access(
            proxies={"http": proxy, "https": proxy}, no_proxy=no_proxy, tls=self.trusted
        )
        source = HttpSource(url, access, QUICK)
        room = memoryview(bytearray(len(CONTENT) + 1))
        count = source.read_into(room)
        source.disconnect()
        return bytes(room[:count])

    def curl(self, url: str, proxy: str) -> bytes:
        options = ("--cacert", self.authority, "--proxy-cacert", self.authority, "--proxy", proxy)
        done = subprocess.run(
            ["curl", "-sf", *options, url], capture_output=True, check=True, timeout=60
        )
        return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tls")
    files = ("-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem")
    named = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    run("openssl", "req", "-x509", "-days", "2", "-newkey", "rsa:2048", "-nodes", *named, *files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with (
        image_server() as server,
        image_server() as secured,
        _running(ProxyServer(None)) as plain,
        _running(ProxyServer(context)) as with_tls,
    ):
        secured.socket = context.wrap_socket(
            secured.socket, server_side=True, do_handshake_on_connect=False
        )
        for one in (server, secured):
            one.serve("i", CONTENT)
        yield Site(
            server=server,
            secured=secured,
            proxies={"http": plain, "https": with_tls},
            authority=folder / "cert.pem",
            trusted=ssl.create_default_context(cafile=str(folder / "cert.pem")),
        )


@contextmanager
def _running(proxy: ProxyServer) -> Iterator[ProxyServer]:
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()


@pytest.mark.parametrize("proxy", ["http", "https"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_image_comes_through_a_proxy_as_with_curl(site: Site, scheme: str, proxy: str) -> None:
    lines = site.proxies[proxy].lines
    lines.clear()
    assert site.read(site.url(scheme), site.proxy(proxy)) == CONTENT
    ours = list(lines)
    lines.clear()
    assert site.curl(site.url(scheme), site.proxy(proxy)) == CONTENT
    assert [line.split()[:2] for line in ours] == [line.split()[:2] for line in lines]
    assert ours[0].split()[0] == ("CONNECT" if scheme == "https" else "GET")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_without_a_scheme_is_an_http_proxy(site: Site, scheme: str) -> None:
    proxy = site.proxy("http").removeprefix("http://")
    assert site.read(site.url(scheme), proxy) == CONTENT == site.curl(site.url(scheme), proxy)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_download_through_a_proxy_is_resumed(site: Site, scheme: str) -> None:
    server = site.server if scheme == "http" else site.secured
    server.serve("i", CONTENT, cuts=[400_000])
    try:
        for proxy in ("http", "https"):
            server.files["/i"].cuts = [400_000]
            server.requests.clear()
            assert site.read(site.url(scheme), site.proxy(proxy)) == CONTENT
            assert server.ranges()[-1] == "bytes=400000-"
    finally:
        server.serve("i", CONTENT)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_named_without_its_password(site: Site, scheme: str) -> None:
    with pytest.raises(ImageDownloadError, match="407") as refused:
        site.read(site.url(scheme), site.proxy("http", login="tux:sesame"))
    assert "sesame" not in str(refused.value)


def test_a_proxy_that_is_not_there_is_named(site: Site) -> None:
    with pytest.raises(ImageDownloadError, match=r"by the proxy localhost:1: .*refused"):
        site.read(site.url("http"), "localhost:1")


def test_an_exempt_server_is_asked_directly(site: Site) -> None:
    url = site.url("http").replace("localhost", "127.0.0.1")
    assert site.read(url, "http://localhost:1", no_proxy="127.0.0.0/8") == CONTENT
    port = site.server.server_port
    assert site.read(site.url("http"), "http://localhost:1", f"localhost:{port}") == CONTENT
