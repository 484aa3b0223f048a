"""Clients of agents that answer as a test wants it, and pieces of their answers."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

from controller.agent_client.client import AgentClient
from tests.integration.evil_server import EvilServer, Script, evil_server

TIMEOUT_S = 0.2
MOST_MEMORY_BYTES = 120 << 20
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n"
KEPT = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"commands":[]}'
EMPTY = HEAD + b'Content-Length: 15\r\n\r\n{"commands":[]}'
NAME = "get_hardware_info"
COMMAND = {"id": "1", "command_name": NAME, "command_status": "SUCCEEDED"}


def http(body: bytes, extra: bytes = b"") -> bytes:
    return HEAD + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


@contextmanager
def agent(
    script: Script, timeout_s: float = TIMEOUT_S, scheme: str = "http"
) -> Iterator[AgentClient]:
    with evil_server(script) as server:
        client = client_of(server, timeout_s, scheme)
        try:
            yield client
        finally:
            client.close()


def client_of(server: EvilServer, timeout_s: float, scheme: str = "http") -> AgentClient:
    url = f"{scheme}://127.0.0.1:{server.port}"
    return AgentClient(url, "geheim", verify_ca=None, timeout_s=timeout_s)


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@contextmanager
def memory_stays_small() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY_BYTES
    finally:
        tracemalloc.stop()
