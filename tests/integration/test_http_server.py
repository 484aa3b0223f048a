"""The HTTP server of both programs against clients that mean harm or are broken."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

import pytest
from flask import Flask, Response, request

from agent.protocol.http_server.bounds import Bounds, PoolSize
from agent.protocol.http_server.server import BoundedServer
from tests.integration.waiting import wait_until

pytestmark = pytest.mark.timeout(60)
MIB = 1024 * 1024
HEAD = b"POST /refuse HTTP/1.1\r\nHost: x\r\n"
ECHO = b"POST /echo HTTP/1.1\r\nHost: x\r\n"


def make_app() -> Flask:
    app = Flask("app")

    @app.post("/refuse")
    def _refuse() -> Response:
        return Response("no", 401)

    @app.post("/echo")
    def _echo() -> Response:
        return Response(request.get_data())

    @app.get("/dated")
    def _dated() -> Response:
        return Response("old", headers={"date": "Sun, 06 Nov 1994 08:49:37 GMT"})

    @app.get("/endless")
    def _endless() -> Response:
        def blocks() -> Iterator[bytes]:
            while True:
                yield b"x" * 65536

        return Response(blocks())

    return app


@contextmanager
def running(*, threads: int = 4, per_address: int = 4, **bounds: float) -> Iterator[BoundedServer]:
    server = BoundedServer(
        ("127.0.0.1", 0),
        make_app(),
        pools={"all": PoolSize(threads=threads, per_address=per_address)},
        bounds=Bounds(body_bytes=2 * MIB, counts_loopback=True, **bounds),  # type: ignore[arg-type]
        shutdown_timeout=0.1,
    )
    server.prepare()
    threading.Thread(target=server.serve, daemon=True).start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def server() -> Iterator[BoundedServer]:
    with running() as made:
        yield made


def connect(server: BoundedServer) -> socket.socket:
    return socket.create_connection(server.bind_addr[:2], timeout=30)


def answer(server: BoundedServer, sent: bytes) -> bytes:
    """Send this and nothing more; return what comes until the server closes."""
    with connect(server) as client:
        client.sendall(sent)
        return rest(client)


def rest(client: socket.socket) -> bytes:
    found = b""
    while piece := client.recv(65536):
        found += piece
    return found


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (HEAD + b"Content-Length: 400000000\r\n\r\n", 413),
        (HEAD + b"Content-Length: 2000000\r\n\r\n", 401),
        (HEAD + b"Content-Length: -5\r\n\r\n", 400),
        (HEAD + b"Content-Length: +5\r\n\r\nhello", 400),
        (HEAD + b"X-A: " + b"x" * 70_000 + b"\r\n", 413),
        (b"GET /" + b"x" * 70_000, 414),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1F400000\r\n" + b"x" * MIB, 401),
        (ECHO + b"Transfer-Encoding: chunked\r\n\r\n1F400000\r\n" + b"x" * MIB, 413),
        (ECHO + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (ECHO + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
        (ECHO + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400),
        (ECHO + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 2000, 400),
        (ECHO + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 100, 400),
    ],
)
def test_what_is_too_large_or_malformed_is_answered_without_its_body(
    server: BoundedServer, sent: bytes, code: int
) -> None:
    assert status(answer(server, sent)) == code


def test_the_sender_of_a_large_refused_body_gets_to_read_the_refusal(server: BoundedServer) -> None:
    sent = HEAD + b"Content-Length: 8388608\r\n\r\n" + b"x" * 8 * MIB
    assert status(answer(server, sent)) == 413


def test_chunks_of_any_size_are_put_together(server: BoundedServer) -> None:
    body = bytes(range(256)) * 1000
    sizes = (1, 17, 70_000, len(body) - 70_018)
    chunks, start = b"", 0
    for size in sizes:
        chunks += b"%x;a=b\r\n%b\r\n" % (size, body[start : start + size])
        start += size
    head = ECHO + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = answer(server, head + chunks + b"0\r\nA: b\r\n\r\n")
    assert (status(reply), reply.partition(b"\r\n\r\n")[2]) == (200, body)


@pytest.mark.parametrize("path", ["/dated", "/nowhere"])
def test_an_answer_has_one_date(server: BoundedServer, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    lines = answer(server, head.encode()).lower().split(b"\r\n")
    (date,) = [line.partition(b": ")[2].decode() for line in lines if line.startswith(b"date:")]
    told = parsedate_to_datetime(date).timestamp()
    assert abs(told - (784111777 if path == "/dated" else time.time())) < 60


def test_a_connection_goes_on_after_a_refusal_with_a_small_body(server: BoundedServer) -> None:
    with connect(server) as client:
        for sent in (
            HEAD + b"Content-Length: 5\r\n\r\nhello",
            ECHO + b"Content-Length: 2\r\n\r\nok",
        ):
            client.sendall(sent)
            reply = b""
            while not reply.endswith((b"no", b"ok")):
                piece = client.recv(65536)
                assert piece
                reply += piece
    assert reply.endswith(b"ok")


@pytest.mark.parametrize(
    "begun",
    [
        HEAD,
        ECHO + b"Content-Length: 1000\r\n\r\n{",
        ECHO + b"Content-Length: 1200000\r\n\r\n{",
        ECHO + b"Transfer-Encoding: chunked\r\n\r\n3E8\r\n{",
    ],
)
def test_drops_of_a_head_or_body_end_with_a_time_limit(begun: bytes) -> None:
    with running(head_s=0.5, body_s=0.5, body_rate=10e6, chunked_s=0.5) as server:
        assert status(drip(server, begun)) == 408


def drip(server: BoundedServer, begun: bytes) -> bytes:
    """Send a byte now and then until the server answers."""
    with connect(server) as client:
        client.sendall(begun)
        client.settimeout(0.05)
        give_up_at = time.monotonic() + 30
        while time.monotonic() < give_up_at:
            try:
                client.sendall(b"x")
                if reply := client.recv(100):
                    return reply
            except TimeoutError:
                continue
    raise AssertionError("the drops keep the connection open")


@pytest.mark.parametrize(
    "sent",
    [
        ECHO + b"Content-Length: 1500000\r\n\r\n{",
        ECHO + b"Transfer-Encoding: chunked\r\n\r\nFFFF\r\nx",
        b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_it_stops_although_a_client_neither_sends_nor_reads(sent: bytes) -> None:
    with running() as server, connect(server) as client:
        client.sendall(sent)
        wait_until(lambda: server.busy_connections == 1, 30, "the request")
        stopping = threading.Thread(target=server.stop, daemon=True)
        stopping.start()
        stopping.join(8)  # less than any of the server's own deadlines
        assert not stopping.is_alive()
