"""Migrations are all or nothing: broken off at any statement, on SQLite and PostgreSQL, nothing is lost."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Column, Double, Integer, MetaData, event, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from controller.cli import main
from controller.errors import ControllerError, DatabaseUnusable
from controller.store import migrate as migrate_module
from controller.store.database import Store
from controller.store.migrate import migrate
from tests.integration.postgres_server import postgres_server

SCRIPTS = ScriptDirectory(str(Path(migrate_module.__file__).parent / "migrations"))
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]
KEPT = ("nodes", "ports", "node_events", "conductors")


class PulledPlug(Exception):
    """Something that nobody foresees ends the migration."""


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/migrated.sqlite"
    address: str = request.getfixturevalue("postgres_url")
    store = Store(address)
    with store.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    store.close()
    return address


def value_for(column: Column[Any]) -> Any:
    if isinstance(column.type, Boolean):
        return False
    if isinstance(column.type, Integer | Double):
        return 1
    return "{}" if "JSON" in str(column.type) or column.name != "uuid" else str(uuid.uuid4())


def fill(store: Store) -> None:
    """Put a row into every table that matters, whatever its columns are in this revision."""
    metadata = MetaData()
    metadata.reflect(store.engine)
    with store.engine.begin() as connection:
        for name in KEPT:
            table = metadata.tables[name]
            row = {c.name: value_for(c) for c in table.columns if not c.nullable}
            connection.execute(table.insert().values(row))
        if not store.is_sqlite:
            for name in KEPT:
                connection.execute(
                    text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), 9)")
                )


def contents(store: Store) -> tuple[Any, ...]:
    """Return every table's columns, indexes and number of rows, and the recorded revision."""
    tables = inspect(store.engine)
    names = sorted(tables.get_table_names())
    with store.read() as session:
        return tuple(
            (
                name,
                tuple(sorted(column["name"] for column in tables.get_columns(name))),
                tuple(sorted(str(index["name"]) for index in tables.get_indexes(name))),
                session.execute(text(f"SELECT count(*) FROM {name}")).scalar(),
            )
            for name in names
        )


def rows(store: Store) -> dict[str, int | None]:
    with store.read() as session:
        query = "SELECT count(*) FROM {}"
        return {name: session.execute(text(query.format(name))).scalar() for name in KEPT}


def old_database(url: str, revision: str) -> Store:
    store = Store(url)
    if revision != "empty":
        migrate(store, to=revision)
        fill(store)
    return store


def break_off_at(store: Store, number: int, how: Any) -> list[str]:
    """Have the migration of ``store`` end before its statement ``number``; returns the list of what it has run."""
    run: list[str] = []

    def before(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if len(run) == number:
            how()
        run.append(statement)

    event.listen(store.engine, "before_cursor_execute", before)
    return run


def pull_plug() -> None:
    raise PulledPlug


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


_ALWAYS = ("empty", REVISIONS[0], *REVISIONS[-4:])
"""The others are broken off in ``make test-long``: their migrations do not change any more."""


@pytest.mark.parametrize(
    "revision",
    [
        pytest.param(one, marks=() if one in _ALWAYS else pytest.mark.long)
        for one in ("empty", *REVISIONS[:-1])
    ],
)
def test_broken_off_at_any_statement_the_next_start_finds_everything(
    url: str, revision: str
) -> None:
    old_database(url, revision).close()
    number = 0
    while True:
        store = Store(url)
        before = contents(store)
        broken = Store(url)
        run = break_off_at(broken, number, pull_plug)
        try:
            migrate(broken)
        except PulledPlug:
            assert contents(store) == before
        else:
            assert len(run) == number, "every statement of the migration was broken off once"
            break
        finally:
            broken.close()
            store.close()
        number += 1
    assert number > 3
    store = Store(url)
    expected = dict.fromkeys(KEPT, 0 if revision == "empty" else 1)
    assert rows(store) == expected
    migrate(store)
    assert rows(store) == expected
    store.close()


def migrate_and_die(url: str, number: int) -> None:
    store = Store(url)
    break_off_at(store, number, kill_self)
    migrate(store)


def test_killed_in_the_middle_the_next_start_succeeds(url: str) -> None:
    old_database(url, REVISIONS[0]).close()
    context = multiprocessing.get_context("spawn")
    for number in (4, 7):
        child = context.Process(target=migrate_and_die, args=(url, number))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL
    store = Store(url)
    migrate(store)
    assert rows(store) == dict.fromkeys(KEPT, 1)
    store.close()


def test_controllers_that_start_together_take_turns(url: str) -> None:
    together = threading.Barrier(6)
    problems: list[Exception] = []

    def start() -> None:
        store = Store(url)
        together.wait()
        try:
            migrate(store)
        except (ControllerError, SQLAlchemyError) as error:
            problems.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_table_made_anew_keeps_what_refers_to_it(tmp_path: Path) -> None:
    """SQLite deletes by cascade what refers to a table that is dropped while its foreign keys are on."""
    store = old_database(f"sqlite:///{tmp_path}/ingot.sqlite", REVISIONS[0])
    with migrate_module._transaction(store) as connection:
        connection.exec_driver_sql("CREATE TABLE copy AS SELECT * FROM nodes")
        connection.exec_driver_sql("DROP TABLE nodes")
        connection.exec_driver_sql("ALTER TABLE copy RENAME TO nodes")
    assert rows(store) == dict.fromkeys(KEPT, 1)
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    store.close()


def test_a_newer_database_is_left_alone_and_said_in_a_sentence(url: str) -> None:
    store = Store(url)
    migrate(store)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = contents(store)
    with pytest.raises(DatabaseUnusable, match="revision 9999") as refused:
        migrate(store)
    assert REVISIONS[-1] in str(refused.value)
    assert contents(store) == before
    store.close()


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE moz_places (id INTEGER)")


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 500)


def damaged(path: Path) -> None:
    store = Store(f"sqlite:///{path}")
    migrate(store)
    store.close()
    content = bytearray(path.read_bytes())
    content[100:4096] = bytes(3996)
    path.write_bytes(content)


def newer(path: Path) -> None:
    store = Store(f"sqlite:///{path}")
    migrate(store)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()


def half_made(path: Path) -> None:
    """What a version that migrated without a transaction left when it was killed in its first start."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("CREATE TABLE conductors (id INTEGER)")


def dangling(path: Path) -> None:
    store = old_database(f"sqlite:///{path}", REVISIONS[-1])
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE ports SET node_id = 77")


def dump(path: Path) -> Any:
    try:
        with closing(sqlite3.connect(path)) as connection:
            return list(connection.iterdump())
    except sqlite3.DatabaseError:
        return path.read_bytes()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (foreign, "moz_places"),
        (garbage, "not a database"),
        (damaged, "malformed"),
        (newer, "9999"),
        (half_made, "conductors"),
        (dangling, "ports"),
    ],
)
def test_what_is_no_database_of_ours_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], make: Any, said: str
) -> None:
    path = tmp_path / "ingot.sqlite"
    make(path)
    before = dump(path)
    assert main(["migrate", "--state-directory", str(tmp_path)]) == 2
    words = capfd.readouterr().err.strip().splitlines()
    assert len(words) == 1
    assert words[0].startswith("ingot-controller: the database sqlite:///")
    assert said in words[0]
    assert dump(path) == before


def test_a_controller_does_not_start_on_a_newer_database(tmp_path: Path) -> None:
    newer(tmp_path / "ingot.sqlite")
    program = Path(sys.executable).with_name("ingot-controller")
    ended = subprocess.run(
        [program, "serve", "--state-directory", tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "newer version" in ended.stderr


def test_a_database_that_is_not_there_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"postgresql+psycopg://ingot:geheim@/ingot?host={tmp_path}"
    assert main(["migrate", "--state-directory", str(tmp_path), "--database-url", url]) == 2
    words = capfd.readouterr().err.strip().splitlines()
    assert len(words) == 1
    assert "geheim" not in words[0]
    assert str(tmp_path) in words[0]
