"""Connections that the HTTP server gives away after an answer 101, and gets back to close."""

import socket
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from agent.protocol.http_server.bounds import Bounds, PoolSize
from agent.protocol.http_server.server import BoundedServer
from agent.protocol.http_server.upgrades import HandedOver, Upgrade
from tests.integration.waiting import wait_until

pytestmark = pytest.mark.timeout(60)
HEAD = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
ASK = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n"


class Taker:
    """The application, and who gets the connections."""

    def __init__(self) -> None:
        self.taken: list[HandedOver] = []
        self.is_broken = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("101 Switching Protocols", [])
        return Upgrade(HEAD, self.take)

    def take(self, connection: HandedOver) -> None:
        if self.is_broken:
            raise RuntimeError("a fault")
        self.taken.append(connection)

    def one(self) -> HandedOver:
        wait_until(lambda: bool(self.taken), 10, "the connection is given away")
        return self.taken[0]


@pytest.fixture
def taker() -> Taker:
    return Taker()


@pytest.fixture
def server(taker: Taker) -> Iterator[BoundedServer]:
    made = BoundedServer(
        ("127.0.0.1", 0),
        taker,
        pools={"all": PoolSize.of(4)},
        bounds=Bounds(body_bytes=1024, idle_s=1, head_s=1),
        shutdown_timeout=0.1,
    )
    made.prepare()
    threading.Thread(target=made.serve, daemon=True).start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def client(server: BoundedServer) -> Iterator[socket.socket]:
    with socket.create_connection(server.bind_addr[:2], timeout=30) as made:
        yield made


def read(client: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count and (piece := client.recv(count - len(found))):
        found += piece
    return found


def received(connection: HandedOver, count: int) -> bytes:
    found = b""

    def has_come() -> bool:
        nonlocal found
        found += connection.receive(count - len(found)) or b""
        return len(found) == count

    wait_until(has_come, 10, "it has come")
    return found


def test_what_came_with_the_request_is_not_lost_and_the_rest_follows(
    taker: Taker, client: socket.socket
) -> None:
    client.sendall(ASK + b"\r\nearly ")
    assert read(client, len(HEAD)) == HEAD
    connection = taker.one()
    client.sendall(b"late")
    assert received(connection, 10) == b"early late"
    connection.add(b"answer")
    assert connection.push()
    assert read(client, 6) == b"answer"


def test_it_has_no_deadline_of_the_servers_and_no_thread(
    taker: Taker, client: socket.socket, server: BoundedServer
) -> None:
    client.sendall(ASK + b"\r\n")
    assert read(client, len(HEAD)) == HEAD
    connection = taker.one()
    client.settimeout(3)
    with pytest.raises(TimeoutError):  # idle_s and head_s are one second here
        client.recv(1)
    assert server.busy_connections == 0
    assert server.loop.connections == 1
    connection.end()
    connection.end()
    assert client.recv(1) == b""
    wait_until(lambda: server.loop.connections == 0, 10, "it does not count any more")


@pytest.mark.parametrize(
    "asked",
    [
        ASK.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n",
        ASK + b"Content-Length: 3\r\n\r\nabc",
        ASK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_an_old_protocol_and_a_body_are_refused(
    taker: Taker, client: socket.socket, asked: bytes
) -> None:
    client.sendall(asked)
    assert client.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert not taker.taken


def test_a_fault_of_who_takes_it_ends_the_connection_and_no_thread(
    taker: Taker, client: socket.socket, server: BoundedServer
) -> None:
    taker.is_broken = True
    client.sendall(ASK + b"\r\n")
    assert read(client, len(HEAD) + 1) == HEAD
    wait_until(lambda: server.loop.connections == 0, 10, "it is closed")


def test_the_end_of_the_server_ends_it(
    taker: Taker, client: socket.socket, server: BoundedServer
) -> None:
    client.sendall(ASK + b"\r\n")
    assert read(client, len(HEAD)) == HEAD
    connection = taker.one()
    server.stop()
    assert client.recv(1) == b""
    with pytest.raises(OSError, match="descriptor"):
        connection.receive(1)
    connection.end()
