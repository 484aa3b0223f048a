"""Agents and image servers that drip and flood: every call ends with the right error, in time and in little memory."""

import itertools
import socket
from contextlib import closing, suppress

import pytest

from controller.errors import AgentRefused, AgentUnreachable, Invalid
from controller.images.source import check_reachable
from tests.integration.evil_agents import (
    CHUNKED,
    HEAD,
    TIMEOUT_S,
    agent,
    client_of,
    memory_stays_small,
)
from tests.integration.evil_server import EvilServer, Script, evil_server

pytestmark = pytest.mark.timeout(120)


MOST_FLOOD_BYTES = 32 << 20
"""What a call may take, and what buffers of sockets hold; a call that ends by its time alone takes hundreds."""


def dripping(begin: bytes, piece: bytes) -> Script:
    """Send ``begin`` at once and ``piece`` for ever, byte by byte."""

    def script(server: EvilServer, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(begin)
        server.drip(connection, itertools.cycle(piece))

    return script


def flooding(begin: bytes, piece: bytes) -> Script:
    def script(server: EvilServer, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(begin)
        server.flood(connection, piece)

    return script


def silent(server: EvilServer, connection: socket.socket) -> None:
    server.closing.wait()


def not_reading(server: EvilServer, connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server.closing.wait()


def dripping_handshake(server: EvilServer, connection: socket.socket) -> None:
    connection.recv(65536)
    record = b"\x16\x03\x03\x40\x00"  # a handshake record of 16 KiB, which never gets whole
    server.drip(connection, itertools.chain(record, itertools.repeat(2)))


DRIPPING = {
    "nothing": silent,
    "status line": dripping(b"", b"HTTP/1.1"),
    "header": dripping(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
    "headers": dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "body": dripping(HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "body without length": dripping(HEAD + b"\r\n", b" "),
    "chunk": dripping(CHUNKED + b"ffff\r\n", b" "),
    "chunks": dripping(CHUNKED, b"1\r\n \r\n"),
    "chunk size": dripping(CHUNKED, b"0"),
    "chunk extension": dripping(CHUNKED + b"1;", b"a"),
    "trailers": dripping(CHUNKED + b'f\r\n{"commands":[]}\r\n0\r\n', b"X: y\r\n"),
    "provisional answers": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("phase", DRIPPING)
def test_an_agent_that_drips_is_given_up_at_the_deadline(phase: str) -> None:
    with agent(DRIPPING[phase]) as client:
        with pytest.raises(AgentUnreachable) as raised:
            client.commands()
        with pytest.raises(AgentUnreachable):
            client.execute("clean.get_clean_steps", {})
    text = str(raised.value)
    assert f"the agent at {client.url} did not answer: it did not answer within 0.2 s (" in text
    assert text.endswith("look at the machine's console and the network between")
    assert "geheim" not in text


@pytest.mark.parametrize("script", [silent, dripping_handshake])
def test_a_tls_handshake_that_drips_is_given_up_too(script: Script) -> None:
    with agent(script, scheme="https") as client, pytest.raises(AgentUnreachable, match=r"0\.2 s"):
        client.commands()


def test_an_agent_that_does_not_take_an_order_is_given_up() -> None:
    with agent(not_reading) as client, pytest.raises(AgentUnreachable, match=r"0\.2 s"):
        client.execute("deploy.x", {"much": "x" * 50_000_000})


@pytest.mark.parametrize("phase", DRIPPING)
def test_an_image_server_that_drips_is_a_warning_at_the_deadline(phase: str) -> None:
    with evil_server(DRIPPING[phase]) as server:
        warning = check_reachable(f"{server.url}/i?sig=geheim", timeout_s=TIMEOUT_S)
    if warning is not None:  # a head that is whole is an answer to HEAD
        assert "its server did not answer within 0.2 s" in warning
        assert "geheim" not in warning
    assert (warning is None) == ("body" in phase or "chunk" in phase or phase == "trailers")


FLOODS = {
    "status line": flooding(b"", b"H"),
    "header": flooding(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
    "headers": flooding(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "body": flooding(HEAD + b"Content-Length: 2000000000\r\n\r\n", b" "),
    "body without length": flooding(HEAD + b"\r\n", b" "),
    "chunks": flooding(CHUNKED, b"1\r\n \r\n"),
    "large chunks": flooding(CHUNKED + b"7fffffff\r\n", b" "),
    "chunk size": flooding(CHUNKED, b"0"),
    "trailers": flooding(CHUNKED + b"0\r\n", b"X: y\r\n"),
    "provisional answers": flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("phase", FLOODS)
def test_a_flood_ends_by_its_bytes_and_costs_little_memory(phase: str) -> None:
    with (
        evil_server(FLOODS[phase]) as server,
        closing(client_of(server, timeout_s=60)) as client,
        memory_stays_small(),
        pytest.raises((AgentRefused, AgentUnreachable), match=r"bytes|no HTTP|broke"),
    ):
        client.commands()
    assert server.flooded_bytes < MOST_FLOOD_BYTES


@pytest.mark.parametrize("phase", FLOODS)
def test_a_flood_of_an_image_server_ends_too(phase: str) -> None:
    with evil_server(FLOODS[phase]) as server, memory_stays_small(), suppress(Invalid):
        check_reachable(f"{server.url}/i", timeout_s=60)
    assert server.flooded_bytes < MOST_FLOOD_BYTES
