from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.boot.tftp.packets import ReadRequest
from controller.boot.tftp.transfer import BrokenOff, Source, Transfer


@dataclass
class Client:
    """The other side, in time of its own: takes blocks in order, and loses those packets that ``loses`` names by their count."""

    loses: Callable[[int], bool] = lambda _count: False
    now: float = 0.0
    data: bytes = b""
    next_number: int = 1
    sent: int = 0
    answers: list[bytes] = field(default_factory=list)
    is_mute: bool = False
    last_packet: bytes = b""

    def send(self, data: bytes, /) -> int:
        self.sent += 1
        self.last_packet = data
        if self.loses(self.sent) or self.is_mute:
            return len(data)
        if data[:2] == b"\0\x06":
            self.answers.append(b"\0\x04\0\0")
            return len(data)
        number = int.from_bytes(data[2:4])
        if number == self.next_number & 0xFFFF:
            self.data += data[4:]
            self.next_number += 1
        self.answers.append(b"\0\x04" + (self.next_number - 1 & 0xFFFF).to_bytes(2))
        return len(data)

    def receive(self, timeout_s: float) -> bytes | None:
        if self.answers:
            return self.answers.pop(0)
        self.now += timeout_s or 0.001
        return None

    def clock(self) -> float:
        return self.now


def source_of(content: bytes) -> Source:
    place = 0

    def read(count: int) -> bytes:
        nonlocal place
        place += count
        return content[place - count : place]

    return Source(size_bytes=len(content), read=read)


def send(client: Client, content: bytes, request: ReadRequest) -> None:
    Transfer(client, client.clock).send(request, source_of(content))


@given(
    size=st.integers(0, 5000),
    block_bytes=st.sampled_from([None, 8, 512, 1024]),
    window=st.sampled_from([None, 1, 4]),
    lost=st.sets(st.integers(1, 400), max_size=60),
)
def test_whatever_is_lost_on_the_way_the_file_arrives_as_it_is(
    size: int, block_bytes: int | None, window: int | None, lost: set[int]
) -> None:
    client = Client(loses=lambda count: count in lost and count % 3 > 0)
    content = bytes(number % 251 for number in range(size))
    request = ReadRequest(name=b"f", block_bytes=block_bytes, window=window, wants_size=True)
    send(client, content, request)
    assert client.data == content


def test_more_than_65535_blocks_are_sent() -> None:
    client = Client()
    content = b"12345678" * 70_000
    send(client, content, ReadRequest(name=b"f", block_bytes=8, window=16))
    assert client.data == content


def test_a_file_that_ends_with_a_block_has_an_empty_one_after_it() -> None:
    client = Client()
    send(client, b"x" * 1024, ReadRequest(name=b"f"))
    assert client.last_packet == b"\0\x03\0\x03"


def test_a_client_that_does_not_answer_gets_a_few_packets_and_no_more() -> None:
    client = Client(is_mute=True)
    with pytest.raises(BrokenOff, match="no answer for 4 s"):
        send(client, b"x" * 9000, ReadRequest(name=b"f", block_bytes=1024))
    assert client.sent <= 6
    client = Client(is_mute=True)
    with pytest.raises(BrokenOff):
        send(client, b"x" * 9000, ReadRequest(name=b"f"))
    assert client.sent <= 6


def test_a_client_that_ends_it_is_believed() -> None:
    client = Client(answers=[b"\0\x05\0\x00enough\0"])
    with pytest.raises(BrokenOff, match="the client ended"):
        send(client, b"x", ReadRequest(name=b"f", wants_size=True))


def test_a_client_that_keeps_a_transfer_alive_for_ever_is_cut_off() -> None:
    client = Client(is_mute=True)

    def receive(timeout_s: float) -> bytes:
        client.now += 5
        return client.last_packet.replace(b"\0\x03", b"\0\x04", 1)[:4]

    client.receive = receive  # type: ignore[method-assign]
    with pytest.raises(BrokenOff, match="takes too long"):
        send(client, b"x" * 1_000_000, ReadRequest(name=b"f"))


def test_old_answers_are_not_answered_so_that_no_block_is_sent_twice_for_one_lost_packet() -> None:
    client = Client()
    client.answers = [b"\0\x04\0\0"] * 5
    send(client, b"x" * 2000, ReadRequest(name=b"f", block_bytes=1024))
    assert client.sent == 1 + 2
