"""Opens the database that the settings name."""

from pathlib import Path

from controller.settings import Settings
from controller.store.database import Store
from controller.store.sealed_rows import unlock
from controller.store.up_to_date import bring_up_to_date


def open_store(settings: Settings) -> Store:
    """Return the database that the settings name, brought to this version's tables."""
    directory = Path(settings.state_directory)
    directory.mkdir(parents=True, exist_ok=True)
    if not settings.database_url:
        _sqlite_file(settings).touch(mode=0o600)  # it holds the BMCs' passwords
    bring_up_to_date(database_url(settings))
    store = Store(database_url(settings))
    unlock(store, key_path(settings))
    return store


def database_url(settings: Settings) -> str:
    """Return where the database is, in SQLAlchemy's form."""
    return settings.database_url or f"sqlite:///{_sqlite_file(settings)}"


def _sqlite_file(settings: Settings) -> Path:
    return (Path(settings.state_directory) / "ingot.sqlite").resolve()


def key_path(settings: Settings) -> Path:
    """Return the file with the keys of the database's secrets."""
    return Path(settings.state_directory) / (settings.secrets_key_file or "secrets.key")
