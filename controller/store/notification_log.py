"""Reads the log of notifications, and keeps it from growing without end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, select

from controller.store.database import Store
from controller.store.notifications import NOTIFICATION_TABLE, Notification, NotificationCounter

_COLUMNS = NOTIFICATION_TABLE.c
Told = Row[Any]
"""A row of the log, with the names of its columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What the log holds."""

    oldest: int
    """The lowest number that is stored; above ``newest`` if nothing is."""
    newest: int
    """The last number that was given."""


def extent(store: Store) -> Extent:
    """Return what the log holds now."""
    with store.look() as connection:
        last = connection.scalar(select(NotificationCounter.last)) or 0
        oldest = connection.scalar(select(func.min(_COLUMNS.number)))
    newest = int(last)
    return Extent(oldest=newest + 1 if oldest is None else int(oldest), newest=newest)


def read_after(
    store: Store, place: int, limit: int, *, node_uuid: str | None = None
) -> Sequence[Told]:
    """Return the first notifications behind a place, oldest first.

    Args:
        store: The database.
        place: A number; 0 = from the oldest that is stored.
        limit: Most of them.
        node_uuid: Of this node alone.
    """
    query = (
        select(NOTIFICATION_TABLE)
        .where(_COLUMNS.number > place)
        .order_by(_COLUMNS.number)
        .limit(limit)
    )
    if node_uuid is not None:
        query = query.where(_COLUMNS.node_uuid == node_uuid)
    with store.look() as connection:
        return connection.execute(query).all()


class NotificationLimit:
    """Removes what is more than may be kept, or too old."""

    def __init__(self, store: Store, *, keep: int, longest_s: float) -> None:
        """Take the bounds: how many, and for how long."""
        self._store, self._keep, self._longest_s = store, keep, longest_s

    def apply(self) -> int:
        """Remove it, in a short transaction, and return how many notifications that were."""
        with self._store.look() as connection:
            newest_first = select(_COLUMNS.number).order_by(_COLUMNS.number.desc())
            beyond = connection.scalar(newest_first.offset(self._keep).limit(1)) or 0
            is_old = _COLUMNS.at < time.time() - self._longest_s
            oldest_first = select(_COLUMNS.number).order_by(_COLUMNS.number)
            first = connection.scalar(oldest_first.limit(1))
            aged = 0
            if first is not None and connection.scalar(
                select(is_old).where(_COLUMNS.number == first)
            ):
                aged = connection.scalar(select(func.max(_COLUMNS.number)).where(is_old)) or 0
        last_to_go = max(int(beyond), int(aged))
        if not last_to_go:
            return 0
        with self._store.change() as change:
            return change.execute(
                delete(Notification).where(_COLUMNS.number <= last_to_go)
            ).rowcount
