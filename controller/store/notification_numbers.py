"""Gives notifications their numbers, when somebody is about to read them.

Who writes a notification takes nothing that other writers want. Who reads numbers first what has been committed since, under
one row's lock and in one transaction: so whoever has seen number N never sees a lower one later, whichever controller wrote
it. What one node has told is in its order: its row is locked before the notification is written.
"""

from sqlalchemy import select, text

from controller.store.database import Store
from controller.store.notifications import NOTIFICATION_TABLE

_MOST = 1000
"""In one transaction."""
_LOCK = text(
    "INSERT INTO notification_counters (id, last) VALUES (1, 0)"
    " ON CONFLICT (id) DO UPDATE SET last = notification_counters.last RETURNING last"
)
_NUMBER = text(
    "UPDATE notifications SET number = :last + fresh.place FROM"
    " (SELECT id, row_number() OVER (ORDER BY id) AS place FROM notifications WHERE number IS NULL ORDER BY id LIMIT :most)"
    " AS fresh WHERE notifications.id = fresh.id"
)
_NOTE = text("UPDATE notification_counters SET last = :last WHERE id = 1")
_FRESH = select(NOTIFICATION_TABLE.c.id).where(NOTIFICATION_TABLE.c.number.is_(None)).limit(1)


def give_numbers(store: Store) -> None:
    """Number everything that has been committed; costs one look at an index where there is nothing.

    Raises:
        SQLAlchemyError: The database fails.
    """
    while _has_fresh(store) and _give_some(store) == _MOST:
        pass


def _has_fresh(store: Store) -> bool:
    with store.look() as connection:
        return connection.scalar(_FRESH) is not None


def _give_some(store: Store) -> int:
    with store.change() as connection:
        last = int(connection.execute(_LOCK).scalar_one())
        given = connection.execute(_NUMBER, {"last": last, "most": _MOST}).rowcount
        connection.execute(_NOTE, {"last": last + given})
    return given
