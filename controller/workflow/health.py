"""Whether this controller does its work: the engine, the database, the disk; answered within about a second whatever happens."""

import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from controller.workflow.services import Services

CHECKED = ("engine", "database", "state directory")
_PATIENCE_S = 1.0
_KEPT_S = 1.0
"""An answer is good for so long: nobody makes the controller busy by asking for its health."""
_LOCK_PATIENCE_S = 0.8
_PROBE_BYTES = 4096


class HealthCheck:
    """Looks, and remembers for a moment what it saw. Used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="health")
        self._seen: tuple[float, Sequence[str]] | None = None

    def reasons(self, services: "Services") -> Sequence[str]:
        """Return why this controller does not do its work, a sentence each; empty = it does."""
        with self._lock:
            now = time.monotonic()
            if self._seen is None or now - self._seen[0] >= _KEPT_S:
                self._seen = (now, self._look(services))
            return self._seen[1]

    def _look(self, services: "Services") -> Sequence[str]:
        give_up_at = time.monotonic() + _PATIENCE_S
        looks = {
            "the database does not answer within a second": self._threads.submit(
                _database, services
            ),
            f"the state directory {services.settings.state_directory} does not answer within a "
            "second": self._threads.submit(_disk, services.settings.state_directory),
        }
        found = list(services.ailments())
        for late, look in looks.items():
            try:
                found += look.result(max(0.0, give_up_at - time.monotonic()))
            except NotInTime:
                look.cancel()
                found.append(late)
        return found


def _database(services: "Services") -> list[str]:
    """See whether the database answers; SQLite: whether it can be written."""
    store = services.store
    try:
        if store.is_sqlite and store.engine.url.database:
            with store.writers.turn(timeout_s=_LOCK_PATIENCE_S):
                _take_write_lock(store.engine.url.database)
        with store.read() as session:
            session.execute(text("SELECT 1"))
    except (SQLAlchemyError, sqlite3.Error) as error:
        words = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        return [f"the database fails: {words}"]
    return []


def _take_write_lock(path: str) -> None:
    connection = sqlite3.connect(path, timeout=_LOCK_PATIENCE_S, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def _disk(directory: str) -> list[str]:
    try:
        descriptor, name = tempfile.mkstemp(prefix=".health-", dir=directory)
        try:
            os.write(descriptor, bytes(_PROBE_BYTES))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        return [f"the state directory {directory} cannot be written: {error.strerror or error}"]
    return []
