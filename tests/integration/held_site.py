"""A site behind the HTTP server whose application can be made to wait, and strangers that hold its connections."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flask import Flask, Response, request

from agent.protocol.http_server.bounds import Bounds, PoolSize
from agent.protocol.http_server.files import FileRange
from agent.protocol.http_server.server import BoundedServer

MIB = 1024 * 1024
FILE_BYTES = 32 * MIB
STRANGERS = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
GET = b"GET /hello HTTP/1.1\r\nHost: x\r\n"


class Site:
    """A server with an application that can be made to wait."""

    def __init__(self, file: Path, **bounds: float) -> None:
        self.go = threading.Event()
        self.ended: list[bool] = []
        self._file = file
        self.server = BoundedServer(
            ("127.0.0.1", 0),
            self._app(),
            pools={"people": PoolSize.of(8), "files": PoolSize.of(4)},
            route=lambda path: "files" if path.startswith("/files") else "people",
            bounds=Bounds(body_bytes=64 * MIB, counts_loopback=True, **bounds),  # type: ignore[arg-type]
            shutdown_timeout=0.1,
        )
        self.errors: list[str] = []
        self.server.error_log = self._note  # type: ignore[method-assign]

    def _note(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        if level >= logging.ERROR or traceback:
            self.errors.append(msg)

    def _app(self) -> Flask:
        app = Flask("site")

        @app.get("/hello")
        def _hello() -> str:
            return "hello"

        @app.post("/echo")
        def _echo() -> Response:
            return Response(str(len(request.get_data())))

        @app.get("/wait")
        def _wait() -> str:
            self.go.wait(60)
            return "hello"

        @app.get("/endless")
        def _endless() -> Response:
            return Response(b"x" * 65536 for _ in iter(int, 1))

        @app.get("/files/large")
        def _file() -> Response:
            reply = Response(direct_passthrough=True)
            reply.content_length = FILE_BYTES
            if request.method == "HEAD":
                return reply
            reply.response = FileRange(
                self._file,
                0,
                FILE_BYTES,
                lambda ended: self.ended.append(ended.sent_bytes == ended.wanted_bytes),
            )
            return reply

        return app

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        port = self.server.bind_addr[1]
        return socket.create_connection(("127.0.0.1", port), 30, source_address=(address, 0))

    def ask(self, sent: bytes = GET, address: str = "127.0.0.1") -> bytes:
        """Return the whole answer."""
        with self.connect(address) as client:
            client.sendall(sent + b"Connection: close\r\n\r\n")
            found = b""
            while piece := client.recv(MIB):
                found += piece
            return found

    @property
    def waiting_bytes(self) -> int:
        return self.server.loop.arriving_bytes


def large_file(folder: Path) -> Path:
    path = folder / "large"
    path.write_bytes(bytes(range(256)) * (FILE_BYTES // 256))
    return path


@contextmanager
def running(file: Path, **bounds: float) -> Iterator[Site]:
    site = Site(file, **bounds)
    site.server.prepare()
    threading.Thread(target=site.server.serve, daemon=True).start()
    try:
        yield site
    finally:
        site.go.set()
        site.server.stop()


@contextmanager
def held(
    site: Site, count: int, sent: bytes = b"", strangers: tuple[str, ...] = STRANGERS
) -> Iterator[list[socket.socket]]:
    """Hold connections from several addresses that have sent this."""
    with ExitStack() as stack:
        clients = []
        for number in range(count):
            client = stack.enter_context(site.connect(strangers[number % len(strangers)]))
            try:
                client.sendall(sent)
            except ConnectionError:  # it had to give way
                continue
            clients.append(client)
        yield clients
