"""A real web server on loopback that serves bytes and misbehaves on demand."""

import base64
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PIECE = 1 << 18


@dataclass(kw_only=True)
class Served:
    """One file and its faults.

    ``cuts``: after how many body bytes the next replies break off (taken from the front; -1 = not this one); ``stalls``
    likewise, but the connection stays open in silence; ``etags``: one per request, the last one stays; ``is_empty``: 206 and no byte.
    """

    content: bytes
    has_ranges: bool = True
    has_length: bool = True
    resets: bool = False
    is_empty: bool = False
    cuts: list[int] = field(default_factory=list)
    stalls: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    etags: list[str] = field(default_factory=lambda: ['"one"'])
    login: str | None = None
    location: str | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request that arrived."""

    path: str
    range_text: str | None
    authorization: str | None
    if_range: str | None
    host: str


class ImageServer(ThreadingHTTPServer):
    """Serves ``files`` and remembers ``requests``."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, Served] = {}
        self.requests: list[Seen] = []
        self.lock = threading.Lock()
        self.closing = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet: clients that go away are what these tests are about."""

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def serve(self, name: str, content: bytes, **faults: object) -> str:
        """Serve ``content`` and return its URL."""
        self.files["/" + name] = Served(content=content, **faults)  # type: ignore[arg-type]  # test's own words
        return self.url(name)

    def ranges(self) -> list[str | None]:
        return [request.range_text for request in self.requests]


class _Handler(BaseHTTPRequestHandler):
    server: ImageServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Keep quiet."""

    def do_GET(self) -> None:
        path = re.sub(r"^http://[^/]+", "", self.path).partition("?")[0]
        served = self.server.files.get(path)
        with self.server.lock:
            self.server.requests.append(
                Seen(
                    path=self.path,
                    range_text=self.headers["Range"],
                    authorization=self.headers["Authorization"],
                    if_range=self.headers["If-Range"],
                    host=self.headers["Host"],
                )
            )
            cut = served.cuts.pop(0) if served and served.cuts else -1
            stall = served.stalls.pop(0) if served and served.stalls else -1
            status = served.statuses.pop(0) if served and served.statuses else 200
            etag = ""
            if served:
                etag = served.etags.pop(0) if len(served.etags) > 1 else served.etags[0]
        if served is None:
            self.send_error(404)
        elif served.location:
            self.send_response(302)
            self.send_header("Location", served.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif served.login and self.headers["Authorization"] != _basic(served.login):
            self.send_error(401)
        elif served.is_empty:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes 0-0/{len(served.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif status != 200:
            self.send_error(status)
        else:
            self._send(served, etag, cut, stall)

    def _send(self, served: Served, etag: str, cut: int, stall: int) -> None:
        start, end, total = 0, len(served.content), len(served.content)
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        stale = self.headers["If-Range"] not in (None, etag)
        if asked and served.has_ranges and not stale:
            start = int(asked[1])
            if start >= total:
                self.send_error(416)
                return
            end = min(int(asked[2]) + 1, total) if asked[2] else total
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{total}")
        else:
            self.send_response(200)
        if etag:
            self.send_header("ETag", etag)
        if served.has_length:
            self.send_header("Content-Length", str(end - start))
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        body = memoryview(served.content)[start:end]
        stop = min([n for n in (cut, stall) if n >= 0], default=len(body))
        try:
            for position in range(0, min(stop, len(body)), _PIECE):
                self.wfile.write(body[position : min(position + _PIECE, stop)])
            self.wfile.flush()
            if stall >= 0:
                self.server.closing.wait(30)
            elif served.resets and cut >= 0:
                time.sleep(0.05)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                self.connection.close()
        except OSError:
            return  # the client had enough


def _basic(login: str) -> str:
    return "Basic " + base64.b64encode(login.encode()).decode()


@contextmanager
def image_server() -> Iterator[ImageServer]:
    """Run a server for the time of a test."""
    server = ImageServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
