"""The API as a real process serves it: connections, large bodies, many clients at once."""

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.controller_process import controller_process

VERSION = {"X-OpenStack-Ironic-API-Version": "1.95", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("controller")
    with controller_process(folder) as url:
        yield urlsplit(url).netloc


def request(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[int, bytes]:
    connection.request(method, path, body, VERSION)
    reply = connection.getresponse()
    return reply.status, reply.read()


def test_one_connection_serves_many_requests_also_after_refusals(server: str) -> None:
    connection = http.client.HTTPConnection(server, timeout=30)
    body = json.dumps({"driver": "fake-hardware"}).encode()
    wanted = [
        ("GET", "/v1/nodes", None, 200),
        ("POST", "/v1/nodes", body, 201),
        ("POST", "/v1/nodes", b"{bad", 400),
        ("PUT", "/v1/nodes", b"x" * 100_000, 405),
        ("POST", "/v1/nothing", b"x" * 100_000, 404),
        ("HEAD", "/v1/nodes", None, 200),
        ("GET", "/v1/nodes", None, 200),
    ]
    for method, path, sent, status in wanted:
        assert request(connection, method, path, sent)[0] == status, (method, path)
    connection.close()


def test_the_sender_of_a_body_that_is_too_large_reads_the_refusal(server: str) -> None:
    connection = http.client.HTTPConnection(server, timeout=30)
    status, text = request(connection, "POST", "/v1/nodes", b" " * (8 << 20))
    assert status == 413
    assert json.loads(text)["faultcode"] == "Client"
    connection.close()


def test_a_body_in_chunks_is_read_and_has_the_same_limit(server: str) -> None:
    connection = http.client.HTTPConnection(server, timeout=30)
    head, tail = b'{"driver":"fake-hardware","description":"', b'"}'
    for size, status in ((1000, 201), (3 << 20, 413)):
        chunks = [head, *[b"x" * 1000] * (size // 1000), tail]
        connection.request(
            "POST",
            "/v1/nodes",
            iter(chunks),
            VERSION | {"Transfer-Encoding": "chunked"},
            encode_chunked=True,
        )
        reply = connection.getresponse()
        assert reply.status == status, reply.read()
        reply.read()
    connection.close()


def test_links_lead_to_where_the_client_came_from(server: str) -> None:
    connection = http.client.HTTPConnection(server, timeout=30)
    document = json.loads(request(connection, "GET", "/")[1])
    assert document["versions"][0]["links"][0]["href"] == f"http://{server}/v1/"
    connection.close()


def test_many_clients_enrol_at_once_without_an_error(server: str) -> None:
    def enrol(number: int) -> list[int]:
        connection = http.client.HTTPConnection(server, timeout=60)
        name = f"many-{number}"
        node = json.dumps({"driver": "fake-hardware", "name": name}).encode()
        status, text = request(connection, "POST", "/v1/nodes", node)
        port = {"node_uuid": json.loads(text)["uuid"], "address": f"52:54:00:01:00:{number:02x}"}
        found = [status]
        for method, path, body in (
            ("POST", "/v1/ports", json.dumps(port).encode()),
            ("PATCH", f"/v1/nodes/{name}", b'[{"op":"add","path":"/extra/a","value":1}]'),
            ("PUT", f"/v1/nodes/{name}/states/provision", b'{"target":"manage"}'),
            ("GET", "/v1/nodes?detail=true", None),
        ):
            found.append(request(connection, method, path, body)[0])
        connection.close()
        return found

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(enrol, range(32)))
    assert results == [[201, 201, 200, 202, 200]] * 32
