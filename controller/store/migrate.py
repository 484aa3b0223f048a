"""Brings a database to the tables of this version (Alembic, in process, from the installed package).

All migrations that a database lacks are one transaction: a controller killed in the middle leaves the database as it
was. SQLite can do that (its DDL is transactional) once the transaction is begun by hand, which neither its Python
driver nor Alembic does. Foreign keys are off meanwhile, because SQLite cannot change most of a table but by a new
one in its place, and dropping the old one would delete what refers to it (https://sqlite.org/lang_altertable.html,
section 7); they are checked before the commit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from controller.errors import DatabaseUnusable
from controller.store.database import Store

_SCRIPTS = Path(__file__).parent / "migrations"
_POSTGRES_LOCK = 0x1A607
"""Any number: controllers that start together take turns under it. SQLite has one writer anyway."""
_IDLE_S = 300
"""One that stands still for longer has lost its controller, and another one may begin."""
_VERSION_TABLE = "alembic_version"


def known_revisions() -> tuple[str, ...]:
    """Return the revisions of the tables that this version knows, the newest first."""
    return tuple(script.revision for script in ScriptDirectory(str(_SCRIPTS)).walk_revisions())


def migrate(store: Store, *, to: str = "head") -> None:
    """Apply every migration that the database does not have yet, or none.

    Args:
        store: The database.
        to: Last migration to apply.

    Raises:
        DatabaseUnusable: It cannot be opened, is damaged, newer than this program, or another program's. It is as
            it was before.
    """
    where = store.engine.url.render_as_string(hide_password=True)
    try:
        with _transaction(store) as connection:
            config = _config(connection)
            _check_is_ours(connection, ScriptDirectory.from_config(config), where)
            command.upgrade(config, to)
            _check_references(store, connection, where)
    except SQLAlchemyError as error:
        raise DatabaseUnusable(
            f"the database {where} cannot be used: {_reason(error)}; nothing was changed in it; check that it is "
            "there, whole, and writable for this user, or set database_url to another"
        ) from error


@contextmanager
def _transaction(store: Store) -> Iterator[Connection]:
    """Give a connection of its own, in a transaction that no other controller's migration is in."""
    with store.engine.connect() as connection:
        connection.detach()  # what is set here must not come back to the others by the pool
        with connection.begin():
            if store.is_sqlite:
                connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                # What a migration works out between two statements takes longer than what others may.
                idle = f"idle_in_transaction_session_timeout = {1000 * _IDLE_S}"
                connection.exec_driver_sql(f"SET LOCAL {idle}")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})")
            yield connection


def _check_is_ours(connection: Connection, scripts: ScriptDirectory, where: str) -> None:
    """Refuse a database that a newer version or another program has made."""
    tables = set(inspect(connection).get_table_names())
    known = [script.revision for script in scripts.walk_revisions()]
    heads = MigrationContext.configure(connection).get_current_heads()
    unknown = sorted(set(heads) - set(known))
    if unknown:
        raise DatabaseUnusable(
            f"the database {where} was made by a newer version of this program, or by another one: its tables are "
            f"of revision {', '.join(unknown)}, and this version knows those up to {known[0]}; start the version "
            "that made it, or set database_url to another database, for example a backup from before the upgrade"
        )
    others = sorted(tables - {_VERSION_TABLE})
    if others and not heads:
        raise DatabaseUnusable(
            f"the database {where} belongs to another program, or its first start was broken off: it has tables "
            f"({', '.join(others[:5])}), but not this program's record of its version; set database_url to an "
            "empty or new database"
        )


def _check_references(store: Store, connection: Connection, where: str) -> None:
    """Refuse to keep a migration that leaves rows which refer to nothing."""
    if not store.is_sqlite:
        return  # PostgreSQL checks them as it goes
    lost = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if lost:
        tables = ", ".join(sorted({str(row[0]) for row in lost}))
        raise DatabaseUnusable(
            f"the database {where} has {len(lost)} rows (in {tables}) that refer to rows which are not there; "
            "nothing was changed; restore a backup"
        )


def _reason(error: SQLAlchemyError) -> str:
    """Return what the database said, without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return " ".join(str(cause).split())[:300]


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
