"""A controller of a few lines on loopback: a real HTTP server that answers lookups and heartbeats as it is told."""

import json
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

NODE_UUID = "75fe6cd1-cf03-4b03-86ab-565acbaafc15"
TOKEN = "5kOGuYatvxA-YwuaE3zZWiV-cQPKUjRSTvVc5TDZ_N0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request of the agent."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class FakeController:
    """What was asked, and what is answered: the ``.._refusals`` first, each once, then the node with its token."""

    url: str = ""
    version: str = "1.115"
    token: str = TOKEN
    heartbeat_timeout_s: int = 300
    version_refusals: deque[tuple[int, str]] = field(default_factory=deque)
    lookup_refusals: deque[tuple[int, str]] = field(default_factory=deque)
    heartbeat_refusals: deque[tuple[int, str]] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, method: str, path: str, *, count: int = 1, timeout_s: float = 20) -> Seen:
        """Return the ``count``-th request to a path that begins with ``path``."""

        def found() -> list[Seen]:
            return [s for s in self.seen if s.method == method and s.path.startswith(path)]

        with self.news:
            arrived = self.news.wait_for(lambda: len(found()) >= count, timeout_s)
            assert arrived, f"{count} x {method} {path} not seen in {timeout_s} s: {self.seen}"
            return found()[count - 1]

    def heartbeat(self, count: int = 1) -> Seen:
        return self.wait_for("POST", "/v1/heartbeat/", count=count)

    def answer(self, seen: Seen) -> tuple[int, Any]:
        refusals = self.heartbeat_refusals if "heartbeat" in seen.path else deque()
        if seen.path == "/v1/lookup":
            refusals = self.lookup_refusals
        elif seen.path == "/":
            refusals = self.version_refusals
        if refusals:
            return refusal(*refusals.popleft())
        answers: dict[tuple[str, str], tuple[int, Any]] = {
            ("GET", "/"): (200, {"default_version": {"id": "v1", "version": self.version}}),
            ("GET", "/v1/lookup"): (200, self._node()),
            ("POST", f"/v1/heartbeat/{NODE_UUID}"): (202, None),
            ("POST", "/v1/continue_inspection"): (202, {"uuid": NODE_UUID}),
        }
        return answers.get((seen.method, seen.path), refusal(404, "not here"))

    def _node(self) -> dict[str, Any]:
        config = {
            "heartbeat_timeout": self.heartbeat_timeout_s,
            "agent_token": self.token,
            "agent_token_required": True,
            "tls_min_version": "1.3",
            "tls_cipher_suites": None,
            "metrics": {"backend": "noop"},
        }
        node = {"uuid": NODE_UUID, "properties": {}, "instance_info": {}, "links": []}
        return {"node": node, "config": config}


def refusal(status: int, text: str) -> tuple[int, Any]:
    """Return an error as Ironic sends it, the inner document as text."""
    inner = {"faultcode": "Client", "faultstring": text, "debuginfo": None}
    return status, {"error_message": json.dumps(inner)}


def _handler_of(controller: FakeController) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen = Seen(
                method=self.command,
                path=parts.path,
                query=parse_qs(parts.query),
                headers=dict(self.headers),
                body=json.loads(raw) if raw else None,
            )
            status, document = controller.answer(seen)
            body = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            with controller.news:
                controller.seen.append(seen)
                controller.news.notify_all()

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@contextmanager
def fake_controller(host: str = "127.0.0.1") -> Iterator[FakeController]:
    """Serve on a free port of ``host``, an IPv4 or IPv6 address."""
    controller = FakeController()

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

    server = Server((host, 0), _handler_of(controller))
    shown = f"[{host}]" if ":" in host else host
    controller.url = f"http://{shown}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield controller
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
