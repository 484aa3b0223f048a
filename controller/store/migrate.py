"""Brings a database to the tables of this version (Alembic, in process, from the installed package)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from controller.store.database import Store

_SCRIPTS = Path(__file__).parent / "migrations"
_POSTGRES_LOCK = 0x1A607
"""Any number: controllers that start together take turns under it."""


def migrate(store: Store) -> None:
    """Apply every migration that the database does not have yet."""
    with store.engine.begin() as connection:
        if not store.is_sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})"))
        command.upgrade(_config(connection), "head")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
