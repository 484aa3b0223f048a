"""How far a target has been told, and which controller tells it.

The place is in the database: after a restart it goes on there, and what was sent and not noted is sent again under the same
``webhook-id``. With PostgreSQL the controller that tells a target holds an advisory lock by the very connection that notes
the place: who has lost the one has lost the other. It is none of the pool's: it is held for as long as the controller tells.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.database import Store
from controller.store.notification_log import extent
from controller.store.notifications import WebhookPlace

_LOCK = text("SELECT pg_try_advisory_lock(:key)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The place of one target, while it is ours to tell."""

    number: int
    """Of the last notification that is done with."""
    save: Callable[[int], None]
    """Notes another one; raises ``SQLAlchemyError`` if that, or the right to tell, is lost."""
    check: Callable[[], None]
    """Raises the same, if it is."""


@contextmanager
def held_place(store: Store, name: str) -> Iterator[Place | None]:
    """Give the place of a target, which has begun; ``None`` = another controller tells it.

    Raises:
        SQLAlchemyError: The database fails.
    """
    if store.is_sqlite:
        with store.look() as connection:
            number = _read(connection, name)
        yield Place(number=number, save=lambda to: _save(store, name, to), check=lambda: None)
        return
    key = int.from_bytes(hashlib.sha256(f"webhook {name}".encode()).digest()[:8], signed=True)
    with store.session_of_its_own() as connection:
        if not connection.scalar(_LOCK, {"key": key}):
            yield None
            return
        yield Place(
            number=_read(connection, name),
            save=lambda to: _write(connection, name, to),
            check=lambda: connection.execute(text("SELECT 1")).close(),
        )


def begin(store: Store, name: str) -> None:
    """Have a target that is new begin with what comes from now on.

    Raises:
        SQLAlchemyError: The database fails.
    """
    insert = sqlite.insert if store.is_sqlite else postgresql.insert
    row = insert(WebhookPlace).values(name=name, place=extent(store).newest)
    with store.change() as connection:
        connection.execute(row.on_conflict_do_nothing())


def _read(connection: Connection, name: str) -> int:
    query = select(WebhookPlace.place).where(WebhookPlace.name == name)
    return int(connection.execute(query).scalar_one())


def _save(store: Store, name: str, number: int) -> None:
    with store.change() as connection:
        _write(connection, name, number)


def _write(connection: Connection, name: str, number: int) -> None:
    connection.execute(update(WebhookPlace).where(WebhookPlace.name == name).values(place=number))
