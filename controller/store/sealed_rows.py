"""Which key a database's secrets are sealed with: checked at every start, and changed by ``ingot-controller rekey``.

The table ``secret_keys`` has one row as soon as every secret is sealed. The file gets a key before the first row needs it,
and loses one after the last row that needed it: a program that is killed between leaves both usable.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, Table, Text, select, text, type_coerce, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from controller.errors import SecretsUnreadable, SettingsError
from controller.store.database import Store
from controller.store.key_file import KeyFile, new_key
from controller.store.schema import METADATA
from controller.store.sealing import (
    MARK,
    Keyring,
    SealedJson,
    SealedText,
    is_sealed,
    must_be_sealed,
    use_keyring,
)
from controller.store.tables import SecretKey

_CHECK = "check"
_CHECKED = "ingot"
_BATCH_ROWS = 200
_WRITERS_S = 60.0
_PAUSE_S = 0.1
_POSTGRES_LOCK = 0x1A608
"""Any number: controllers that start together take turns under it."""


def unlock(store: Store, path: Path) -> None:
    """Give the store the keys of its secrets; the first start makes a key and seals what an older version left open.

    Raises:
        SettingsError: The key file is missing, or is not the one of this database; nothing is changed then.
    """
    file = KeyFile(path)
    sealed_rows = 0
    with store.edit() as session:
        _take_turns(store, session)
        known = session.scalars(select(SecretKey)).one_or_none()
        if known is None:
            if not file.load():
                file.write((new_key(),))
            keyring = Keyring(file)
            use_keyring(store.engine.dialect, keyring)
            sealed_rows = sum(
                _seal_rows(session, keyring, table, is_first=True) for table in _tables()
            )
            session.add(_named_key(keyring))
        else:
            use_keyring(store.engine.dialect, opened_keyring(file, known))
    if sealed_rows:
        forget_old_pages(store)


def rekey(store: Store) -> int:
    """Seal every secret with a new key and drop the old ones; return how many rows were changed.

    Controllers that read the same file may run meanwhile. After a kill in the middle both keys are in the file, everything
    works, and the next call finishes.

    Args:
        store: A store that was unlocked.

    Raises:
        SettingsError: The key file cannot be written; nothing is changed then.
    """
    keyring = store.keyring
    file = keyring.file
    key = new_key()
    file.write((key, *file.load()))
    changed = _seal_everything(store, keyring)
    _wait_for_earlier_writers(store)
    while late := _seal_everything(store, keyring):
        changed += late
    with store.edit() as session:
        session.merge(_named_key(keyring))
    file.write((key,))
    forget_old_pages(store)
    return changed


def forget_old_pages(store: Store) -> None:
    """Have SQLite write its file anew, or what was there before could still be read in pages that are free."""
    if not store.is_sqlite:
        return
    try:
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM"))
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    except SQLAlchemyError as error:
        raise SettingsError(
            "the secrets are sealed, but what they were before can still be in free pages of the database's file: it "
            f"could not be written anew ({type(error).__name__}: {error}); stop the controller, make room, and run VACUUM with sqlite3"
        ) from error


def opened_keyring(file: KeyFile, known: SecretKey) -> Keyring:
    """Return the keys after the check that they are this database's.

    Raises:
        SettingsError: They are not, or there is no file.
    """
    keyring = Keyring(file)
    belongs = f"the secrets of this database are sealed with key {known.key_id}"
    advice = (
        "put back the key file that belongs to it (of several controllers each needs a copy of the same file; "
        "setting secrets_key_file)"
    )
    if not keyring.ids:
        raise SettingsError(f"{belongs}, but the key file {file.path} does not exist; {advice}")
    if known.key_id not in keyring.ids:
        has = ", ".join(keyring.ids)
        raise SettingsError(f"{belongs}, but the key file {file.path} has {has}; {advice}")
    try:
        keyring.open(known.check_value, _CHECK)
    except SecretsUnreadable as error:
        raise SettingsError(f"{belongs}, and that key does not open its check: {error}") from error
    return keyring


def _named_key(keyring: Keyring) -> SecretKey:
    return SecretKey(id=1, key_id=keyring.ids[0], check_value=keyring.seal(_CHECKED, _CHECK))


def _tables() -> Iterable[Table]:
    return [table for table in METADATA.sorted_tables if _sealed_columns(table)]


def _sealed_columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.c if isinstance(column.type, SealedJson | SealedText)]


def _seal_rows(session: Session, keyring: Keyring, table: Table, *, is_first: bool = False) -> int:
    """Seal all rows of a table in this transaction; return how many were changed.

    With ``is_first`` nothing was sealed before: what looks sealed is what somebody once wrote.
    """
    changed, after = 0, None
    while True:
        ids, count = _seal_batch(session, keyring, table, after, is_first=is_first)
        changed += count
        if not ids:
            return changed
        after = ids[-1]


def _seal_batch(
    session: Session, keyring: Keyring, table: Table, after: Any, *, is_first: bool = False
) -> tuple[list[Any], int]:
    """Seal the rows after this id that are not sealed with the first key; return the ids seen and the number changed."""
    columns, first = _sealed_columns(table), keyring.ids[0]
    (key,) = table.primary_key.columns
    raw = [type_coerce(column, _raw_type(column)) for column in columns]
    query = select(key, *raw).order_by(key).limit(_BATCH_ROWS).with_for_update()
    rows = session.execute(query.where(key > after) if after is not None else query).all()
    changed = 0
    for row in rows:
        stale = {
            column: value
            for column, value in zip(columns, row[1:], strict=True)
            if _is_stale(column, value, first)
        }
        if stale:
            opened = select(*stale).where(key == row[0])
            plain = stale.values() if is_first else session.execute(opened).one()
            values = dict(zip([column.name for column in stale], plain, strict=True))
            session.execute(update(table).where(key == row[0]).values(values))
            changed += 1
    return [row[0] for row in rows], changed


def _raw_type(column: Column[Any]) -> JSON | Text:
    return JSON(none_as_null=True) if isinstance(column.type, SealedJson) else Text()


def _is_stale(column: Column[Any], raw: Any, key_id: str) -> bool:
    """Say whether a stored value has a secret that is open, or sealed with another key."""
    begin = f"{MARK}{key_id}:"
    if isinstance(column.type, SealedText):
        return bool(raw) and not raw.startswith(begin)
    if not isinstance(raw, dict):
        return False
    return any(
        not part.startswith(begin) if is_sealed(part) else must_be_sealed(name, part)
        for name, part in raw.items()
    )


def _take_turns(store: Store, session: Session) -> None:
    if not store.is_sqlite:
        session.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})"))


def _seal_everything(store: Store, keyring: Keyring) -> int:
    """Seal all rows in many short transactions; return how many were changed."""
    changed = 0
    for table in _tables():
        after: Any = None
        while True:
            with store.edit() as session:
                ids, count = _seal_batch(session, keyring, table, after)
            changed += count
            if not ids:
                break
            after = ids[-1]
    return changed


def _wait_for_earlier_writers(store: Store) -> None:
    """Wait for every transaction that began before now: it may have sealed something with the old key.

    SQLite has one writer, whom the transactions before this have waited for.

    Raises:
        SettingsError: One does not end.
    """
    if store.is_sqlite:
        return
    with store.edit() as session:
        mine = session.scalar(text("SELECT txid_current()"))
    end = time.monotonic() + _WRITERS_S
    is_over = text("SELECT txid_snapshot_xmin(txid_current_snapshot()) >= :mine")
    while True:
        with store.read() as session:
            if session.scalar(is_over, {"mine": mine}):
                return
        if time.monotonic() >= end:
            raise SettingsError(
                f"a transaction in the database has been open for {_WRITERS_S:.0f} s, so the old key is kept beside the "
                "new one; end it and say rekey again"
            )
        time.sleep(_PAUSE_S)
