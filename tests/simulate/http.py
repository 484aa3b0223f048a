"""HTTP/1.1 over asyncio, as little as thousands of machines in one process need: one call, and one server."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

_END = b"\r\n\r\n"
_VERSION = "X-OpenStack-Ironic-API-Version: 1.100"
_MOST_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; ``document`` is ``None`` for an empty body."""

    status: int
    document: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that a server got; ``at`` is the address that it was sent to."""

    at: str
    method: str
    path: str
    query: Mapping[str, list[str]]
    document: Any


Handler = Callable[[Asked], Awaitable[tuple[int, Any]]]


async def call(
    address: tuple[str, int],
    method: str,
    path: str,
    document: Any = None,
    *,
    source: str = "127.0.0.1",
    timeout_s: float = 60.0,
) -> Answer:
    """Send a request over a connection of its own, as the real agent does.

    Raises:
        OSError: No connection, or none to the end; also when it takes too long.
    """
    body = b"" if document is None else json.dumps(document).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n{_VERSION}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(*address, local_addr=(source, 0))
        try:
            writer.write(head.encode() + body)
            received = await reader.read(-1)
        finally:
            writer.close()
    first, _end, content = received.partition(_END)
    if not first:
        raise ConnectionError(f"{address}: no answer")
    return Answer(
        status=int(first.split(b" ", 2)[1]), document=json.loads(content) if content else None
    )


async def serve(handler: Handler, host: str, port: int) -> asyncio.Server:
    """Answer requests until the server is closed."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
                while await _answer_one(handler, reader, writer):
                    pass
        finally:  # also when the simulation ends
            writer.close()

    return await asyncio.start_server(converse, host, port, backlog=4096, limit=_MOST_HEAD)


async def _answer_one(
    handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    head = (await reader.readuntil(_END)).decode()
    first, *lines = head.split("\r\n")
    method, target, _version = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    asked = Asked(
        at=writer.get_extra_info("sockname")[0],
        method=method,
        path=parts.path,
        query=parse_qs(parts.query),
        document=json.loads(body) if body else None,
    )
    status, document = await handler(asked)
    content = b"" if document is None else json.dumps(document).encode()
    sent = b"" if method == "HEAD" else content
    writer.write(
        f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        + sent
    )
    await writer.drain()
    return headers.get("connection", "").lower() != "close"
