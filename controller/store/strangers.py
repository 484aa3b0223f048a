"""What strangers cause, on its way into the histories of nodes: counted here first, so that a flood costs the database little."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from controller.store.database import Store
from controller.store.events import ForeignEvent, count_event
from controller.store.tables import Node

log = logging.getLogger(__name__)
_PAUSE_S = 5.0
"""The same event of one node reaches the database at most so often; what comes between is counted."""
_MOST_KEYS = 10_000


@dataclass(slots=True)
class _Counted:
    event: ForeignEvent
    written_at: float
    pending: int = 0


class Strangers:
    """The counters of one controller process."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._counted: dict[tuple[str, str], _Counted] = {}

    def record(self, node_uuid: str, event: ForeignEvent) -> None:
        """Add to a node's history what somebody did who is not known to be its machine.

        The first of its kind is written at once, the next within some seconds are counted and written by ``flush`` or with the
        first that comes after them. A node deleted meanwhile has no history.
        """
        key, now = (node_uuid, event.same), self._clock()
        with self._lock:
            known = self._counted.get(key)
            is_news = known is None or (event.since or 0.0) > known.written_at
            if known and not is_news and _is_recent(known, now):
                known.pending += 1
                return
            times = 1 + (known.pending if known and not is_news else 0)
            if len(self._counted) >= _MOST_KEYS:
                self._counted.clear()
            self._counted[key] = _Counted(event=event, written_at=now)
        self._write(node_uuid, event, times)

    def flush(self) -> None:
        """Write what was counted, and forget what has been quiet."""
        now = self._clock()
        with self._lock:
            due = {k: c for k, c in self._counted.items() if not _is_recent(c, now)}
            for key in due:
                del self._counted[key]
        for (node_uuid, _same), counted in due.items():
            if counted.pending:
                self._write(node_uuid, counted.event, counted.pending)

    def _write(self, node_uuid: str, event: ForeignEvent, times: int) -> None:
        """Write; a database that is busy or away must not turn a refusal into an error."""
        try:
            with self._store.edit() as session:
                node = session.scalars(select(Node).where(Node.uuid == node_uuid)).one_or_none()
                if node is not None:
                    count_event(session, node, event, now=self._clock(), times=times)
        except SQLAlchemyError:
            log.exception("an event of node %s could not be written: %s", node_uuid, event.message)


def _is_recent(counted: _Counted, now: float) -> bool:
    """Say whether it was written a moment ago; by a clock that was set back since, it was not."""
    return 0 <= now - counted.written_at < _PAUSE_S
