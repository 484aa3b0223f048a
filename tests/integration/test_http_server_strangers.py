"""The HTTP server while strangers hold, drip, break and refuse to read connections: the others are served."""

import select
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from tests.integration.held_site import FILE_BYTES, GET, MIB, STRANGERS, held, large_file, running
from tests.integration.waiting import wait_until

pytestmark = pytest.mark.timeout(120)
FILE = b"GET /files/large HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return large_file(tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        b"GET /hello HTTP/1.1\r\nHost: x\r\nX-A: ",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
    ],
    ids=["silent", "drop", "head", "body"],
)
def test_a_thousand_requests_that_never_come_take_no_thread(file: Path, sent: bytes) -> None:
    with running(file, connections=200) as site:
        assert b"200 OK" in site.ask()
        threads = threading.active_count()
        with held(site, 1000, sent):
            assert site.ask().endswith(b"hello")
            assert b"200 OK" in site.ask(address=STRANGERS[0])
            assert site.server.loop.connections <= 200
            assert site.server.busy_connections == 0
            assert (
                threading.active_count() <= threads + 2
            )  # a request may come before the thread of the last is free


def test_bodies_that_arrive_in_drops_leave_threads_to_the_others(file: Path) -> None:
    sent = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFF\r\nx"
    with running(file) as site, held(site, 100, sent) as clients:
        wait_until(lambda: site.server.busy_connections == 2, 30, "bodies that arrive")
        assert site.ask().endswith(b"hello")
        # Two are served, eight wait.
        wait_until(lambda: refused(clients) >= len(clients) - 2 - 4 * 2, 30, "the refusals")


def refused(clients: list[socket.socket]) -> int:
    """Return how many were answered, which is with 503: the others' answers do not come."""
    answered, _, _ = select.select(clients, [], [], 0)
    return sum(b"503" in client.recv(100, socket.MSG_PEEK) for client in answered)


def test_what_is_held_of_requests_that_are_not_complete_is_bounded(file: Path) -> None:
    sent = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 900_000
    with running(file, arriving_bytes=4 * MIB) as site, held(site, 20, sent):
        wait_until(lambda: site.waiting_bytes > 2 * MIB, 30, "the bodies")
        assert site.waiting_bytes <= 4 * MIB
        assert site.ask().endswith(b"hello")


def test_readers_that_do_not_read_files_take_no_thread_and_no_file_from_others(file: Path) -> None:
    with running(file, transfers=16) as site:
        assert site.ask(FILE).endswith(b"\xfe\xff")
        wait_until(lambda: site.ended == [True], 30, "the end of the file")
        threads = threading.active_count()
        with held(site, 128, FILE + b"\r\n"):
            wait_until(lambda: site.server.sender.transfers == 16, 30, "the strangers' files")
            assert len(site.ask(FILE)) > FILE_BYTES
            assert site.ask().endswith(b"hello")
            assert site.server.sender.transfers <= 16
            assert threading.active_count() <= threads + 4  # both pools' first ones, and a few
    assert site.server.sender.transfers == 0


def test_a_reader_below_the_rate_is_cut_off_and_one_above_it_is_served(file: Path) -> None:
    with running(file, transfer_rate=100_000, transfer_s=1) as site:
        with site.connect(STRANGERS[0]) as stuck, site.connect() as slow:
            for client in (stuck, slow):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
                client.sendall(FILE + b"Connection: close\r\n\r\n")
            got_bytes = 0
            while piece := slow.recv(512 * 1024):
                got_bytes += len(piece)
                time.sleep(0.01)
            wait_until(lambda: False in site.ended, 30, "the end of the one that does not read")
        wait_until(lambda: len(site.ended) == 2, 30, "both ends")
    assert got_bytes > FILE_BYTES
    assert sorted(site.ended) == [False, True]


def test_a_reader_that_does_not_read_an_answer_loses_its_thread(file: Path) -> None:
    with running(file, reply_s=0.3, reply_rate=1e9) as site, site.connect() as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: site.server.busy_connections == 1, 30, "the answer")
        wait_until(lambda: site.server.busy_connections == 0, 30, "the end of patience")


def test_a_full_pool_is_answered_with_503_and_does_not_touch_the_other(file: Path) -> None:
    sent = b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"
    with running(file) as site, held(site, 8, sent):
        wait_until(lambda: site.server.busy_connections == 8, 30, "a full pool")
        with held(site, 52, sent) as clients:  # nobody leaves the queue any more
            wait_until(lambda: refused(clients) >= 52 - 4 * 8, 30, "the refusals")
            assert len(site.ask(FILE)) > FILE_BYTES
            answer = site.ask(address=STRANGERS[0])
            assert b"503 Service Unavailable" in answer
            assert b"\r\nRetry-After: " in answer
            site.go.set()
        wait_until(lambda: site.server.busy_connections == 0, 30, "the end of the wait")
        assert site.ask().endswith(b"hello")


def test_one_address_waits_for_itself_and_not_the_others_for_it(file: Path) -> None:
    sent = b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"
    with running(file) as site, held(site, 40, sent, STRANGERS[:1]) as clients:
        wait_until(lambda: site.server.busy_connections == 2, 30, "an address's share")
        assert site.ask().endswith(b"hello")
        wait_until(lambda: refused(clients) >= 40 - 2 - 4 * 2, 30, "the refusals")


def test_a_client_that_has_ended_its_side_gets_its_answer(file: Path) -> None:
    with running(file) as site, site.connect() as client:
        client.sendall(GET + b"\r\n")
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(1000):
            answer += piece
    assert answer.endswith(b"hello")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /h",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n{",
        b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n",
        FILE + b"\r\n",
        GET + b"\r\n" + GET + b"\r\n",
    ],
    ids=["head", "body", "answer", "file", "pipelined"],
)
def test_nothing_is_left_of_connections_that_are_reset(file: Path, sent: bytes) -> None:
    with running(file) as site:
        for number in range(50):
            client = site.connect(STRANGERS[number % 4])
            client.sendall(sent)
            reset = struct.pack("ii", 1, 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            client.close()
        wait_until(lambda: site.server.loop.connections == 0, 30, "the end of the connections")
        assert site.server.busy_connections == site.server.sender.transfers == 0
        assert site.ask().endswith(b"hello")
