"""Keeps the log of notifications from growing without end, and those who have many from pushing out what others have."""

import time
from collections.abc import Mapping

from sqlalchemy import Connection, and_, delete, func, select

from controller.store.database import Store
from controller.store.notification_numbers import give_numbers
from controller.store.notifications import NOTIFICATION_TABLE

_COLUMNS = NOTIFICATION_TABLE.c
_Whose = tuple[str | None, str | None]
"""Owner and lessee."""


def shares(counts: Mapping[_Whose, int], keep: int) -> Mapping[_Whose, int]:
    """Return how many everybody keeps of what they have: who has little keeps all, the others have equal shares of the rest. Pure.

    Args:
        counts: How many everybody has.
        keep: How many there may be.
    """
    kept: dict[_Whose, int] = {}
    left = keep
    by_count = sorted(counts, key=lambda one: counts[one])
    for place, whose in enumerate(by_count):
        kept[whose] = min(counts[whose], left // (len(by_count) - place))
        left -= kept[whose]
    return kept


class NotificationLimit:
    """Removes what is more than may be kept, or too old."""

    def __init__(self, store: Store, *, keep: int, longest_s: float) -> None:
        """Take the bounds: how many, and for how long."""
        self._store, self._keep, self._longest_s = store, keep, longest_s

    def apply(self) -> int:
        """Remove it, in short transactions, and return how many notifications that were."""
        give_numbers(self._store)
        return self._remove_old() + self._remove_beyond()

    def _remove_old(self) -> int:
        is_old = _COLUMNS.at < time.time() - self._longest_s
        with self._store.look() as connection:
            first = connection.scalar(select(func.min(_COLUMNS.number)))
            is_first_old = select(is_old).where(_COLUMNS.number == first)
            if first is None or not connection.scalar(is_first_old):
                return 0
            last_to_go = connection.scalar(select(func.max(_COLUMNS.number)).where(is_old)) or 0
        with self._store.change() as change:
            return _remove_until(change, last_to_go)

    def _remove_beyond(self) -> int:
        with self._store.look() as connection:
            count = connection.scalar(select(func.count()).select_from(NOTIFICATION_TABLE)) or 0
            if count <= self._keep:
                return 0
            whose = (_COLUMNS.owner, _COLUMNS.lessee)
            found = connection.execute(select(*whose, func.count()).group_by(*whose)).all()
        counts = {(row[0], row[1]): int(row[2]) for row in found}
        kept = shares(counts, self._keep)
        return sum(self._keep_newest(one, kept[one]) for one in counts if kept[one] < counts[one])

    def _keep_newest(self, whose: _Whose, keep: int) -> int:
        is_theirs = and_(
            _COLUMNS.owner.is_not_distinct_from(whose[0]),
            _COLUMNS.lessee.is_not_distinct_from(whose[1]),
        )
        numbered = select(_COLUMNS.number).where(is_theirs, _COLUMNS.number.is_not(None))
        newest_first = numbered.order_by(_COLUMNS.number.desc())
        with self._store.change() as change:
            last_to_go = change.scalar(newest_first.offset(keep).limit(1))
            if last_to_go is None:
                return 0
            of_theirs = delete(NOTIFICATION_TABLE).where(is_theirs)
            return change.execute(of_theirs.where(_COLUMNS.number <= last_to_go)).rowcount


def _remove_until(change: Connection, number: int) -> int:
    return change.execute(delete(NOTIFICATION_TABLE).where(_COLUMNS.number <= number)).rowcount
