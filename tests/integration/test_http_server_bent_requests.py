"""Requests that are bent, ambiguous or sent in one go: each has its answer, or none, and nobody else notices."""

import random
import socket
from pathlib import Path

import pytest

from tests.integration.held_site import GET, STRANGERS, large_file, running
from tests.integration.waiting import wait_until

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return large_file(tmp_path_factory.mktemp("files"))


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
