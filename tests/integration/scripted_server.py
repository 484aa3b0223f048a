"""A server on loopback that says exactly what a test wrote down, true or not."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from tests.integration.evil_server import serving


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request: its number (the first is 0), its text, and the first byte of its ``Range``."""

    number: int
    text: str
    start: int


Script = Callable[[Asked], Iterator[bytes]]
"""Yields what is sent; the connection is closed at its end."""


@dataclass(kw_only=True)
class ScriptedServer:
    """``closing`` is set at the end of the test, for scripts that wait."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


def head(status: str, **headers: object) -> bytes:
    """Return a reply's head; underscores in names stand for dashes."""
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def part(content: bytes, start: int, **headers: object) -> bytes:
    """Return an honest 206 from ``start`` to the end."""
    given = {
        "Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}",
        "Content_Length": len(content) - start,
    }
    return head("206 Partial Content", **(given | headers)) + content[start:]


@contextmanager
def scripted_server(script: Script) -> Iterator[ScriptedServer]:
    """Run ``script`` for every request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ScriptedServer(url=f"http://127.0.0.1:{listener.getsockname()[1]}/i")
        answer = partial(_answer, server, script)
        with serving(listener, answer, server.closing):
            yield server


def _answer(server: ScriptedServer, script: Script, connection: socket.socket) -> None:
    text = b""
    while b"\r\n\r\n" not in text:
        piece = connection.recv(4096)
        if not piece:
            return
        text += piece
    found = re.search(rb"Range: bytes=(\d+)-", text)
    asked = Asked(number=len(server.asked), text=text.decode(), start=int(found[1]) if found else 0)
    server.asked.append(asked)
    try:
        for piece in script(asked):
            connection.sendall(piece)
    except OSError:
        return  # the client had enough
