"""The HTTP server of both programs against clients that mean harm or are broken."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask, Response, request

from agent.protocol import http_server
from agent.protocol.http_server import BoundedServer
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

    @app.get("/endless")
    def _endless() -> Response:
        def blocks() -> Iterator[bytes]:
            while True:
                yield b"x" * 65536

        return Response(blocks())

    return app


@contextmanager
def running(*, threads: int = 4, per_address: int = 4) -> Iterator[BoundedServer]:
    server = BoundedServer(
        ("127.0.0.1", 0),
        make_app(),
        threads=threads,
        body_bytes=2 * MIB,
        per_address=per_address,
        counts_loopback=True,
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


@pytest.mark.parametrize("begun", [HEAD, ECHO + b"Content-Length: 1000\r\n\r\n{"])
def test_drops_of_a_head_or_body_do_not_keep_a_thread(
    server: BoundedServer, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    for name in ("_HEAD_S", "_BODY_S"):
        monkeypatch.setattr(http_server, name, 0.5)
    with connect(server) as client:
        client.sendall(begun)
        client.settimeout(0.05)
        reply, give_up_at = b"", time.monotonic() + 30
        while not reply:
            assert time.monotonic() < give_up_at, "the drops keep the connection open"
            try:
                client.sendall(b"x")
                reply = client.recv(100)
            except TimeoutError:
                continue
    assert status(reply) == 408


def test_one_address_cannot_take_all_threads() -> None:
    with running(threads=4, per_address=2) as server:
        slow = [connect(server) for _ in range(2)]
        try:
            for client in slow:
                client.sendall(b"GET /")
            wait_until(lambda: server.busy_connections == 2, 30, "the slow clients")
            assert status(answer(server, ECHO + b"Content-Length: 0\r\n\r\n")) == 503
        finally:
            for client in slow:
                client.close()
        wait_until(lambda: server.busy_connections == 0, 30, "the threads")
        head = ECHO + b"Connection: close\r\nContent-Length: 0\r\n\r\n"
        assert status(answer(server, head)) == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /",
        ECHO + b"Content-Length: 9\r\n\r\n{",
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
