"""So many writers at once and no more; each is known by its name, to this process alone."""

import pytest

from agent.protocol.lun_writing import WriteOrder, WriteReport
from agent.protocol.receipt import Receipt
from controller.images.lun_writers import LunWriters

ORDER: WriteOrder = object()  # type: ignore[assignment]  # nothing looks at it
DONE = Receipt(
    image="http://web/a",
    digest="sha256:7e",
    format="raw",
    disk="/dev/sda",
    image_bytes=1,
    content_bytes=1,
    written_bytes=1,
    zeroed_bytes=0,
    seconds=1.0,
    rate_bytes_per_s=1.0,
    verified="none",
    compared_bytes=0,
)


class Writer:
    def __init__(self) -> None:
        self.report = WriteReport()
        self.is_ended = False
        self.begun_at = 0.0

    @property
    def has_ended(self) -> bool:
        return self.report.receipt is not None or self.report.error is not None

    def look(self) -> WriteReport:
        return self.report

    def end(self) -> None:
        self.is_ended = True


class Pool:
    def __init__(self) -> None:
        self.started: list[Writer] = []
        self.writers = LunWriters(self._start)  # type: ignore[arg-type]  # doubles

    def _start(self, _order: WriteOrder, _total_s: float) -> Writer:
        self.started.append(Writer())
        return self.started[-1]

    def begin(self, most: int = 2) -> str:
        name = self.writers.reserve(most)
        assert name is not None
        self.writers.begin(name, ORDER, total_s=9.0)
        return name


@pytest.fixture
def pool() -> Pool:
    return Pool()


def test_one_more_than_the_most_has_to_wait_for_the_end_of_another(pool: Pool) -> None:
    pool.begin()
    second = pool.begin()
    assert pool.writers.reserve(2) is None
    pool.started[0].report = WriteReport(receipt=DONE)
    third = pool.begin()
    assert pool.writers.reserve(2) is None
    pool.writers.end(third)
    pool.writers.end(second)
    assert pool.started[2].is_ended
    assert pool.writers.reserve(2) is not None


def test_a_reserved_place_counts_until_it_is_given_back(pool: Pool) -> None:
    name = pool.writers.reserve(1)
    assert name is not None
    assert pool.writers.reserve(1) is None
    pool.writers.give_back(name)
    assert pool.writers.reserve(1) is not None


def test_a_writer_that_could_not_be_started_takes_no_place() -> None:
    def fail(_order: WriteOrder, _total_s: float) -> Writer:
        raise OSError("no room")

    writers = LunWriters(fail)  # type: ignore[arg-type]  # a double
    name = writers.reserve(1)
    assert name is not None
    with pytest.raises(OSError, match="no room"):
        writers.begin(name, ORDER, total_s=9.0)
    assert writers.reserve(1) is not None


def test_a_name_of_another_process_is_unknown(pool: Pool) -> None:
    name = pool.begin()
    assert pool.writers.look(name) == WriteReport()
    assert pool.writers.look("another") is None
    pool.writers.end("another")
    pool.writers.end(name)
    assert pool.writers.look(name) is None


def test_all_end_with_their_controller(pool: Pool) -> None:
    pool.begin()
    pool.begin()
    pool.writers.close()
    assert all(writer.is_ended for writer in pool.started)
