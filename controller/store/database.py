"""Connections and transactions: one ``Store`` per process, the same code on SQLite and PostgreSQL.

``edit`` transactions are short and never span input or output to a BMC, an agent or a file.
"""

import gc
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session, sessionmaker

from controller.store.sealing import Keyring, keyring_of
from controller.store.steady_clock import SteadyClock

_SQLITE_BUSY_TIMEOUT_MS = 30_000
_WAL_PAUSE_S = 0.02


class Store:
    """The database of nodes."""

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], float] = time.time,
        steady: SteadyClock | None = None,
    ) -> None:
        """Prepare connections to ``url`` (SQLAlchemy form); nothing is opened yet."""
        self.url = url
        self.clock = clock
        self.steady = steady or SteadyClock(wall=clock)
        self.engine = _make_engine(url)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @property
    def keyring(self) -> Keyring:
        """The keys of the secrets, once the store is unlocked (``sealed_rows.py``)."""
        return keyring_of(self.engine.dialect)

    @property
    def is_sqlite(self) -> bool:
        """Whether rows are claimed under SQLite's single writer rather than with SKIP LOCKED."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session for reading, which sees one moment of the database; nothing is committed.

        Without that a node's row and its work, two queries, could be of two moments: one that has just failed would have
        no work and no error.
        """
        with self._sessions() as session:
            if self.is_sqlite:
                session.execute(text("BEGIN"))
            else:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @contextmanager
    def edit(self) -> Iterator[Session]:
        """Give a session that writes; commits at the end of the block, rolls back on any error.

        SQLite takes its write lock at once (BEGIN IMMEDIATE), so read-modify-write in the block is safe;
        on PostgreSQL read the rows with ``with_for_update()``.
        """
        with ExitStack() as after_commit, self._sessions() as session, session.begin():
            if self.is_sqlite:
                session.execute(text("BEGIN IMMEDIATE"))
                after_commit.enter_context(_without_collection())
            yield session

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


@contextmanager
def _without_collection() -> Iterator[None]:
    """Put off the interpreter's cyclic garbage collection, in all threads, while SQLite's one writer holds the lock.

    A full collection of a controller's heap takes 50 to 200 ms of processor time, and whichever thread sets it off,
    everyone who waits for the lock would wait for it too. It comes at the first allocation after the block. Where the
    ends of two blocks cross, the first one ends the pause for both: the collector is never left off.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _make_engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=20, max_overflow=20, pool_pre_ping=True)
    engine = create_engine(
        url, connect_args={"check_same_thread": False}, pool_size=20, max_overflow=150
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins no transactions by itself
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_SQLITE_BUSY_TIMEOUT_MS}")
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    return engine


def _use_wal(cursor: Any) -> None:
    """Turn write-ahead logging on; for this alone SQLite does not wait while another connection has the lock."""
    give_up_at = time.monotonic() + _SQLITE_BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up_at:
                raise
            time.sleep(_WAL_PAUSE_S)
        else:
            return
