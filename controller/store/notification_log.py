"""Reads the log of notifications; what has no number yet gets it first, so that nobody who reads can forget that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select

from controller.store.database import Store
from controller.store.notification_numbers import give_numbers
from controller.store.notifications import NOTIFICATION_TABLE, RESTORE_LEAP, NotificationCounter

_COLUMNS = NOTIFICATION_TABLE.c
_MOST_BYTES = 1024 * 1024
"""Of the payloads of a page but its last: each reader has one in memory."""
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
    give_numbers(store)
    with store.look() as connection:
        last = connection.scalar(select(NotificationCounter.last)) or 0
        oldest = connection.scalar(select(func.min(_COLUMNS.number)))
    newest = int(last)
    return Extent(oldest=newest + 1 if oldest is None else int(oldest), newest=newest)


def read_after(
    store: Store, place: int, limit: int, *, node_uuid: str | None = None
) -> Sequence[Told]:
    """Return the first notifications behind a place, oldest first; none = there are no more.

    Args:
        store: The database.
        place: A number; 0 = from the oldest that is stored.
        limit: Most of them; there may be fewer, for the bytes of a page are bounded, too.
        node_uuid: Of this node alone.
    """
    give_numbers(store)
    query = (
        select(NOTIFICATION_TABLE)
        .where(_COLUMNS.number > place)
        .order_by(_COLUMNS.number)
        .limit(limit)
    )
    if node_uuid is not None:
        query = query.where(_COLUMNS.node_uuid == node_uuid)
    page = query.subquery()
    length = func.length(page.c.payload)
    before = func.sum(length).over(order_by=page.c.number) - length
    measured = select(page, before.label("bytes_before")).subquery()
    columns = [one for one in measured.c if one.name != "bytes_before"]
    bounded = (
        select(*columns).where(measured.c.bytes_before < _MOST_BYTES).order_by(measured.c.number)
    )
    with store.look() as connection:
        return connection.execute(bounded).all()


def missing(place: int, rows: Sequence[Told]) -> int:
    """Return how many notifications behind a place, up to the last of ``rows``, are not stored any more; what a restore leapt over was never there.

    Args:
        place: A number.
        rows: What follows it, as :func:`read_after` returns it, of all nodes.
    """
    return (rows[-1].number - place - len(rows)) % RESTORE_LEAP if rows else 0
