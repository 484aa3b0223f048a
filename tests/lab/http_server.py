"""A file server for tests that can be told to misbehave: HTTP/1.1, threads, ranges, ETags, and the faults of real servers.

    url = server.publish("image.qcow2", path)
    server.faults("image.qcow2").cut_after_bytes = 1_000_000     # as often as `cut_times` says
    server.requests                                              # what was asked for, and how far each answer got

Follows RFC 9110 section 14 for single ranges; anything else in a Range header is ignored, as the RFC allows.
"""

import hashlib
import re
import socket
import threading
import time
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import quote, unquote, urlsplit

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CHUNK_BYTES = 256 * 1024
_PIECES_PER_S = 20
"""How smooth a slow answer is."""


@dataclass(slots=True, kw_only=True)
class HttpFaults:
    """What is wrong with one file; change it at any time, it holds from the next request on."""

    status: int | None = None
    """Answer with this status and nothing else, for instance 404 or 503."""
    ranges: bool = True
    """False: answer every range request with the whole file (200)."""
    etag: bool = True
    """False: no ETag, so that a client cannot tell whether the file changed."""
    cut_after_bytes: int | None = None
    """Close the connection after this many bytes of the body."""
    cut_times: int | None = None
    """How often to cut; None = each time."""
    bytes_per_s: int | None = None
    """At most this fast."""
    silent_after_bytes: int | None = None
    """Send this much of the body and then nothing more, the connection left open."""
    content_length_delta: int = 0
    """Lie about the length by this many bytes."""


@dataclass(slots=True, kw_only=True)
class HttpRequest:
    """One request; ``sent_bytes`` counts the body so far, ``time_s`` is ``time.monotonic()`` at its beginning.

    ``status`` is 0 until the answer begins.
    """

    time_s: float
    method: str
    name: str
    range: str | None
    sender: str = ""
    """The address that it came from."""
    status: int = 0
    sent_bytes: int = 0


@dataclass(slots=True, kw_only=True)
class _File:
    content: Path | bytes
    faults: HttpFaults = field(default_factory=HttpFaults)

    def open(self) -> tuple[BinaryIO, int, str]:
        """Return the content to read, its length in bytes, and its ETag."""
        if isinstance(self.content, bytes):
            tag = hashlib.sha256(self.content).hexdigest()[:16]
            return BytesIO(self.content), len(self.content), f'"{tag}"'
        status = self.content.stat()
        return (
            self.content.open("rb"),
            status.st_size,
            f'"{status.st_mtime_ns:x}-{status.st_size:x}"',
        )


class HttpServer:
    """Serves published files on a listening socket until ``close``."""

    def __init__(self, listener: socket.socket) -> None:
        address, port = listener.getsockname()[:2]
        self.url = f"http://{address}:{port}"
        self._files: dict[str, _File] = {}
        self._requests: list[HttpRequest] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(listener, self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def publish(self, name: str, content: Path | bytes) -> str:
        """Serve ``content`` as ``name`` and return its URL; a second time replaces it, faults stay."""
        with self._lock:
            if name in self._files:
                self._files[name].content = content
            else:
                self._files[name] = _File(content=content)
        return f"{self.url}/{quote(name)}"

    def faults(self, name: str) -> HttpFaults:
        """Return the faults of a published file, to be changed in place."""
        return self._files[name].faults

    @property
    def requests(self) -> tuple[HttpRequest, ...]:
        """Every request, oldest first, as it stands now."""
        with self._lock:
            return tuple(replace(request) for request in self._requests)

    def close(self) -> None:
        """Stop serving; answers under way are cut."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def find(self, name: str) -> _File | None:
        with self._lock:
            return self._files.get(name)

    def note(self, request: HttpRequest) -> None:
        with self._lock:
            self._requests.append(request)

    def takes_a_cut(self, faults: HttpFaults) -> bool:
        """Tell whether this answer is to be cut, and count it."""
        with self._lock:
            if faults.cut_after_bytes is None or faults.cut_times == 0:
                return False
            if faults.cut_times is not None:
                faults.cut_times -= 1
            return True

    def wait(self, seconds: float) -> bool:
        """Sleep; False if the server is closing."""
        return not self._closing.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, owner: HttpServer) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.owner = owner

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that goes away is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Say nothing; ``HttpServer.requests`` has it all."""

    def _answer(self) -> None:
        request = HttpRequest(
            time_s=time.monotonic(),
            method=self.command,
            name=unquote(urlsplit(self.path).path).lstrip("/"),
            range=self.headers["Range"],
            sender=str(self.client_address[0]),
        )
        self.server.owner.note(request)
        file = self.server.owner.find(request.name)
        try:
            if file is None or file.faults.status is not None:
                self._refuse(request, 404 if file is None else file.faults.status or 404)
                return
            content, length, tag = file.open()
            with content:
                start, end, status = self._wanted(length, tag, file.faults)
                if status == 416:
                    self._refuse(request, status)
                    return
                request.status = status
                self._send_head(status, start, end, length, tag, file.faults)
                if self.command == "GET":
                    self._send_body(request, content, start, end, file.faults)
        except OSError:
            self.close_connection = True

    def _refuse(self, request: HttpRequest, status: int) -> None:
        request.status = status
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _wanted(self, length: int, tag: str, faults: HttpFaults) -> tuple[int, int, int]:
        """Return first byte, end byte (exclusive) and status of the answer."""
        match = _RANGE.fullmatch(self.headers["Range"] or "")
        same = self.headers["If-Range"] in {None, tag}
        if not (match and any(match.groups()) and same and faults.ranges):
            return 0, length, 200
        first, last = match.groups()
        if not first:
            return max(0, length - int(last)), length, 206
        start = int(first)
        end = min(length, int(last) + 1) if last else length
        return (start, end, 206) if start < end else (0, 0, 416)

    def _send_head(
        self, status: int, start: int, end: int, length: int, tag: str, faults: HttpFaults
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(end - start + faults.content_length_delta))
        if faults.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if faults.etag:
            self.send_header("ETag", tag)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{length}")
        if faults.content_length_delta:
            self.close_connection = True
        self.end_headers()

    def _send_body(
        self, request: HttpRequest, content: BinaryIO, start: int, end: int, faults: HttpFaults
    ) -> None:
        """Send the body piece by piece; ends early where a fault says so."""
        owner = self.server.owner
        stop = end
        if owner.takes_a_cut(faults):
            stop = min(end, start + (faults.cut_after_bytes or 0))
        if faults.silent_after_bytes is not None:
            stop = min(stop, start + faults.silent_after_bytes)
        piece_bytes = _CHUNK_BYTES
        if faults.bytes_per_s:
            piece_bytes = max(1, min(piece_bytes, faults.bytes_per_s // _PIECES_PER_S))
        content.seek(start)
        position = start
        while position < stop:
            piece = content.read(min(piece_bytes, stop - position))
            if not piece:
                break
            position += len(piece)
            # counted before it is sent: a client that has it all finds it all in `requests`
            request.sent_bytes += len(piece)
            self.connection.sendall(piece)
            if faults.bytes_per_s and not owner.wait(len(piece) / faults.bytes_per_s):
                break
        if position < end:
            self.close_connection = True
            while faults.silent_after_bytes is not None and owner.wait(0.2):
                pass
