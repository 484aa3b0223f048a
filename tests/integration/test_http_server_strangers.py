"""The HTTP server while strangers hold, drip, break and refuse to read connections: the others are served."""

import logging
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from flask import Flask, Response, request

from agent.protocol.http_server.bounds import Bounds, PoolSize
from agent.protocol.http_server.files import FileRange
from agent.protocol.http_server.server import BoundedServer
from tests.integration.waiting import wait_until

pytestmark = pytest.mark.timeout(120)
MIB = 1024 * 1024
FILE_BYTES = 32 * MIB
STRANGERS = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
GET = b"GET /hello HTTP/1.1\r\nHost: x\r\n"
FILE = b"GET /files/large HTTP/1.1\r\nHost: x\r\n"


class Site:
    """A server with an application that can be made to wait."""

    def __init__(self, file: Path, **bounds: float) -> None:
        self.go = threading.Event()
        self.ended: list[bool] = []
        self._file = file
        self.server = BoundedServer(
            ("127.0.0.1", 0),
            self._app(),
            pools={"people": PoolSize.of(8), "files": PoolSize.of(4)},
            route=lambda path: "files" if path.startswith("/files") else "people",
            bounds=Bounds(body_bytes=64 * MIB, counts_loopback=True, **bounds),  # type: ignore[arg-type]
            shutdown_timeout=0.1,
        )
        self.errors: list[str] = []
        self.server.error_log = self._note  # type: ignore[method-assign]

    def _note(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        if level >= logging.ERROR or traceback:
            self.errors.append(msg)

    def _app(self) -> Flask:
        app = Flask("site")

        @app.get("/hello")
        def _hello() -> str:
            return "hello"

        @app.post("/echo")
        def _echo() -> Response:
            return Response(str(len(request.get_data())))

        @app.get("/wait")
        def _wait() -> str:
            self.go.wait(60)
            return "hello"

        @app.get("/endless")
        def _endless() -> Response:
            return Response(b"x" * 65536 for _ in iter(int, 1))

        @app.get("/files/large")
        def _file() -> Response:
            reply = Response(direct_passthrough=True)
            reply.content_length = FILE_BYTES
            if request.method == "HEAD":
                return reply
            reply.response = FileRange(
                self._file,
                0,
                FILE_BYTES,
                lambda ended: self.ended.append(ended.sent_bytes == ended.wanted_bytes),
            )
            return reply

        return app

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        port = self.server.bind_addr[1]
        return socket.create_connection(("127.0.0.1", port), 30, source_address=(address, 0))

    def ask(self, sent: bytes = GET, address: str = "127.0.0.1") -> bytes:
        """Return the whole answer."""
        with self.connect(address) as client:
            client.sendall(sent + b"Connection: close\r\n\r\n")
            found = b""
            while piece := client.recv(MIB):
                found += piece
            return found

    @property
    def waiting_bytes(self) -> int:
        return self.server.loop._arriving_bytes


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("files") / "large"
    path.write_bytes(bytes(range(256)) * (FILE_BYTES // 256))
    return path


@contextmanager
def running(file: Path, **bounds: float) -> Iterator[Site]:
    site = Site(file, **bounds)
    site.server.prepare()
    threading.Thread(target=site.server.serve, daemon=True).start()
    try:
        yield site
    finally:
        site.go.set()
        site.server.stop()


@contextmanager
def held(
    site: Site, count: int, sent: bytes = b"", strangers: tuple[str, ...] = STRANGERS
) -> Iterator[list[socket.socket]]:
    """Hold connections from several addresses that have sent this."""
    with ExitStack() as stack:
        clients = []
        for number in range(count):
            client = stack.enter_context(site.connect(strangers[number % len(strangers)]))
            try:
                client.sendall(sent)
            except ConnectionError:  # it had to give way
                continue
            clients.append(client)
        yield clients


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


def test_pipelined_requests_are_answered_in_order(file: Path) -> None:
    post = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
    sent = b"".join(post % (size, b"x" * size) for size in range(50))
    with running(file) as site:
        answer = site.ask(sent + GET)
    bodies = [part.split(b"\r\n\r\n", 1)[1] for part in answer.split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [*(str(size).encode() for size in range(50)), b"hello"]


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Content-Length: \r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
    ],
)
def test_a_body_of_ambiguous_length_is_refused(file: Path, lengths: bytes) -> None:
    with running(file) as site:
        answer = site.ask(b"POST /echo HTTP/1.1\r\nHost: x\r\n" + lengths)
    assert answer.split()[1] in (b"400", b"413")
    assert b'"faultstring"' in answer


GOOD = (
    GET + b"Connection: keep-alive\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
    b"HEAD /files/large HTTP/1.0\r\nRange: bytes=0-5\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
)
BITS = (
    b"\r\n",
    b"\n",
    b"\0",
    b" ",
    b":",
    b"\xff",
    b"%00",
    b"chunked",
    b"-1",
    b"9" * 30,
    b"HTTP/9.9",
)


def bent(rnd: random.Random) -> bytes:
    """Return one or two good requests with a few bytes replaced, dropped, repeated or put in."""
    data = bytearray(b"".join(rnd.choices(GOOD, k=rnd.choice((1, 2)))))
    for _ in range(rnd.choice((1, 1, 2, 5))):
        start = rnd.randrange(len(data))
        end = min(len(data), start + rnd.choice((0, 1, 4, 30)))
        data[start:end] = rnd.choice((*BITS, b"", bytes(data[start:end]) * 2)) or b""
        data = data or bytearray(b"x")
    return bytes(data)


def test_bent_requests_end_no_thread_and_are_nobodys_fault_but_their_own(file: Path) -> None:
    rnd = random.Random(8)
    with running(file, head_s=1, body_s=1, chunked_s=1, idle_s=1, linger_s=0.1) as site:
        for _ in range(400):
            sent = bent(rnd)
            with site.connect(rnd.choice(STRANGERS)) as client:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
                answer = client.recv(1000)
            assert answer == b"" or answer.startswith(b"HTTP/1."), sent
            assert b" 500 " not in answer.partition(b"\r\n")[0], sent
        assert site.ask().endswith(b"hello")
        wait_until(lambda: site.server.loop.connections == 0, 30, "the end of the connections")
        assert site.errors == []
