"""Copies of a SQLite database by SQLite's own backup (https://sqlite.org/backup.html)."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.engine import make_url

from controller.errors import SettingsError
from controller.store.backup.content import Content, restored_statements
from controller.store.backup.whole_file import flush

_MAGIC = b"SQLite format 3\x00"
_WAIT_S = 30.0
_KEPT = ".before-restore"


class Kind:
    """What ``order.py`` wants of a kind of database."""

    NAME = "SQLite"

    def is_backup(self, file: Path) -> bool:
        """Say whether a file looks like one; an empty one does, for nothing is lost with it."""
        with file.open("rb") as opened:
            return opened.read(len(_MAGIC)) in {_MAGIC, b""}

    def is_place(self, url: str, file: Path) -> bool:
        """Say whether the database itself has this name."""
        place = _place(url)
        return file.resolve() == place.resolve() or (file.exists() and file.samefile(place))

    def write(self, url: str, part: Path) -> None:
        """Copy the database as it is at one moment.

        In one step: SQLite begins anew whenever somebody else has written between two of them. Writers go on meanwhile.
        """
        place = _place(url)
        if not place.is_file():
            raise SettingsError(f"there is no database {place}")
        _copy(place, part)

    def content_of(self, file: Path) -> Content:
        """Read what a backup says of itself, after a check of every page of it."""
        try:
            with closing(_open(file, "ro")) as connection:
                return _content(connection, file)
        except sqlite3.Error as error:
            raise SettingsError(f"{file} cannot be used: {error}") from error

    def prepare(self, url: str, file: Path, _scratch: Path, revision: str) -> "Prepared":
        """Copy a backup, whose tables are of this revision, to the database's side."""
        place = _place(url)
        new = place.with_name(f"{place.name}.restored")
        for name in (new, *_beside(new)):
            name.unlink(missing_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(file, new)
        try:
            with closing(_open(new, "rw")) as connection, connection:
                for statement in restored_statements(revision):
                    connection.execute(statement)
        except sqlite3.Error as error:
            raise SettingsError(f"{file} cannot be restored: {error}") from error
        return Prepared(new, place)


class Prepared:
    """A database that is ready to take the place of another one."""

    def __init__(self, new: Path, place: Path) -> None:
        self._new = new
        self._place = place

    def replace(self) -> None:
        """Take its place; the old one is kept under another name, if there is one.

        The old one's log is emptied into it before: beside the new file it would be taken for that one's.
        """
        flush(self._new)
        if self._place.exists():
            _empty_log(self._place)
            kept = self._place.with_name(f"{self._place.name}{_KEPT}")
            kept.unlink(missing_ok=True)
            os.link(self._place, kept)
        self._new.replace(self._place)
        flush(self._place.parent)

    def close(self) -> None:
        """Remove what was not needed."""
        self._new.unlink(missing_ok=True)


def _place(url: str) -> Path:
    name = make_url(url).database
    if not name or name == ":memory:":
        raise SettingsError("a database in memory has no backup: set database_url to a file")
    return Path(name)


def _open(path: Path, mode: str) -> sqlite3.Connection:
    address = f"file:{quote(str(path.resolve()))}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=_WAIT_S)


def _copy(source: Path, target: Path) -> None:
    """Copy a database into an empty file, which then needs no other file beside it."""
    try:
        with closing(_open(source, "rw")) as read, closing(_open(target, "rw")) as written:
            read.backup(written, pages=-1)
            written.execute("PRAGMA journal_mode = DELETE").fetchall()
    except sqlite3.Error as error:
        raise SettingsError(f"{source} cannot be copied to {target}: {error}") from error


def _content(connection: sqlite3.Connection, file: Path) -> Content:
    found = connection.execute("PRAGMA integrity_check(5)").fetchall()
    if found != [("ok",)]:
        raise SettingsError(f"{file} is damaged: {'; '.join(str(row[0]) for row in found)[:300]}")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not {"alembic_version", "nodes", "secret_keys"} <= tables:
        return Content(revision="", key_id="", check_value="")
    (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or ("",)
    key = connection.execute("SELECT key_id, check_value FROM secret_keys").fetchone() or ("", "")
    return Content(revision=revision, key_id=key[0], check_value=key[1])


def _beside(place: Path) -> list[Path]:
    return [place.with_name(f"{place.name}-{what}") for what in ("wal", "shm", "journal")]


def _empty_log(place: Path) -> None:
    """Have a database without a log; that of one that cannot be read is put aside with it."""
    try:
        with closing(_open(place, "rw")) as connection:
            (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        if mode == "delete":
            return
        raise SettingsError(f"{place} is in use by another program; end it first")
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise SettingsError(f"{place} is in use by another program; end it first") from error
    except sqlite3.DatabaseError:
        pass  # it is damaged: that is why a backup is restored
    for name in _beside(place):
        with suppress(FileNotFoundError):
            name.replace(name.with_name(f"{name.name}{_KEPT}"))
