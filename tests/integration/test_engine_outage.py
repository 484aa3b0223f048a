"""The database goes away and comes back: work goes on within moments, and the log gets a few lines."""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from controller.hardware.bmc import PowerState
from controller.workflow.verbs import set_power
from tests.integration.databases import new_database, postgres_url, url
from tests.integration.running_controller import RunningController
from tests.integration.waiting import wait_until

__all__ = ["postgres_url", "url"]

_MOST_LINES = 8


@contextmanager
def outage(address: str) -> Iterator[None]:
    """SQLite: somebody holds the write lock. PostgreSQL: connections are ended and refused."""
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        holder = sqlite3.connect(str(url.database), isolation_level=None, timeout=30)
        holder.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            holder.execute("ROLLBACK")
            holder.close()
        return
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    ended = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false"))
        connection.execute(ended, {"name": url.database})
        try:
            yield
        finally:
            connection.execute(text(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true"))
    engine.dispose()


def test_results_outlive_an_outage_and_work_goes_on_at_once(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.store.database._SQLITE_BUSY_TIMEOUT_S", 0.2)
    controller = RunningController(tmp_path, database_url=url, claim_lease_s=600.0)
    controller.start()
    go_on = threading.Event()
    asked = threading.Event()

    def slow_state(**_named: float) -> PowerState:
        asked.set()
        assert go_on.wait(60)
        return PowerState.ON

    try:
        names = [f"m{number}" for number in range(20)]
        for name in names:
            controller.enrol(name, "manageable").power_state = slow_state  # type: ignore[method-assign]
        for name in names:
            set_power(controller.services, name, "power on", None)
        assert asked.wait(10)
        with caplog.at_level(logging.WARNING), outage(url):
            go_on.set()
            wait_until(lambda: "the database fails" in caplog.text, 20, "a line in the log")
            reasons = " ".join(controller.services.health.reasons(controller.services))
            assert "database" in reasons
            time.sleep(3)  # every thread has tried several times
        wait_until(
            lambda: {controller.node(name).power_state for name in names} == {PowerState.ON},
            30,
            "all results",
        )
        wait_until(lambda: all(controller.node(n).work is None for n in names), 30, "the end")
        assert len(caplog.records) <= _MOST_LINES, caplog.text
        wait_until(lambda: "answers again" in caplog.text, 10, "the other line")
        for name in names:
            messages = [event.message for event in controller.events(name, "power")]
            assert len(messages) == 1, messages
    finally:
        go_on.set()
        controller.stop()


@pytest.mark.postgres
def test_a_stage_that_the_database_leaves_in_the_middle_is_run_again(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait for the ramdisk looks into the node's history, after it has asked the BMC."""
    url = new_database(postgres_url)
    controller = RunningController(tmp_path, database_url=url, claim_lease_s=600.0)
    asked, go_on = threading.Event(), threading.Event()

    def slow_state(**_named: float) -> PowerState:
        asked.set()
        assert go_on.wait(60)
        return PowerState.ON

    controller.start()
    try:
        bmc = controller.enrol("m1", "manageable")
        bmc.machine.behaviour.calls_back = False
        controller.ask("m1", "provide")
        wait_until(lambda: controller.node("m1").stage == "clean.wait_for_agent", 20, "the wait")
        monkeypatch.setattr(bmc, "power_state", slow_state)
        assert asked.wait(20)
        with outage(url):
            go_on.set()
            wait_until(lambda: bool(controller.engine.ailments()), 20, "a failure of the database")
        monkeypatch.undo()
        bmc.machine.behaviour.calls_back = True
        bmc.machine.crash()  # another boot
        assert controller.wait_for("m1", "available").last_error is None
    finally:
        go_on.set()
        controller.stop()
