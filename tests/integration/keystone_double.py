"""As much of Keystone as its middleware asks for, which a test can make slow, wrong or hostile."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
OWN = "the-token-of-the-controller"


@dataclass
class KeystoneDouble:
    """``answers`` are taken before the right ones, by ``METHOD /path``."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    sent: list[dict[str, str]] = field(default_factory=list)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, Callable[[], Answer]] = field(default_factory=dict)
    drips_s: float = 0.0
    """Pause after each byte of a body."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v3"

    def answer(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        what = f"{method} {path.partition('?')[0]}"
        self.asked.append(what)
        self.sent.append(headers)
        if what in self.answers:
            return self.answers[what]()
        if what == "POST /v3/auth/tokens":
            return 201, {"X-Subject-Token": OWN}, _json(token(catalog=self._catalog()))
        if what == "GET /v3/auth/tokens":
            found = self.tokens.get(headers.get("x-subject-token", ""))
            return (200, {}, _json(found)) if found else (404, {}, b"{}")
        link = [{"rel": "self", "href": f"{self.url}/"}]
        return 200, {}, _json({"version": {"id": "v3.14", "status": "stable", "links": link}})

    def _catalog(self) -> list[dict[str, Any]]:
        endpoint = {"interface": "internal", "url": self.url, "region": "one", "region_id": "one"}
        return [{"type": "identity", "name": "keystone", "endpoints": [endpoint]}]


def token(*, roles: tuple[str, ...] = ("reader",), lasts_s: float = 3600, **more: Any) -> Any:
    """Return what Keystone says of a token."""
    now = datetime.now(UTC)
    return {
        "token": {
            "user": {"id": "u-1", "name": "tom", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": "p-1", "name": "p", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": name, "name": name} for name in roles],
            "methods": ["password"],
            "issued_at": f"{now:%Y-%m-%dT%H:%M:%S.000000Z}",
            "expires_at": f"{now + timedelta(seconds=lasts_s):%Y-%m-%dT%H:%M:%S.000000Z}",
            "catalog": [],
            **more,
        }
    }


@contextmanager
def keystone_double() -> Iterator[KeystoneDouble]:
    """Run one."""
    double = KeystoneDouble()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, body = double.answer(self.command, self.path, headers)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            pieces = [body] if not double.drips_s else [bytes([one]) for one in body]
            try:
                for piece in pieces:
                    self.wfile.write(piece)
                    self.wfile.flush()
                    time.sleep(double.drips_s)
            except OSError:
                self.close_connection = True  # the client had enough

        do_GET = do_POST = _reply  # noqa: N815

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    double.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()
