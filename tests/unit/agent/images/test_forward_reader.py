"""Stretches of a stream without Range are found in passes over it; only a step back begins a new one."""

import random

import pytest

from agent.errors import ImageDownloadError
from agent.images.flow.meter import Meter
from agent.images.sources.forward_reader import ForwardReader
from agent.protocol.commands import Progress

CONTENT = random.Random(8).randbytes(3_000_000)  # content of a test image
WHY = ("the server has no Range", "enable Range there")


class Stream:
    """A source without Range that counts what it gave."""

    where = "http://h/i"
    has_ranges = False

    def __init__(self, size_bytes: int | None) -> None:
        self.size_bytes = size_bytes
        self.position = 1 << 20
        self.seeks: list[int] = []

    def read_into(self, view: memoryview) -> int:
        piece = CONTENT[self.position : self.position + min(len(view), 99_999)]
        view[: len(piece)] = piece
        self.position += len(piece)
        return len(piece)

    def read_at(self, start_byte: int, size_bytes: int) -> bytes:
        raise AssertionError("there are no ranges")

    def seek(self, start_byte: int) -> None:
        self.seeks.append(start_byte)
        self.position = start_byte

    def disconnect(self) -> None:
        raise AssertionError("nothing is disconnected")


def test_one_pass_is_enough_for_stretches_in_the_order_of_the_file() -> None:
    reports: list[Progress] = []
    stream = Stream(len(CONTENT))
    reader = ForwardReader(stream, Meter(reports.append), WHY)
    assert reader.measure() == len(CONTENT)
    for start, size in ((0, 512), (200_000, 65_536), (265_536, 1), (2_500_000, 500_000)):
        assert reader.read_at(start, size) == CONTENT[start : start + size]
    assert stream.seeks == [0]
    assert "pass 1 over the image to read its tables" in (reports[0].message or "")
    assert reader.read_at(2_600_000, 7) == CONTENT[2_600_000:2_600_007]
    assert stream.seeks == [0]  # the last stretch is still there
    assert reader.read_at(70_000, 7) == CONTENT[70_000:70_007]
    assert stream.seeks == [0, 0]


def test_an_unknown_size_takes_a_pass_of_its_own() -> None:
    stream = Stream(None)
    assert ForwardReader(stream, Meter(lambda _r: None), WHY).measure() == len(CONTENT)
    assert stream.seeks == [0]


def test_a_stream_that_ends_too_early_is_an_error() -> None:
    reader = ForwardReader(Stream(9_000_000), Meter(lambda _r: None), WHY)
    with pytest.raises(ImageDownloadError, match=r"ended at byte 3000000.*cut off or changed"):
        reader.read_at(2_900_000, 200_000)
