"""The lab's file server serves as a good one does, and fails exactly as told."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.lab.http_server import HttpServer

pytestmark = pytest.mark.timeout(30)
_BODY = bytes(range(256)) * 400


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer(socket.create_server(("127.0.0.1", 0))) as made:
        yield made


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=5)


def received(url: str) -> int:
    """Return how many bytes arrive before the connection ends or stays silent for 0.5 s."""
    count = 0
    with requests.get(url, stream=True, timeout=0.5) as answer:
        try:
            for piece in answer.iter_content(1000):
                count += len(piece)
        except requests.RequestException:
            return count
    return count


def test_a_file_and_bytes_are_served_whole(server: HttpServer, tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.write_bytes(_BODY)
    assert get(server.publish("image", file)).content == _BODY
    answer = get(server.publish("with space", b"text"))
    assert (answer.content, answer.headers["Content-Length"]) == (b"text", "4")
    head = requests.head(f"{server.url}/image", timeout=5)
    assert (head.headers["Content-Length"], head.content) == (str(len(_BODY)), b"")


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("bytes=10-19", 10, 20), ("bytes=102300-", 102300, 102400), ("bytes=-7", 102393, 102400)],
)
def test_a_range_is_served(server: HttpServer, wanted: str, start: int, end: int) -> None:
    answer = get(server.publish("f", _BODY), Range=wanted)
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(_BODY)}"
    assert answer.content == _BODY[start:end]


def test_a_range_beyond_the_end_is_refused(server: HttpServer) -> None:
    assert get(server.publish("f", _BODY), Range="bytes=200000-").status_code == 416


def test_a_changed_file_has_another_etag_and_is_not_resumed(server: HttpServer) -> None:
    url = server.publish("f", _BODY)
    tag = get(url).headers["ETag"]
    assert get(url, Range="bytes=5-", **{"If-Range": tag}).status_code == 206
    server.publish("f", _BODY[::-1])
    again = get(url, Range="bytes=5-", **{"If-Range": tag})
    assert (again.status_code, again.content) == (200, _BODY[::-1])
    assert again.headers["ETag"] != tag


def test_what_is_not_published_is_not_found(server: HttpServer) -> None:
    assert get(f"{server.url}/nothing").status_code == 404


@pytest.mark.parametrize("status", [404, 403, 500, 503])
def test_a_status_can_be_forced(server: HttpServer, status: int) -> None:
    url = server.publish("f", _BODY)
    server.faults("f").status = status
    assert get(url).status_code == status


def test_ranges_can_be_ignored(server: HttpServer) -> None:
    url = server.publish("f", _BODY)
    server.faults("f").ranges = False
    answer = get(url, Range="bytes=10-19")
    assert (answer.status_code, answer.content) == (200, _BODY)
    assert "Accept-Ranges" not in answer.headers


def test_a_connection_can_be_cut_once_and_then_resumed(server: HttpServer) -> None:
    url = server.publish("f", _BODY)
    server.faults("f").cut_after_bytes = 5000
    server.faults("f").cut_times = 1
    assert received(url) == 5000
    assert get(url, Range="bytes=5000-").content == _BODY[5000:]
    assert [(request.status, request.sent_bytes) for request in server.requests] == [
        (200, 5000),
        (206, len(_BODY) - 5000),
    ]
    assert server.requests[1].range == "bytes=5000-"


def test_a_connection_can_be_cut_each_time(server: HttpServer) -> None:
    url = server.publish("f", _BODY)
    server.faults("f").cut_after_bytes = 5000
    assert [received(url), received(url)] == [5000, 5000]


def test_an_answer_can_go_silent(server: HttpServer) -> None:
    url = server.publish("f", _BODY)
    server.faults("f").silent_after_bytes = 3000
    started_s = time.monotonic()
    assert received(url) == 3000
    assert time.monotonic() - started_s >= 0.5


def test_an_answer_can_be_slow(server: HttpServer) -> None:
    url = server.publish("f", _BODY)
    server.faults("f").bytes_per_s = 200_000
    started_s = time.monotonic()
    assert get(url).content == _BODY
    assert time.monotonic() - started_s > 0.4


@pytest.mark.parametrize("delta", [10, -10])
def test_the_length_can_be_a_lie(server: HttpServer, delta: int) -> None:
    url = server.publish("f", _BODY)
    server.faults("f").content_length_delta = delta
    with requests.get(url, stream=True, timeout=5) as answer:
        assert answer.headers["Content-Length"] == str(len(_BODY) + delta)


def test_a_big_file_is_served_whole(server: HttpServer, tmp_path: Path) -> None:
    file = tmp_path / "big"
    with file.open("wb") as big:
        big.truncate(256 << 20)
    assert len(get(server.publish("big", file)).content) == 256 << 20
