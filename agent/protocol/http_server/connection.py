"""A connection, its requests and answers: cheroot's, with deadlines and without its assumptions about threads."""

import enum
import logging
import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec
from cheroot.server import HTTPConnection, HTTPRequest
from cheroot.wsgi import Gateway_10
from werkzeug.exceptions import RequestTimeout

from agent.protocol.http_server.bodies import ChunkedBody, PlainBody
from agent.protocol.http_server.bounds import Bounds, party
from agent.protocol.http_server.channel import Channel
from agent.protocol.http_server.feeds import Feed
from agent.protocol.http_server.files import FileParts
from agent.protocol.http_server.heads import Head
from agent.protocol.http_server.pools import Pool
from agent.protocol.http_server.streams import Reader, Writer
from agent.protocol.http_server.upgrades import Upgrade

log = logging.getLogger(__name__)

_REST_BYTES = 1024 * 1024
"""So much of a body that nobody read is read for the sake of the connection."""
_RETRY_S = 2


class Phase(enum.Enum):
    """What a connection is at."""

    HANDSHAKE = enum.auto()
    REQUEST = enum.auto()
    """Waits for a request, or for the rest of one."""
    BUSY = enum.auto()
    """A pool has it, or the sender of files."""
    REPLY = enum.auto()
    """The rest of an answer is being sent."""
    LINGER = enum.auto()
    """Answered; what still comes is thrown away."""


class Connection(HTTPConnection):
    """One client's connection; the event loop has it, or one thread."""

    def __init__(self, server: Any, channel: Channel, address: tuple[Any, ...]) -> None:
        bounds: Bounds = server.bounds
        self.rfile: Reader
        self.wfile: Writer

        def make(given: Channel, mode: str, _size: int) -> Reader | Writer:
            if "r" in mode:
                return Reader(given)
            return Writer(given, bounds.reply_s, bounds.reply_rate)

        super().__init__(server, channel, make)
        self.channel = channel
        self.remote_addr, self.remote_port = address[:2]
        self.ssl_env = {"wsgi.url_scheme": "https", "HTTPS": "on"} if server.tls else {}
        counted = party(str(self.remote_addr))
        self.party = (
            str(self.remote_addr) if counted is None and bounds.counts_loopback else counted
        )
        self.phase = Phase.HANDSHAKE
        self.deadline = time.monotonic() + bounds.head_s
        self.head: Head | None = None
        """The head of the request that is arriving, once it is complete."""
        self.scanned_bytes = 0
        self.counted_bytes = 0
        """Of a request that is arriving, as the loop has counted them."""
        self.registered_events = 0
        self.lingered_bytes = 0
        self.is_last = False
        """Close when the answer is sent."""
        self.is_turned_away = False
        """Another request got its place."""
        self.has_unread_body = False
        self.pool: Pool | None = None
        """What noted the end of ``transfer``."""
        self.transfer: FileParts | None = None
        """The file that is the rest of the answer."""
        self.feed: Feed | None = None
        """What the answer goes on with, without an end."""
        self.upgrade: Upgrade | None = None
        """Who has the connection after the answer."""

    def begin(self) -> None:
        """Forget the request before: a new one is waited for."""
        self.phase, self.head, self.scanned_bytes = Phase.REQUEST, None, 0
        self.deadline = time.monotonic() + self.server.bounds.idle_s

    def refuse(self, status: HTTPStatus, text: str) -> None:
        """Prepare a refusal as the last answer of this connection."""
        self.wfile.begin()
        self.is_last = self.has_unread_body = True
        self.wfile.write(refusal(f"{status.value} {status.phrase}", text))


class Request(HTTPRequest):
    """A request whose head is there; its body has a deadline."""

    def __init__(self, server: Any, conn: Connection) -> None:
        super().__init__(server, conn)
        self.scheme = b"https" if server.tls else b"http"
        conn.rfile.patience.begin(server.bounds.head_s)
        conn.wfile.begin()

    def read_request_headers(self) -> bool:
        """Read the headers; refuse what does not say clearly how long the body is."""
        if not super().read_request_headers():  # type: ignore[no-untyped-call]  # cheroot's stub
            return False
        if self._has_one_length():
            return True
        self.simple_response("400 Bad Request", "The length of the body is malformed or ambiguous")
        return False

    def _has_one_length(self) -> bool:
        """Say whether everybody, a proxy too, must find the same end of this request."""
        if b"Transfer-Encoding" in self.inheaders:
            return self.chunked_read and b"Content-Length" not in self.inheaders
        is_number: bool = self.inheaders.get(b"Content-Length", b"0").strip().isdigit()
        is_clear = self.conn.head.body_bytes is not None or b"Expect" in self.inheaders
        return is_number and is_clear

    def respond(self) -> None:
        """Call the application and send what it answers."""
        bounds: Bounds = self.server.bounds
        length_bytes = int(self.inheaders.get(b"Content-Length", 0))
        body_s = bounds.body_s + length_bytes / bounds.body_rate
        self.conn.rfile.patience.begin(bounds.chunked_s if self.chunked_read else body_s)
        source = self.conn.rfile
        self.rfile = (
            ChunkedBody(source, bounds.body_bytes)
            if self.chunked_read
            else PlainBody(source, length_bytes)
        )
        _Gateway(self).respond()
        self.ensure_headers_sent()
        if self.chunked_write and self.conn.feed is None:
            self.conn.wfile.write(b"0\r\n\r\n")

    def simple_response(self, status: str, msg: str = "") -> None:
        """Answer without the application; the connection ends."""
        self.conn.has_unread_body = True
        self.close_connection = True
        self.conn.wfile.write(refusal(str(status), msg or str(status)))

    def send_headers(self) -> None:
        """Send the answer's head, with what comes next; the connection goes on only if the whole request was read."""
        if not self._has_read_body():
            self.close_connection = True
            self.conn.has_unread_body = True
        if not any(name.lower() == b"date" for name, _ in self.outheaders):
            self.outheaders.append((b"Date", _date(int(time.time()))))
        with self.conn.wfile.holding():
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


class _Gateway(Gateway_10):
    """Calls the WSGI application; a file as its answer is not read here but left to the sender of files."""

    def respond(self) -> None:
        """Answer the request."""
        server, conn = self.req.server, self.req.conn
        response = server.wsgi_app(self.env, self.start_response)
        if isinstance(response, FileParts) and not server.tls:
            if server.sender.admit(conn):
                conn.transfer = response
                self.req.ensure_headers_sent()
            else:
                response.close()
                server.complaints.note("the places for files are", conn.party)
                text = "Too many files are being sent; try again"
                self.req.sent_headers = True
                self.req.simple_response("503 Service Unavailable", text)
            return
        if isinstance(response, Upgrade):
            self._upgrade(response)
            return
        if isinstance(response, Feed) and self.req.response_protocol == "HTTP/1.1":
            self._feed(response)
            return
        try:
            for chunk in filter(None, response):
                self.write(chunk)
        finally:
            self.req.ensure_headers_sent()
            if hasattr(response, "close"):
                response.close()

    def _upgrade(self, response: Upgrade) -> None:
        """Answer, and leave the connection to whom it is given; what came with a body, or from an old proxy, is none to give away."""
        conn = self.req.conn
        self.req.sent_headers = True
        if self.req.response_protocol != "HTTP/1.1" or conn.head.body_bytes != 0:
            self.req.simple_response(
                "400 Bad Request", "Another protocol needs HTTP/1.1 and a request without a body"
            )
            return
        conn.wfile.write(response.head)
        conn.upgrade = response

    def _feed(self, response: Feed) -> None:
        """Leave an answer without an end to the sender of feeds."""
        server, conn = self.req.server, self.req.conn
        is_head = self.req.method == b"HEAD"
        if not is_head and server.feeds.admit(conn):
            conn.feed = response
            self.req.ensure_headers_sent()
            return
        response.close()
        if is_head:
            self.req.ensure_headers_sent()
            return
        server.complaints.note("the places for event streams are", conn.party)
        self.req.sent_headers = True
        self.req.simple_response(
            "503 Service Unavailable", "Too many event streams are open; try again"
        )


Connection.RequestHandlerClass = Request


@lru_cache(maxsize=1)
def _date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()


def refusal(status: str, text: str) -> bytes:
    """Return an answer of the server itself: a fault in the shape that Ironic's clients read, both programs'."""
    is_ours = status.startswith("5")
    fault = {"faultcode": "Server" if is_ours else "Client", "faultstring": text}
    body = msgspec.json.encode(fault)
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if status.startswith("503"):
        lines.append(f"Retry-After: {_RETRY_S}")
    return "\r\n".join([*lines, "", ""]).encode() + body
