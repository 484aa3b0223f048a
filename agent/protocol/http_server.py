"""The HTTP server of both programs: cheroot, with bounds on what a request may cost before anybody knows its sender.

Cheroot bounds neither a body in chunks nor the time of a whole request, and reads what a refused request still sends
into memory. Here a head and a body have a deadline, chunks are passed on as they come, and a connection whose request
was not read to its end is closed.
"""

import io
import ipaddress
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cheroot.makefile import MakeFile
from cheroot.server import HTTPConnection, HTTPRequest, KnownLengthRFile
from cheroot.wsgi import Server
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, RequestTimeout

_HEAD_BYTES = 64 * 1024
_HEAD_S = 10.0
_BODY_S = 10.0
_SLOWEST_BYTES_PER_S = 256 * 1024
_CHUNKED_S = 60.0
_REST_BYTES = 1024 * 1024
"""So much of a body that nobody read is read for the sake of the connection."""
_LINGER_BYTES, _LINGER_S = 16 * 1024 * 1024, 2.0
"""So much is thrown away before closing: a client that is still sending would otherwise lose the reply."""
_PIECE_BYTES = 64 * 1024
_LINE_BYTES = 1024
_TRAILER_LINES = 64


class BoundedServer(Server):
    """A WSGI server for strangers."""

    def __init__(
        self,
        address: tuple[str, int],
        app: Any,
        *,
        threads: int,
        body_bytes: int,
        per_address: int,
        counts_loopback: bool = False,
        **options: Any,
    ) -> None:
        """Prepare; nothing listens yet.

        Args:
            address: Host and port.
            app: The WSGI application.
            threads: Requests at a time.
            body_bytes: Size of the largest body.
            per_address: Requests at a time of one client address; more are answered with 503.
            counts_loopback: Also count clients on this machine; a proxy there speaks for everybody.
            options: Cheroot's.
        """
        super().__init__(address, app, numthreads=threads, **options)
        self.max_request_header_size = _HEAD_BYTES
        self.max_request_body_size = body_bytes
        self.ConnectionClass = _Connection
        self._per_address = per_address
        self._counts_loopback = counts_loopback
        self._lock = threading.Lock()
        self._busy: set[_Connection] = set()
        self._busy_of: Counter[str] = Counter()

    @property
    def busy_connections(self) -> int:
        """How many connections threads are at."""
        with self._lock:
            return len(self._busy)

    def stop(self) -> None:
        """Stop listening, wait ``shutdown_timeout`` seconds for running requests, then cut their connections."""
        cutter = threading.Timer(self.shutdown_timeout, self._cut)
        cutter.daemon = True
        cutter.start()
        super().stop()
        cutter.cancel()

    def admit(self, connection: "_Connection") -> bool:
        """Count a connection that is being served; say whether its client may have one more."""
        address = str(connection.remote_addr)
        with self._lock:
            self._busy.add(connection)
            self._busy_of[address] += 1
            is_counted = self._counts_loopback or not _is_loopback(address)
            return not is_counted or self._busy_of[address] <= self._per_address

    def dismiss(self, connection: "_Connection") -> None:
        """Count a connection no longer."""
        address = str(connection.remote_addr)
        with self._lock:
            self._busy.discard(connection)
            self._busy_of[address] -= 1
            if not self._busy_of[address]:
                del self._busy_of[address]

    def _cut(self) -> None:
        with self._lock:
            for connection in self._busy:
                _shut_down(connection.socket, socket.SHUT_RDWR)


class _TimedSocket:
    """A socket whose reads end at a deadline, in seconds of the monotonic clock."""

    def __init__(self, sock: Any, timeout_s: float) -> None:
        self.deadline = time.monotonic() + timeout_s
        self._socket = sock
        self._timeout_s = timeout_s

    def recv_into(self, *arguments: Any, **keywords: Any) -> int:
        left_s = self.deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(min(left_s, self._timeout_s))
        try:
            return int(self._socket.recv_into(*arguments, **keywords))
        finally:
            self._socket.settimeout(self._timeout_s)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class _Request(HTTPRequest):
    """A request with a deadline for its head and one for its body."""

    def parse_request(self) -> None:
        self.conn.timed.deadline = time.monotonic() + _HEAD_S
        super().parse_request()

    def read_request_headers(self) -> bool:
        if not super().read_request_headers():  # type: ignore[no-untyped-call]  # cheroot's stub
            return False
        if self.inheaders.get(b"Content-Length", b"0").strip().isdigit():
            return True
        self.simple_response("400 Bad Request", "Malformed Content-Length Header.")
        return False

    def respond(self) -> None:
        length_bytes = int(self.inheaders.get(b"Content-Length", 0))
        body_s = _CHUNKED_S if self.chunked_read else _BODY_S + length_bytes / _SLOWEST_BYTES_PER_S
        self.conn.timed.deadline = time.monotonic() + body_s
        source, most_bytes = self.conn.rfile, self.server.max_request_body_size
        self.rfile = (
            ChunkedBody(source, most_bytes)
            if self.chunked_read
            else _PlainBody(source, length_bytes)
        )
        self.server.gateway(self).respond()
        self.ensure_headers_sent()
        if self.chunked_write:
            self.conn.wfile.write(b"0\r\n\r\n")

    def simple_response(self, status: str, msg: str = "") -> None:
        self.conn.has_unread_body = True
        super().simple_response(status, msg)

    def send_headers(self) -> None:
        if not self._has_read_body():
            self.close_connection = True
            self.conn.has_unread_body = True
        super().send_headers()

    def _has_read_body(self) -> bool:
        """Read a small rest of the body; say whether nothing is left of it."""
        if self.chunked_read:
            return bool(self.rfile.is_at_end)
        if 0 < self.rfile.remaining <= _REST_BYTES:
            try:
                self.rfile.read()
            except (OSError, RequestTimeout):
                return False
        return not self.rfile.remaining


class _Connection(HTTPConnection):
    """A connection that is counted while it is served."""

    RequestHandlerClass = _Request
    has_unread_body = False

    def __init__(self, server: Any, sock: Any, makefile: Callable[..., Any] = MakeFile) -> None:
        self.timed = _TimedSocket(sock, server.timeout)

        def make(given: Any, mode: str, size: int) -> Any:
            return makefile(self.timed if "r" in mode else given, mode, size)

        super().__init__(server, sock, make)

    def communicate(self) -> bool:
        try:
            if self.server.admit(self):
                return bool(super().communicate())  # type: ignore[no-untyped-call]  # cheroot's stub
            text = "Too many requests at a time from one address; try again"
            _Request(self.server, self).simple_response("503 Service Unavailable", text)
            self.has_unread_body = False  # no lingering: that would hold a thread for one too many
            return False
        finally:
            if self.has_unread_body:
                _linger(self.socket)
            self.server.dismiss(self)


class _PlainBody(KnownLengthRFile):
    """A body whose length was given."""

    def read(self, size: int | None = None) -> bytes:
        with _patience():
            return bytes(super().read(size))


class ChunkedBody(io.RawIOBase):
    """A body in chunks (RFC 9112 section 7.1), passed on as it comes."""

    def __init__(self, source: Any, most_bytes: int) -> None:
        """Read from ``source``, a buffered stream after the head, at most ``most_bytes``."""
        self.is_at_end = False
        self._source = source
        self._left_bytes = most_bytes
        self._chunk_bytes = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next piece.

        Raises:
            BadRequest: These are no chunks, or the connection has ended between them.
            RequestEntityTooLarge: The body is larger than allowed.
            RequestTimeout: It takes too long.
        """
        with _patience():
            return self._read_into(buffer)

    def _read_into(self, buffer: Any) -> int:
        if not self._chunk_bytes and not self.is_at_end:
            self._begin_chunk()
        if self.is_at_end:
            return 0
        piece = self._source.read(min(len(buffer), self._chunk_bytes, _PIECE_BYTES))
        if not piece:
            raise BadRequest("The connection ended in the middle of a chunk")
        buffer[: len(piece)] = piece
        self._chunk_bytes -= len(piece)
        if not self._chunk_bytes and self._line():
            raise BadRequest("A chunk is longer than it says")
        return len(piece)

    def _begin_chunk(self) -> None:
        size = self._line().partition(b";")[0].strip()
        try:
            self._chunk_bytes = int(size, 16) if size.isalnum() else -1
        except ValueError:
            self._chunk_bytes = -1
        if self._chunk_bytes < 0:
            raise BadRequest("A chunk begins without its size")
        self._left_bytes -= self._chunk_bytes
        if self._left_bytes < 0:
            raise RequestEntityTooLarge
        if not self._chunk_bytes:
            self._skip_trailer()

    def _skip_trailer(self) -> None:
        for _ in range(_TRAILER_LINES):
            if not self._line():
                self.is_at_end = True
                return
        raise BadRequest("The body's trailer is too long")

    def _line(self) -> bytes:
        line: bytes = self._source.readline(_LINE_BYTES)
        if not line.endswith(b"\r\n"):
            raise BadRequest("A line between chunks is too long or does not end")
        return line[:-2]


@contextmanager
def _patience() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise RequestTimeout("The body does not come, or comes too slowly") from error


def _linger(sock: Any) -> None:
    """Throw away what a client still sends, for a while, so that it gets to read the reply."""
    end, left_bytes = time.monotonic() + _LINGER_S, _LINGER_BYTES
    _shut_down(sock, socket.SHUT_WR)
    try:
        while left_bytes > 0 and (left_s := end - time.monotonic()) > 0:
            sock.settimeout(left_s)
            got_bytes = len(sock.recv(_PIECE_BYTES))
            if not got_bytes:
                return
            left_bytes -= got_bytes
    except OSError:  # it has gone, or sends nothing more
        return


def _shut_down(sock: Any, how: int) -> None:
    try:
        sock.shutdown(how)
    except OSError:  # the client was faster
        return


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.removeprefix("::ffff:")).is_loopback
    except ValueError:
        return False
