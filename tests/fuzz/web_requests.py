"""Requests that no sane client sends, from a seed; and what must hold for every answer.

Not guided by coverage: the applications decide by grammar, not by bytes, so good requests that are bent a little go deeper
than flipped bits.
"""

import io
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from agent.protocol.http_server.feeds import Feed

ODD_TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "W\udce9stern",
    "\U0001f4a9",
    "ä" * 300,
    "x" * 5000,
    "..",
    "../../etc/passwd",
    "/",
    "//",
    "%00",
    "%",
    "%s%n",
    "${x}",
    "{{7*7}}",
    "'; DROP TABLE nodes; --",
    "\r\nX-Injected: yes",
    "\x1b[31m",
    "\ufeff",
    "\u202e",
    "null",
    "None",
    "true",
    "-1",
    "1e400",
    "NaN",
    "0x10",
    "١٢٣",
    "2026-13-45T99:99:99",
    "http://[::1",
    "http://127.0.0.1:99999/",
    "52:54:00:zz:00:00",
    "x" * 70_000,
)
ODD_NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63) - 1, 2**64, 10**400, 0.5, -0.0, 1e308, 5e-324)
ODD_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get")
RAW_BODIES = (
    b"",
    b"{",
    b"[1,",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"null",
    b"nul",
    b"1",
    b'"x"',
    b"[]",
    b"{}" * 3,
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"[" * 20 + b"]" * 20,
    b"[" * 30 + b"]" * 30,
    b'{"a":1,"a":2}',
    b'{"name":"\\ud800"}',
    b'{"name":"\\u0000"}',
    b"NaN",
    b"-Infinity",
    b"1" * 10_000,
    b"1e999999",
    b"\0" * 100,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebRequest:
    """What is sent; ``path`` as bytes, percent signs resolved already."""

    method: str
    path: bytes
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAnswer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A route and good examples for it; ``{}`` in the path is a parameter."""

    method: str
    path: str
    idents: Sequence[str] = ()
    bodies: Sequence[Any] = ()
    queries: Sequence[Mapping[str, str]] = ({},)


class Generator:
    """Makes requests; the same seed makes the same ones."""

    def __init__(
        self,
        seed: int,
        targets: Sequence[Target],
        headers: Callable[[random.Random], dict[str, str]],
    ) -> None:
        self._random = random.Random(seed)
        self._targets, self._headers = targets, headers

    def request(self) -> WebRequest:
        rnd = self._random
        target = rnd.choice(self._targets)
        query = dict(rnd.choice(target.queries))
        if rnd.random() < 0.3:
            query = self._bent_query(query)
        return WebRequest(
            method=target.method if rnd.random() < 0.95 else rnd.choice(ODD_METHODS),
            path=self._path(target),
            query=_encoded(query) if rnd.random() < 0.97 else "&=%&%zz=%ff&;" + "a=&" * 50,
            headers=self._headers(rnd),
            body=self._body(target),
        )

    def _path(self, target: Target) -> bytes:
        rnd = self._random
        path = target.path
        while "{}" in path:
            ident = rnd.choice(target.idents) if target.idents and rnd.random() < 0.93 else None
            path = path.replace("{}", ident or rnd.choice(ODD_TEXTS), 1)
        if rnd.random() < 0.03:
            path += rnd.choice(("/", "//", "/x", "/..", "?", "#", "\0", ".json", "/" * 500))
        sent = path.encode("utf-8", "surrogatepass")
        return sent if rnd.random() < 0.98 else sent + bytes([rnd.randrange(128, 256)])

    def _bent_query(self, query: dict[str, str]) -> dict[str, str]:
        rnd = self._random
        names = [*query, "limit", "marker", "fields", "sort_key", "sort_dir", "detail", "x"]
        query[rnd.choice(names)] = rnd.choice(ODD_TEXTS)
        return query

    def _body(self, target: Target) -> bytes:
        rnd = self._random
        if not target.bodies:
            return b"" if rnd.random() < 0.9 else rnd.choice(RAW_BODIES)
        if rnd.random() < 0.05:
            return rnd.choice(RAW_BODIES)
        document = json.loads(json.dumps(rnd.choice(target.bodies)))
        for _ in range(rnd.choice((0, 1, 1, 1, 2, 4))):
            document = self._bent(document)
        return json.dumps(document).encode()

    def _bent(self, document: Any, depth: int = 0) -> Any:
        """Return the document with one place of it replaced, dropped, added or wrapped."""
        rnd = self._random
        if not isinstance(document, dict | list) or not document or rnd.random() < 0.15:
            return self.odd_value(document)
        keys: list[Any] = list(document if isinstance(document, dict) else range(len(document)))
        key = rnd.choice(keys)
        dice = rnd.random()
        if dice < 0.1:
            del document[key]
        elif dice < 0.2 and isinstance(document, dict):
            document[rnd.choice(ODD_TEXTS)] = document[key]
        else:
            document[key] = self._bent(document[key], depth + 1)
        return document

    def odd_value(self, instead_of: Any) -> Any:
        rnd = self._random
        makers: tuple[Callable[[], Any], ...] = (
            lambda: rnd.choice(ODD_TEXTS),
            lambda: rnd.choice(ODD_NUMBERS),
            lambda: rnd.choice((None, True, False, [], {}, [[]], {"": {}})),
            lambda: [instead_of],
            lambda: {"value": instead_of},
            lambda: [instead_of] * (2 if isinstance(instead_of, dict | list) else 1000),
            lambda: {rnd.choice(ODD_TEXTS): instead_of},
            lambda: f"{instead_of}{rnd.choice(ODD_TEXTS)}",
            lambda: _nested(instead_of, rnd.choice((3, 15, 40))),
        )
        return rnd.choice(makers)()


def _nested(value: Any, depth: int) -> Any:
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def _encoded(query: Mapping[str, str]) -> str:
    return "&".join(
        f"{quote(name)}={quote(value.encode('utf-8', 'surrogatepass'))}"
        for name, value in query.items()
    )


def send(app: Callable[..., Iterable[bytes]], request: WebRequest) -> WebAnswer:
    """Call a WSGI application as the server does; of an answer without an end, only what is there now is read."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path.decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "6385",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "SCRIPT_NAME": "",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(request.body)),
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    started: list[Any] = []
    blocks = app(environ, lambda status, headers, exc_info=None: started.append((status, headers)))
    try:
        body = blocks.pull() or b"" if isinstance(blocks, Feed) else b"".join(blocks)
    finally:
        getattr(blocks, "close", lambda: None)()
    status, headers = started[-1]
    return WebAnswer(status=int(status[:3]), headers=dict(headers), body=body)


def is_broken(status: int) -> bool:
    """Say whether the application itself failed; what a BMC refuses is a 502, and told with its words."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.BAD_GATEWAY


def fault_of(answer: WebAnswer, request: WebRequest, secrets: Sequence[bytes]) -> str | None:
    """Return what is wrong with an answer; ``None`` = nothing."""
    if any(secret in answer.body for secret in secrets):
        return "a secret is in the answer"
    if any("\r" in f"{name}{value}" or "\n" in value for name, value in answer.headers.items()):
        return "a header has a line break in it"
    if is_broken(answer.status):
        return f"status {answer.status}: {answer.body[:500]!r}"
    if answer.status >= 400 and request.method != "HEAD" and not _words(answer.body):
        return f"status {answer.status} without words: {answer.body[:500]!r}"
    return None


def _words(body: bytes) -> str | None:
    """Return the words of an error in one of the shapes that Ironic's clients read."""
    try:
        document = json.loads(body)
        if "error_message" in document:
            document = json.loads(document["error_message"])
            words = document["faultstring"]
        elif "error" in document:
            words = document["error"]["message"]
        else:
            words = document["faultstring"]
    except (ValueError, KeyError, TypeError):
        return None
    return words if isinstance(words, str) and words else None
