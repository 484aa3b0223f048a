"""Dumps of a PostgreSQL database by its own programs, the only place that runs them."""

import os
import re
import shutil
import subprocess  # noqa: TID251  # a narrow door: pg_dump, pg_restore and psql only, words only, no shell
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url

from controller.errors import SettingsError
from controller.store.backup.content import Content, restored_statements
from controller.store.conductors import ALIVE_S

_MAGIC = b"PGDMP"
_LIMIT_S = 6 * 3600.0
_TABLES = ("alembic_version", "secret_keys")


class Kind:
    """What ``order.py`` wants of a kind of database."""

    NAME = "PostgreSQL"

    def is_backup(self, file: Path) -> bool:
        """Say whether a file looks like one; an empty one does, for nothing is lost with it."""
        with file.open("rb") as opened:
            return opened.read(len(_MAGIC)) in {_MAGIC, b""}

    def is_place(self, _url: str, _file: Path) -> bool:
        """Say no: the database is no file of ours."""
        return False

    def write(self, url: str, part: Path) -> None:
        """Dump the database as it is at one moment; it goes on meanwhile."""
        options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={part}")
        _run("pg_dump", [*options, f"--dbname={_address(url)}"], url)

    def content_of(self, file: Path) -> Content:
        """Read what a backup says of itself, and all of it, so that a damaged one is noticed."""
        wanted = [f"--table={name}" for name in _TABLES]
        rows = _rows(_run("pg_restore", ["--data-only", *wanted, "--file=-", str(file)]))
        _run("pg_restore", [f"--file={os.devnull}", str(file)])
        key = rows["secret_keys"]
        return Content(
            revision=rows["alembic_version"].get("version_num", ""),
            key_id=key.get("key_id", ""),
            check_value=key.get("check_value", ""),
        )

    def prepare(self, url: str, file: Path, scratch: Path, revision: str) -> "Prepared":
        """Write the SQL that replaces everything in one transaction; the backup's tables are of this revision."""
        tables = _tables_to_replace(url)
        handle, name = tempfile.mkstemp(prefix=".restore-", suffix=".sql", dir=scratch)
        os.close(handle)
        script = Path(name)
        try:
            _run(
                "pg_restore", ["--no-owner", "--no-privileges", f"--file={script}", str(file)], url
            )
        except BaseException:
            script.unlink(missing_ok=True)
            raise
        return Prepared(url, tables, script, revision)


class Prepared:
    """SQL that replaces the database."""

    def __init__(self, url: str, tables: Sequence[str], script: Path, revision: str) -> None:
        self._url, self._revision = url, revision
        self._tables = tables
        self._script = script

    def replace(self) -> None:
        """Carry it out, or nothing of it."""
        drops = [f"DROP TABLE {_quoted(name)} CASCADE" for name in self._tables]
        words = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
        words += [f"--command={statement}" for statement in drops]
        words += [f"--file={self._script}"]
        # A dump leaves its session without a search path.
        words += ["--command=RESET search_path"]
        words += [f"--command={statement}" for statement in restored_statements(self._revision)]
        _run("psql", [*words, f"--dbname={_address(self._url)}"], self._url)

    def close(self) -> None:
        """Remove what was not needed."""
        self._script.unlink(missing_ok=True)


def _tables_to_replace(url: str) -> list[str]:
    """Return the tables that are there, after the check that they are ours and that no controller uses them."""
    try:
        with psycopg.connect(_address(url), password=make_url(url).password) as connection:
            found = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            )
            tables = sorted(str(row[0]) for row in found)
            if tables and "alembic_version" not in tables:
                raise SettingsError(
                    f"the database belongs to another program: it has tables ({', '.join(tables[:5])}); set database_url "
                    "to an empty one"
                )
            living = _living(connection) if "conductors" in tables else []
    except psycopg.Error as error:
        raise SettingsError(
            f"the database cannot be used: {' '.join(str(error).split())}"
        ) from error
    if living:
        raise SettingsError(
            f"the controllers {', '.join(living)} are running on this database: stop them first (one that was killed "
            f"counts for {ALIVE_S:.0f} s)"
        )
    return tables


def _living(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    query = (
        "SELECT hostname FROM conductors WHERE instance IS NOT NULL "
        "AND seen_at > extract(epoch FROM clock_timestamp()) - %s ORDER BY hostname"
    )
    return [str(row[0]) for row in connection.execute(query, (ALIVE_S,))]


def _address(url: str) -> str:
    """Return where the database is, in libpq's form and without the password, which is not for a list of processes."""
    parsed = make_url(url)
    parts = parsed.translate_connect_args(username="user", database="dbname")
    parts.pop("password", None)
    return make_conninfo(**parts, **{name: str(value) for name, value in parsed.query.items()})


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)


def _rows(text: str) -> dict[str, dict[str, str]]:
    """Return the first row of each of our two tables in a script of pg_restore's; empty = there is none."""
    lines = text.splitlines()
    found = dict[str, dict[str, str]]()
    for table in _TABLES:
        begins = [n for n, line in enumerate(lines) if re.match(rf"COPY \S*\.{table} \(", line)]
        found[table] = {}
        if begins and lines[begins[0] + 1] != "\\.":
            head, row = lines[begins[0] : begins[0] + 2]
            columns = head.partition("(")[2].partition(")")[0].split(", ")
            found[table] = dict(zip(columns, row.split("\t"), strict=False))
    return found


def _run(program: str, words: Sequence[str], url: str | None = None) -> str:
    path = shutil.which(program)
    if path is None:
        raise SettingsError(
            f"{program} is not installed: install PostgreSQL's client programs (package postgresql-client), of the "
            "server's version or a newer one"
        )
    password = make_url(url).password if url else None
    environment = {**os.environ, "LC_ALL": "C", **({"PGPASSWORD": password} if password else {})}
    try:
        done = subprocess.run(
            [path, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
            text=True,
            errors="replace",
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise SettingsError(f"{program} did not end within {_LIMIT_S:.0f} s") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-500:]
        raise SettingsError(f"{program} failed with status {done.returncode}: {said}")
    return done.stdout
