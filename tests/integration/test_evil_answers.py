"""Agents and image servers that lie, break off and send elsewhere: every call ends with the right error."""

import gzip
import itertools
import json
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.protocol.commands import CommandResult
from controller.agent_client.client import AgentClient
from controller.errors import AgentRefused, AgentUnreachable, Invalid
from controller.images.source import check_reachable
from controller.peers.http import BadAddress, Limits, PeerMisbehaved, redirect_target, to_agent
from tests.integration.evil_agents import (
    CHUNKED,
    COMMAND,
    EMPTY,
    HEAD,
    KEPT,
    NAME,
    agent,
    http,
    memory_stays_small,
)
from tests.integration.evil_server import EvilServer, answer, evil_server

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize(
    "encoding", [b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip", b"x-gzip"]
)
def test_a_packed_answer_is_refused_unread(encoding: bytes) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    script = answer(http(bomb, b"Content-Encoding: " + encoding + b"\r\n"))
    with (
        agent(script, 60) as client,
        memory_stays_small(),
        pytest.raises(AgentRefused, match="packs its answer"),
    ):
        client.commands()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10_000_000,
        b'{"commands":' + b"[[]," * 3_000_000 + b"]}",
        b'{"a":' * 1_000_000,
        b'{"commands": [' + b"0," * 200_000 + b"0]}",
        b'{"commands": NaN}',
        b'{"commands": "\xff"}',
        b"",
        b"\x00",
        b'{"commands": [{"id": 1' + b"0" * 5000 + b"}]}",
    ],
)
def test_documents_made_to_hurt_are_nonsense(body: bytes) -> None:
    with (
        agent(answer(http(body)), 60) as client,
        memory_stays_small(),
        pytest.raises(AgentRefused, match=r"answers nonsense|sends more than"),
    ):
        client.commands()


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308, 399])
@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{}/v1/nodes", "//127.0.0.1:{}/", "/v1/x", "file:///etc", ""]
)
def test_no_redirect_of_an_agent_is_followed(status: int, target: str) -> None:
    with evil_server(answer(EMPTY)) as victim:
        location = target.format(victim.port)
        reply = f"HTTP/1.1 {status} X\r\nConnection: close\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        with agent(answer(reply.encode()), 60) as client:
            for call in (client.commands, partial(client.execute, NAME, {})):
                with pytest.raises(AgentRefused, match=str(status)):
                    call()
        assert victim.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_image_server_may_send_on_as_far_as_the_agent_goes(status: int) -> None:
    with evil_server(answer(EMPTY)) as end:
        begin = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nLocation: "
        with evil_server(answer(f"{begin}{end.url}/i\r\n\r\n".encode())) as server:
            assert (
                check_reachable(f"http://me:geheim@127.0.0.1:{server.port}/i", timeout_s=60) is None
            )
            assert b"uthorization: Basic" in server.requests[0]
        assert b"HEAD /i " in end.requests[0]
        assert b"uthorization" not in end.requests[0]
        for location in ("ftp://x/", "file:///etc/passwd", "", "http://[x/"):
            with (
                evil_server(answer(f"{begin}{location}\r\n\r\n".encode())) as server,
                pytest.raises(Invalid, match="may not be followed"),
            ):
                check_reachable(f"{server.url}/i", timeout_s=60)
        with (
            evil_server(answer(f"{begin}/again\r\n\r\n".encode())) as server,
            pytest.raises(Invalid, match="where none may go"),
        ):
            check_reachable(f"{server.url}/i", timeout_s=60)
        assert len(server.requests) == 6


def test_where_a_redirect_may_lead() -> None:
    assert redirect_target("http://u:p@h/a/b", "c") == "http://u:p@h/a/c"
    assert redirect_target("http://u:p@h/a", "http://other/a") == "http://other/a"
    assert redirect_target("http://h/a", "https://h/a") == "https://h/a"
    for location in ("http://h/a", "//[", "javascript:1"):
        with pytest.raises((PeerMisbehaved, BadAddress)):
            redirect_target("https://h/a", location)


@pytest.mark.parametrize(
    "extra",
    [
        b"Content-Length: 16\r\n\r\n",
        b"Content-Length: 99999999999999999999\r\n\r\n",
        b"Content-Length: -1\r\n\r\n{",
        b"Content-Length: 15\r\nContent-Length: 16\r\n\r\n",
        b"Content-Length: 3\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nf\r\n",
    ],
)
def test_an_answer_that_does_not_have_its_length_is_an_error(extra: bytes) -> None:
    with (
        agent(answer(HEAD + extra + b'{"commands":[]}'), 60) as client,
        pytest.raises((AgentUnreachable, AgentRefused)),
    ):
        client.commands()


def test_a_connection_that_ends_at_any_byte_is_an_error_that_is_told() -> None:
    chunked = CHUNKED + b'7\r\n{"comma\r\n8\r\nnds":[]}\r\n0\r\nX: y\r\n\r\n'
    for whole in (EMPTY, chunked):
        sent_bytes = 0

        def cut(server: EvilServer, connection: socket.socket, whole: bytes = whole) -> None:
            server.read_request(connection)
            connection.sendall(whole[:sent_bytes])  # noqa: B023  # of this round

        with agent(cut, 60) as client:
            while sent_bytes < whole.index(b"]}"):
                with pytest.raises(AgentUnreachable):
                    client.commands()
                sent_bytes += 1


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_an_answer_with_any_bytes_changed_is_an_answer_or_an_error_that_is_told(data: Any) -> None:
    reply = bytearray(http(json.dumps({"commands": [COMMAND]}).encode()))
    for place in data.draw(st.lists(st.integers(0, len(reply) - 1), min_size=1, max_size=6)):
        reply[place] = data.draw(st.integers(0, 255))
    with agent(answer(bytes(reply)), 5) as client:
        try:
            found = client.commands()
        except (AgentRefused, AgentUnreachable) as error:
            str(error).encode()
        else:
            assert all(isinstance(command, CommandResult) for command in found)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_that_has_no_body_ends_with_its_head(status: bytes) -> None:
    script = answer(b"HTTP/1.1 " + status + b"\r\n\r\n")
    with evil_server(script) as server, to_agent(None) as door:
        limits = Limits(total_s=60, most_bytes=10)
        reply = door.call("POST", f"http://127.0.0.1:{server.port}/", limits, body=b"{}")
    assert (reply.status, reply.body) == (int(status[:3]), b"")


def test_a_connection_is_kept_for_the_next_call_and_replaced_when_it_has_ended() -> None:
    connections = itertools.count()

    def script(server: EvilServer, connection: socket.socket) -> None:
        next(connections)
        for _ in range(2):
            server.read_request(connection)
            connection.sendall(KEPT)

    with agent(script, 60) as client:
        for _ in range(6):
            assert client.commands() == []
    assert next(connections) == 3


@pytest.mark.parametrize("call", [AgentClient.commands])
def test_an_agent_that_is_not_there_is_named(call: Callable[[AgentClient], object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = AgentClient(f"http://127.0.0.1:{port}", "geheim", verify_ca=None, timeout_s=60)
    with pytest.raises(
        AgentUnreachable, match=f"127.0.0.1:{port} did not answer: it refused the connection"
    ):
        call(client)
