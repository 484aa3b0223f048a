"""Connections and transactions: one ``Store`` per process, the same code on SQLite and PostgreSQL.

``edit`` transactions are short and never span input or output to a BMC, an agent or a file.
"""

import gc
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session, sessionmaker

from controller.store.json_text import json_text, json_value
from controller.store.notifying import Notifier
from controller.store.postgres_options import connection_options
from controller.store.sealing import Keyring, keyring_of
from controller.store.steady_clock import SteadyClock
from controller.store.turns import Turns

_SQLITE_BUSY_TIMEOUT_S = 30
_WAL_PAUSE_S = 0.02
_POSTGRES_CONNECTIONS = 40
"""At most, opened when they are needed and kept: a new one costs the server a process and both sides more than most transactions."""
_JSON: Mapping[str, Any] = {"json_serializer": json_text, "json_deserializer": json_value}


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
        self.notifier = Notifier(clock=clock)
        self.notifier.listen(self._sessions)
        self.writers = Turns(f"writing to {self.engine.url.render_as_string(hide_password=True)}")
        """SQLite's one writer, shared fairly by this process's threads; other processes wait in SQLite's own way."""
        self.long_lists: AbstractContextManager[Any] = (
            threading.Lock() if self.is_sqlite else nullcontext()
        )
        """Held while a long list is read and made: SQLite's driver gives the interpreter up with each row, and two would take it from each other a thousand times."""

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
                session.connection().exec_driver_sql("BEGIN")
            else:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Give a connection for reading one statement's rows, or several's that need not be of one moment; no session, no objects."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def session_of_its_own(self) -> Iterator[Connection]:
        """Give a connection that commits each statement, takes no place in the pool, and ends at the end of the block with what it has locked."""
        with self.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()
            yield connection

    @contextmanager
    def edit(self) -> Iterator[Session]:
        """Give a session that writes; commits at the end of the block, rolls back on any error.

        SQLite takes its write lock at once (BEGIN IMMEDIATE), so read-modify-write in the block is safe;
        on PostgreSQL read the rows with ``with_for_update()``.
        """
        with self._turn() as after_commit, self._sessions() as session, session.begin():
            self._lock(session.connection(), after_commit)
            yield session

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """Give a connection that writes, as :meth:`edit` without a session: for what comes often and writes a column or two."""
        with self._turn() as after_commit, self.engine.connect() as connection, connection.begin():
            self._lock(connection, after_commit)
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[ExitStack]:
        """Wait for SQLite's one writer; what is entered into the stack ends after the commit."""
        with ExitStack() as after_commit:
            if self.is_sqlite:
                # Before a connection is taken from the pool: those who wait need none.
                after_commit.enter_context(self.writers.turn(timeout_s=_SQLITE_BUSY_TIMEOUT_S))
            yield after_commit

    def _lock(self, connection: Connection, after_commit: ExitStack) -> None:
        if self.is_sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            after_commit.enter_context(_without_collection())

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
        return create_engine(
            url,
            connect_args=connection_options(url),
            pool_size=_POSTGRES_CONNECTIONS,
            max_overflow=0,
            pool_use_lifo=True,
            pool_pre_ping=True,
            **_JSON,
        )
    engine = create_engine(
        url, connect_args={"check_same_thread": False}, pool_size=20, max_overflow=150, **_JSON
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins no transactions by itself
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {round(_SQLITE_BUSY_TIMEOUT_S * 1000)}")
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    return engine


def _use_wal(cursor: Any) -> None:
    """Turn write-ahead logging on; for this alone SQLite does not wait while another connection has the lock."""
    give_up_at = time.monotonic() + _SQLITE_BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up_at:
                raise
            time.sleep(_WAL_PAUSE_S)
        else:
            return
