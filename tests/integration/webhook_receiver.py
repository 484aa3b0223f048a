"""A web server that takes webhooks, checks their signatures with OpenSSL, and misbehaves as told."""

import base64
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = b"a secret of the test's own"
SECRET_TEXT = "whsec_" + base64.b64encode(SECRET).decode()


@dataclass(frozen=True)
class Got:
    """One call."""

    headers: dict[str, str]
    body: bytes
    answered: int

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def number(self) -> int:
        return int(self.document["id"])


@dataclass
class Receiver:
    """``answer`` says with which status the nth call is answered."""

    url: str
    answer: Callable[[int], int] = lambda _n: 204
    delay_s: float = 0.0
    got: list[Got] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def taken(self) -> list[Got]:
        with self.lock:
            return [one for one in self.got if 200 <= one.answered < 300]

    def types(self) -> list[str]:
        return [one.document["event_type"].removeprefix("baremetal.node.") for one in self.taken()]


def signature_by_openssl(got: Got, secret: bytes = SECRET) -> str:
    """Return the signature that a call must have, by another program."""
    head = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode()
    key = ["-mac", "HMAC", "-macopt", f"hexkey:{secret.hex()}"]
    words = ["openssl", "dgst", "-sha256", *key, "-binary"]
    made = subprocess.run(words, input=head + got.body, capture_output=True, check=True, timeout=30)
    return "v1," + base64.b64encode(made.stdout).decode()


@contextmanager
def receiver(port: int = 0) -> Iterator[Receiver]:
    """Run a receiver on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(found.delay_s)
            headers = {name.lower(): value for name, value in self.headers.items()}
            with found.lock:
                status = found.answer(len(found.got))
                found.got.append(Got(headers, body, status))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    found = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
