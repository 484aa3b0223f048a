"""``ingot-controller backup`` and ``restore``: one file with the whole database, on SQLite and on PostgreSQL.

A backup may be made while controllers run, and is of one moment. It is written under another name, read back, and only then put
in its place: a program that is killed leaves the backup of before. A restore checks the file before it touches anything, and
puts the old database out of the way in one step, so that a program that is killed leaves the old one.
"""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from controller.errors import SettingsError
from controller.store.backup import postgres_dump, sqlite_copy
from controller.store.backup.content import Content, check_content
from controller.store.backup.whole_file import locked_part


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup that was made."""

    content: Content
    size_bytes: int


def back_up(url: str, file: Path) -> Made:
    """Write the database into a file, which replaces an older backup of that name.

    Args:
        url: The database, in SQLAlchemy's form.
        file: The backup.

    Raises:
        SettingsError: There is no database, the file is something else or cannot be written, or a program is missing.
    """
    kind = _kind_of(url)
    if file.exists() and not kind.is_backup(file):
        raise SettingsError(
            f"{file} exists and is no backup of a {kind.NAME} database; it is not replaced: give another name"
        )
    if kind.is_place(url, file):
        raise SettingsError(f"{file} is the database itself: give the backup another name")
    with locked_part(file) as part:
        kind.write(url, part)
        content = kind.content_of(part)
        check_content(content, part, key_file=None)
    return Made(content=content, size_bytes=file.stat().st_size)


def restore(url: str, file: Path, *, key_file: Path, scratch: Path) -> Content:
    """Put a backup in the place of the database; no controller may run meanwhile, on any machine.

    Args:
        url: The database, in SQLAlchemy's form.
        file: The backup.
        key_file: The keys of the backup's secrets: it must be there already.
        scratch: A folder for what is only needed meanwhile; the caller has its lock.

    Raises:
        SettingsError: The file is no backup, is damaged, of a newer version or without its key; or a controller runs.
    """
    kind = _kind_of(url)
    if not file.is_file():
        raise SettingsError(f"there is no backup {file}")
    if not kind.is_backup(file):
        raise SettingsError(
            f"{file} is no backup of a {kind.NAME} database, and database_url names one"
        )
    content = kind.content_of(file)
    check_content(content, file, key_file=key_file)
    with closing(kind.prepare(url, file, scratch, content.revision)) as prepared:
        prepared.replace()
    return content


def _kind_of(url: str) -> sqlite_copy.Kind | postgres_dump.Kind:
    is_sqlite = make_url(url).get_backend_name() == "sqlite"
    return sqlite_copy.Kind() if is_sqlite else postgres_dump.Kind()
