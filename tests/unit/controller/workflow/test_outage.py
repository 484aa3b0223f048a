import logging

import pytest
from psycopg.errors import StatementTooComplex
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from controller.workflow.outage import Outage, is_outage

LOCKED = OperationalError("UPDATE", {}, Exception("database is locked"))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_the_database_does_not_like_is_no_outage() -> None:
    assert is_outage(LOCKED)
    assert is_outage(NoConnection())
    assert not is_outage(DataError("INSERT", {}, Exception("a NUL")))
    assert not is_outage(ValueError())
    too_complex = OperationalError("SELECT", {}, StatementTooComplex("stack depth limit exceeded"))
    assert not is_outage(too_complex)


def test_an_outage_is_told_at_its_begin_every_minute_and_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    outage = Outage(clock)
    with caplog.at_level(logging.WARNING):
        for _second in range(130):
            for _thread in range(50):
                outage.begin(LOCKED)
            clock.now += 1
        assert len(caplog.records) == 3
        assert "database is locked (for 130 s now)" in str(outage.describe())
        outage.end()
        outage.end()
    assert "answers again, after 130.0 s" in caplog.text
    assert len(caplog.records) == 4
    assert outage.describe() is None


def test_a_database_that_comes_and_goes_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outage = Outage(Clock())
    with caplog.at_level(logging.WARNING):
        for _time in range(100):
            outage.begin(LOCKED)
            outage.end()
    assert len(caplog.records) == 2


def test_what_failed_is_done_again_until_it_succeeds_or_the_controller_stops() -> None:
    outage = Outage(Clock())
    answers = iter([LOCKED, LOCKED, None])

    def do() -> str:
        if error := next(answers):
            raise error
        return "done"

    assert outage.patiently(do, lambda _seconds: False) == "done"
    answers = iter([LOCKED])
    assert outage.patiently(do, lambda _seconds: True) is None
    with pytest.raises(DataError):
        outage.patiently(
            lambda: (_ for _ in ()).throw(DataError("x", {}, Exception())), lambda _s: False
        )
