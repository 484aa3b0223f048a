"""The line between the namespaces takes its time for every frame, and drops what its queue cannot hold."""

import struct

import pytest

from tests.bench.link.bridge import Direction, wire_bytes


def packet(size: int, *, segment: int = 0) -> bytes:
    """Return a packet of IP and TCP headers (52 bytes) and ``size`` bytes, to be cut into segments if given."""
    header = struct.pack("<BBHHHH", 1, 1 if segment else 0, 52, segment, 20, 16)
    return header + bytes(52 + size)


@pytest.mark.parametrize(
    ("size", "segment", "frames"), [(0, 0, 1), (1448, 0, 1), (1448, 1448, 1), (14481, 1448, 11)]
)
def test_a_large_segment_takes_the_time_of_its_frames(size: int, segment: int, frames: int) -> None:
    assert wire_bytes(packet(size, segment=segment)) == size + frames * (52 + 38)


def test_a_packet_arrives_after_its_time_on_the_line_and_half_a_round_trip() -> None:
    way = Direction(bytes_per_s=1_000_000, delay_s=0.01)
    first, second = packet(910), packet(910)  # 1000 bytes each on the wire
    way.accept(first, now=5.0)
    way.accept(second, now=5.0)
    assert way.next_s(now=5.0) == pytest.approx(0.011)
    assert way.due(now=5.0109) == []
    assert way.due(now=5.0111) == [first]
    assert way.due(now=5.0121) == [second]
    assert way.next_s(now=6.0) is None


def test_what_the_queue_cannot_hold_is_dropped() -> None:
    way = Direction(bytes_per_s=1_000_000, delay_s=0.01)
    for _ in range(100):
        way.accept(packet(910), now=0.0)
    assert 25 <= len(way.waiting) <= 26  # 25 ms of the line
    assert way.dropped == 100 - len(way.waiting)
