"""A server is given up when too little comes in the time that was spent waiting for it, and not before."""

import io
from typing import Any

import pytest

from agent.errors import SettingError
from agent.images.sources.pace import Pace, PacedReader, TooSlow


class SlowBytes(io.RawIOBase):
    """Gives ``size`` bytes at a time and lets ``seconds`` pass for each."""

    def __init__(self, size: int, seconds: float) -> None:
        self.now = 0.0
        self._size = size
        self._seconds = seconds

    def readinto(self, buffer: Any) -> int:
        self.now += self._seconds
        return self._size


def paced(raw: SlowBytes) -> PacedReader:
    return PacedReader(raw, Pace(timeout_s=60, least_bytes=100), lambda: raw.now)


def test_a_byte_a_second_is_given_up_after_the_time_limit() -> None:
    raw = SlowBytes(1, 1)
    reader = paced(raw)
    for _ in range(59):
        reader.readinto(bytearray(10))
    with pytest.raises(TooSlow, match="only 60 bytes came in 60 s, at least 100 in 60 s"):
        reader.readinto(bytearray(10))


def test_a_slow_server_that_keeps_the_pace_is_waited_for_without_end() -> None:
    reader = paced(SlowBytes(2, 1))
    assert sum(reader.readinto(bytearray(10)) or 0 for _ in range(100_000)) == 200_000


def test_time_in_which_nobody_read_does_not_count() -> None:
    raw = SlowBytes(1, 0.01)
    reader = paced(raw)
    for _ in range(1000):
        raw.now += 3600  # the disk is slow
        assert reader.readinto(bytearray(10)) == 1


def test_the_end_of_the_stream_is_no_stall() -> None:
    assert paced(SlowBytes(0, 100)).readinto(bytearray(10)) == 0


def test_a_pace_without_time_is_refused() -> None:
    with pytest.raises(SettingError, match="not above 0"):
        Pace(timeout_s=0)
