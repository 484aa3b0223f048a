"""The bytes of a serial line over LAN over a network that does what it wants; on a clock that only the test moves."""

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.bmc.sol_stream import SolStream

_NACK, _UNAVAILABLE = 0x40, 0x20
_LONGEST_S = 2000


@dataclass(slots=True)
class _Bmc:
    """A BMC as table 15-2 has it: one packet under way, what it cannot take refused in part."""

    to_print: bytes
    takes: int
    """So much of a packet at a time."""
    typed: bytearray = field(default_factory=bytearray)
    number: int = 0
    sent: bytes = b""
    taken_number: int = 0
    answered: bytes = b""
    """To the last packet; a repetition gets the same, whatever there would be room for by then."""
    breaks: int = 0

    def answer(self, packet: bytes) -> list[bytes]:
        number, acknowledged, count, operation = packet[:4]
        if acknowledged == self.number and self.sent:
            self.to_print = self.sent[count:] + self.to_print
            self.sent = b""
        if not number:
            return self.next()
        if number == self.taken_number:
            return [self.answered, *self.next()]
        if self.taken_number not in (0, (number - 2) % 15 + 1):
            return []  # of earlier
        data = packet[4:]
        self.taken_number = number
        self.breaks += bool(operation & 0x10)
        taken = data[: self.takes]
        self.typed += taken
        status = 0 if len(taken) == len(data) else _NACK | _UNAVAILABLE
        self.answered = bytes((0, number, len(taken), status))
        return [self.answered, *self.next()]

    def next(self) -> list[bytes]:
        if not self.sent and self.to_print:
            self.number = self.number % 15 + 1
            self.sent, self.to_print = self.to_print[:30], self.to_print[30:]
        return [bytes((self.number, 0, 0, 0)) + self.sent] if self.sent else []


class _Network:
    """Packets on their way, on a clock of its own; the session below drops those that others have overtaken."""

    def __init__(self, chance: random.Random, lost: float) -> None:
        self.now = 0.0
        self._chance, self._lost = chance, lost
        self._under_way: list[tuple[float, int, bool, bytes]] = []
        self._number = 0
        self._newest = {True: 0, False: 0}

    def send(self, packet: bytes, *, to_bmc: bool) -> None:
        self._number += 1
        for _ in range(2 if self._happens() else 1):
            if not self._happens():
                delay_s = self._chance.random() if self._happens() else 0.001
                heapq.heappush(self._under_way, (self.now + delay_s, self._number, to_bmc, packet))

    @property
    def arrives_at(self) -> float:
        return self._under_way[0][0] if self._under_way else math.inf

    def arrived(self) -> Iterator[tuple[bool, bytes]]:
        while self.arrives_at <= self.now:
            _, number, to_bmc, packet = heapq.heappop(self._under_way)
            if number >= self._newest[to_bmc]:
                self._newest[to_bmc] = number
                yield to_bmc, packet

    def _happens(self) -> bool:
        return self._chance.random() < self._lost


def _carry(stream: SolStream, bmc: _Bmc, chance: random.Random, lost: float) -> bytes:
    """Let both talk until they have said everything; return what the stream has shown."""
    network, shown, repeat_at = _Network(chance, lost), bytearray(), 0.0
    while network.now < _LONGEST_S and not stream.is_silent:
        for packet in stream.packets(network.now):
            network.send(packet, to_bmc=True)
        if network.now >= repeat_at:
            for packet in bmc.next():
                network.send(packet, to_bmc=False)
            repeat_at = network.now + 0.3
        wakes_at = math.inf if stream.wakes_at is None else stream.wakes_at
        has_more = bmc.sent or bmc.to_print
        if not has_more and min(network.arrives_at, wakes_at) == math.inf:
            return bytes(shown)
        network.now = max(network.now, min(repeat_at, network.arrives_at, wakes_at)) + 1e-6
        for to_bmc, packet in network.arrived():
            if to_bmc:
                for answer in bmc.answer(packet):
                    network.send(answer, to_bmc=False)
            else:
                shown += stream.take(packet, network.now)
    assert stream.is_silent
    return bytes(shown)


@settings(max_examples=200, deadline=None)
@given(
    printed=st.binary(max_size=900),
    typed=st.binary(max_size=600),
    seed=st.integers(0, 2**32),
    lost=st.sampled_from([0.0, 0.05, 0.1, 0.2]),
    most=st.integers(1, 300),
    takes=st.integers(1, 50),
)
def test_no_byte_is_lost_or_doubled(
    printed: bytes, typed: bytes, seed: int, lost: float, most: int, takes: int
) -> None:
    stream, bmc = SolStream(most), _Bmc(printed, takes)
    stream.type(typed)
    chance = random.Random(seed)
    shown = _carry(stream, bmc, chance, lost)
    if not stream.is_silent:
        assert bytes(bmc.typed) == typed
        assert shown == printed


@pytest.mark.parametrize("seed", range(20))
def test_no_byte_of_many_is_lost_or_doubled(seed: int) -> None:
    chance = random.Random(seed)
    printed, typed = chance.randbytes(3000), chance.randbytes(3000)
    stream, bmc = SolStream(100), _Bmc(printed, 70)
    stream.type(typed)
    assert _carry(stream, bmc, chance, 0.1) == printed
    assert bytes(bmc.typed) == typed


def test_without_losses_nobody_is_silent() -> None:
    stream, bmc = SolStream(200), _Bmc(b"hello", 50)
    stream.type(b"root\r")
    assert _carry(stream, bmc, random.Random(0), 0.0) == b"hello"
    assert (bytes(bmc.typed), stream.is_silent) == (b"root\r", False)


def test_a_repetition_that_has_grown_gives_what_is_new() -> None:
    stream = SolStream(200)
    assert stream.take(b"\x01\0\0\0abcdef", 0) == b"abcdef"
    assert stream.take(b"\x01\0\0\0abcdefgh", 0) == b"gh"
    assert stream.packets(0) == [bytes((0, 1, 8, 0))]


def test_a_packet_of_earlier_gives_nothing_and_is_not_acknowledged() -> None:
    stream = SolStream(200)
    for number in (1, 2, 3):
        assert stream.take(bytes((number, 0, 0, 0)) + b"x", 0) == b"x"
    assert stream.packets(0) == [bytes((0, 3, 1, 0))]
    assert stream.take(b"\x02\0\0\0x", 0) == b""
    assert stream.packets(0) == []


def test_a_bmc_that_counts_anew_is_followed() -> None:
    stream = SolStream(200)
    for number in range(1, 6):
        stream.take(bytes((number, 0, 0, 0)) + b"x", 0)
    assert [stream.take(b"\x01\0\0\0new", 0) for _ in range(4)] == [b"", b"", b"", b"new"]


def test_a_break_is_sent_once_before_what_is_typed() -> None:
    stream, bmc = SolStream(200), _Bmc(b"", 50)
    stream.type(b"c")
    stream.send_break()
    _carry(stream, bmc, random.Random(1), 0.2)
    assert (bmc.breaks, bytes(bmc.typed)) == (1, b"c")


@pytest.mark.parametrize("packet", [b"", b"\x01", b"\x01\0\0"])
def test_what_is_no_packet_is_nothing(packet: bytes) -> None:
    stream = SolStream(200)
    assert stream.take(packet, 0) == b""
    assert stream.packets(0) == []


def test_who_puts_us_off_is_heard() -> None:
    stream = SolStream(200)
    stream.take(b"\0\0\0\x10", 0)
    assert stream.is_inactive


def test_what_is_refused_is_told_and_sent_again_later() -> None:
    stream = SolStream(200)
    stream.type(b"abc")
    assert stream.packets(0) == [b"\x01\0\0\0abc"]
    stream.take(bytes((0, 1, 0, _NACK | _UNAVAILABLE)), 0.1)
    assert stream.is_refused
    assert stream.packets(0.2) == []
    assert stream.packets(1) == [b"\x02\0\0\0abc"]
