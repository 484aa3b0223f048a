"""An answer's head goes with its body, and nothing that was written is lost or sent twice."""

import itertools
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.protocol.http_server.channel import Channel
from agent.protocol.http_server.streams import Writer

_HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class _Counted(Channel):
    """A channel that notes the sizes of what was sent."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock, None)
        self.sent: list[int] = []

    def send(self, data: memoryview) -> int:
        size_bytes = super().send(data)
        self.sent.append(size_bytes)
        return size_bytes


def _received(sock: socket.socket, size_bytes: int) -> bytes:
    sock.settimeout(60)
    found = b""
    while len(found) < size_bytes:
        found += sock.recv(65536)
    return found


def _read_to_end(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * 50_000])
def test_a_head_and_a_short_body_are_sent_together(body: bytes) -> None:
    near, far = socket.socketpair()
    with near, far:
        channel = _Counted(near)
        writer = Writer(channel, 10, 1e6)
        with writer.holding():
            assert writer.write(_HEAD) == len(_HEAD)
        assert channel.sent == []
        if body:
            assert writer.write(body) == len(body)
        assert writer.push()
        assert _received(far, len(_HEAD + body)) == _HEAD + body
        assert channel.sent == [len(_HEAD + body)]
        assert writer.bytes_written == len(_HEAD + body)


def test_pieces_of_all_sizes_come_whole_and_in_order() -> None:
    sizes = (1, 100, 65_535, 65_536, 65_537, 262_144 - len(_HEAD), 262_145, 3)
    for several in itertools.permutations(sizes, 2):
        near, far = socket.socketpair()
        with near, far, ThreadPoolExecutor(1) as readers:
            reading = readers.submit(_read_to_end, far)
            writer = Writer(_Counted(near), 10, 1e6)
            with writer.holding():
                writer.write(_HEAD)
            pieces = [bytes([65 + place]) * size for place, size in enumerate(several)]
            for piece in pieces:
                writer.write(piece)
            while not writer.push():
                pass
            near.shutdown(socket.SHUT_WR)
            assert reading.result(60) == b"".join([_HEAD, *pieces])
