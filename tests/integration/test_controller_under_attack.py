"""A real controller while strangers with several addresses hold all they can get: people and agents are served."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from tests.integration.controller_process import controller_process
from tests.lab import namespace
from tests.lab.program import run

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]
SERVER, PERSON, AGENT = "198.51.100.1", "198.51.100.2", "198.51.100.3"
STRANGERS = [f"198.51.100.{number}" for number in range(10, 16)]
MIB = 1024 * 1024
HEARTBEAT = b"POST /v1/heartbeat/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
INSPECTION = (
    b"POST /v1/continue_inspection HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
)
ATTACKS = {
    "silent connections": b"",
    "heads in drops": b"GET /v1/nodes HTTP/1.1\r\nX-A: ",
    "heartbeats in drops": HEARTBEAT + b"Content-Length: 5000\r\n\r\n{",
    "heartbeats in chunks": HEARTBEAT + b"Transfer-Encoding: chunked\r\n\r\nFFF\r\n{",
    "inspection data": INSPECTION + b"Content-Length: 16000000\r\n\r\n" + b" " * 1000,
    "readers that do not read": b"GET /images/large HTTP/1.1\r\nHost: x\r\n\r\n",
    "many questions at once": b"GET /v1/nodes HTTP/1.1\r\nHost: x\r\n\r\n" * 1000,
}
"""What each stranger's connection sends."""
EACH = 150
"""Connections of one kind, so there are more than a thousand."""


class From(requests.adapters.HTTPAdapter):
    """Requests from one of this machine's addresses."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        keywords["source_address"] = (self._address, 0)
        super().init_poolmanager(*arguments, **keywords)


def session(address: str) -> requests.Session:
    made = requests.Session()
    made.mount("http://", From(address))
    made.headers["X-OpenStack-Ironic-API-Version"] = "1.95"
    return made


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    name = f"ingot-t{os.getpid()}"
    folder: Path = tmp_path_factory.mktemp("controller")
    images = folder / "images"
    images.mkdir()
    with (images / "large").open("wb") as file:
        file.truncate(64 * MIB)
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        for address in (SERVER, PERSON, AGENT, *STRANGERS):
            run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "lo")
        with (
            namespace.inside(name),
            controller_process(
                folder,
                listen_host=SERVER,
                allow_unauthenticated=True,
                image_directory=str(images),
            ) as served,
        ):
            yield served
    finally:
        namespace.remove(name)


def attack(stack: ExitStack, url: str, sent: bytes) -> None:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    for number in range(EACH):
        source = (STRANGERS[number % len(STRANGERS)], 0)
        server = (parts.hostname, parts.port)
        client = stack.enter_context(socket.create_connection(server, 30, source))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.setblocking(False)
        try:
            client.send(sent) if sent else None
        except OSError:  # it had to give way already
            continue


def test_people_and_agents_are_served(url: str) -> None:
    process = next(each for each in psutil.Process().children() if "ingot-c" in each.cmdline()[1])
    people, agents, machine = session(PERSON), session(AGENT), session(AGENT)
    before_bytes = process.memory_info().rss
    with ExitStack() as stack:
        for number, (what, sent) in enumerate(ATTACKS.items()):
            attack(stack, url, sent)
            _check_people(people, url, f"attacked-{number}", what)
            _check_agents(agents, url, what)
            with machine.get(f"{url}/images/large", timeout=30) as file:
                assert len(file.content) == 64 * MIB, what
        assert process.num_threads() < 100
        assert process.memory_info().rss - before_bytes < 150 * MIB
        descriptors = process.num_fds()
        assert descriptors < 1024 + 256 + 100
    assert people.get(f"{url}/healthcheck", timeout=30).ok


def _check_people(people: requests.Session, url: str, name: str, what: str) -> None:
    node = {"driver": "fake-hardware", "name": name}
    assert people.post(f"{url}/v1/nodes", json=node, timeout=30).status_code == 201, what
    assert people.get(f"{url}/v1/nodes/{name}", timeout=30).status_code == 200, what
    assert people.get(f"{url}/ui/", timeout=30).status_code == 200, what


def _check_agents(agents: requests.Session, url: str, what: str) -> None:
    looked_up = agents.get(f"{url}/v1/lookup?addresses=52:54:00:00:00:01", timeout=30)
    assert looked_up.status_code == 404, what
    body = json.dumps({"callback_url": "https://198.51.100.3:9999", "agent_token": "x"})
    headers = {"Content-Type": "application/json"}
    beat = agents.post(f"{url}/v1/heartbeat/x", body, headers=headers, timeout=30)
    assert beat.status_code in (400, 401, 404), what
