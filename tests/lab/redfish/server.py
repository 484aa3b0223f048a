"""HTTP and TLS around the service, and the faults of the wire: no answer, no HTTP, late, refused.

Connections stay open between requests, as a BMC's do: `werkzeug`'s server would close each.
"""

import contextlib
import json
import os
import select
import socket
import socketserver
import ssl
import time
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from tests.lab.redfish.answers import Answer, error
from tests.lab.redfish.desk import Desk
from tests.lab.redfish.events import Stream
from tests.lab.redfish.service import Request, respond
from tests.lab.redfish.spoil import spoiled

_HANDSHAKE_TIMEOUT_S = 30
_IDLE_TIMEOUT_S = 120
_LOOK_AGAIN_S = 0.05
_ALIVE_EVERY_S = 1.0
"""A stream in which nothing happens has a comment so often: clients wait for bytes, not for events."""
_MOST_BODY_BYTES = 65 << 20
_PUSH_PART = "UpdateFile"
_PUSH_PARAMETERS = "UpdateParameters"
_STREAM_HEADERS = {
    "OData-Version": "4.0",
    "Cache-Control": "no-store",
    "Content-Type": "text/event-stream; charset=utf-8",
    "Connection": "close",
}


class RedfishServer(socketserver.ThreadingTCPServer):
    """Serves one desk by HTTPS; TLS begins in the connection's own thread, so that a silent client holds nobody up."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: str, port: int, desk: Desk, *, certificate: Path) -> None:
        super().__init__((address, port), _Handler)
        self.desk = desk
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(certificate)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Refuse connections while the BMC is restarting."""
        return time.monotonic() >= self.desk.silent_until_s

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Carry one connection from handshake to end, or misbehave instead."""
        while self.desk.faults.unreachable:
            time.sleep(_LOOK_AGAIN_S)
        if self.desk.faults.garbage:
            request.sendall(os.urandom(40))
            return
        request.settimeout(_HANDSHAKE_TIMEOUT_S)
        with (
            contextlib.suppress(OSError),  # it does not trust us, speaks plain HTTP, or has gone
            self._tls.wrap_socket(request, server_side=True) as secure,
        ):
            super().finish_request(secure, client_address)
            with contextlib.suppress(OSError):
                secure.unwrap().shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: RedfishServer
    protocol_version = "HTTP/1.1"
    server_version = "LabBMC/2"
    sys_version = ""
    timeout = _IDLE_TIMEOUT_S
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        """Take the next request of this connection, unless the BMC has become silent since the last one."""
        self.raw_requestline = self.rfile.readline(65537)
        desk = self.server.desk
        while desk.faults.unreachable:
            time.sleep(_LOOK_AGAIN_S)
        if desk.faults.garbage and self.raw_requestline:
            self.wfile.write(os.urandom(40))
        silent = time.monotonic() < desk.silent_until_s
        if not self.raw_requestline or silent or desk.faults.garbage:
            self.close_connection = True
        elif self.parse_request():
            self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Say nothing: a test that wants to know asks the client."""

    def _answer(self) -> None:
        length = int(self.headers["Content-Length"] or 0)
        if length > _MOST_BODY_BYTES or self.headers["Transfer-Encoding"]:
            self.close_connection = True
            self._send(Answer(status=413, body=error("GeneralError")))
            return
        body = self.rfile.read(length)
        split = urlsplit(self.path)
        path = unquote(split.path)
        file, targets = _pushed(self.headers["Content-Type"] or "", body)
        request = Request(
            method=self.command,
            path=path.rstrip("/"),
            parameters=dict(parse_qsl(split.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            file=file,
            targets=targets,
        )
        time.sleep(self.server.desk.faults.slow_s)
        answer = respond(self.server.desk, request)
        if answer.stream is not None:
            self._send_events(answer.stream)
            return
        self._send(spoiled(answer, request.path, self.server.desk.faults))

    def _send(self, answer: Answer) -> None:
        headers, content = on_the_wire(answer)
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _send_events(self, stream: Stream) -> None:
        """Send events as they come, until the client closes, its subscription is taken back, or the BMC restarts."""
        self.close_connection = True
        try:
            self.send_response(200)
            for name, value in _STREAM_HEADERS.items():
                self.send_header(name, value)
            self.end_headers()
            silent_since = 0.0
            while not stream.is_over and not self._is_closed():
                document = stream.take(_LOOK_AGAIN_S)
                now = time.monotonic()
                if document is not None:
                    text = json.dumps(document)
                    self.wfile.write(f"id: {document['Id']}\ndata: {text}\n\n".encode())
                elif now - silent_since > _ALIVE_EVERY_S:
                    self.wfile.write(b": alive\n\n")
                else:
                    continue
                silent_since = now
        finally:
            self.server.desk.unsubscribe(stream.id)

    def _is_closed(self) -> bool:
        """Tell whether the client has closed: it has nothing else to say while it listens."""
        return bool(select.select([self.connection], [], [], 0)[0])


def on_the_wire(answer: Answer) -> tuple[dict[str, str], bytes]:
    """Return the headers and the content of an answer."""
    headers = {"OData-Version": "4.0", "Cache-Control": "no-cache", **answer.headers}
    content = b""
    if answer.text is not None:
        content, headers["Content-Type"] = answer.text.encode(), "application/xml"
    elif answer.body is not None:
        content = json.dumps(answer.body).encode()
        headers["Content-Type"] = "application/json; charset=utf-8"
        kind = str(answer.body.get("@odata.type", "")).removeprefix("#").split(".")[0]
        schema = f"http://redfish.dmtf.org/schemas/v1/{kind}.json"
        headers |= {"Link": f"<{schema}>; rel=describedby"} if kind else {}
    if answer.status not in {204, 304}:
        headers["Content-Length"] = str(len(content))
    return headers, content


def _pushed(content_type: str, body: bytes) -> tuple[bytes | None, tuple[str, ...]]:
    """Return the firmware in a multipart push and what it is for; None = there is none."""
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data":
        return None, ()
    _, form, files = FormDataParser().parse(BytesIO(body), kind, len(body), options)
    file = files.get(_PUSH_PART)
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        targets = json.loads(form.get(_PUSH_PARAMETERS, "{}")).get("Targets", [])
        return file.read() if file else None, tuple(str(one) for one in targets)
    return None, ()
