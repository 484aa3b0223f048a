"""Keeps the histories of nodes from growing without end.

Only nodes with new entries since the last time are looked at, each by one range of an index; the first time, all are.
"""

from sqlalchemy import ColumnElement, and_, delete, func, select

from controller.store.database import Store
from controller.store.events import FOREIGN_KEPT
from controller.store.tables import NodeEvent


class HistoryLimit:
    """Removes all but the newest ``keep`` entries of each node's history, and of those that strangers cause."""

    def __init__(self, store: Store, keep: int) -> None:
        self._store = store
        self._keep = keep
        self._seen_id = 0

    def apply(self) -> int:
        """Remove what is too old, in a short transaction per node, and return how many entries that were."""
        with self._store.read() as session:
            newest_id = session.scalar(select(func.max(NodeEvent.id))) or 0
            query = select(NodeEvent.node_id).where(NodeEvent.id > self._seen_id).distinct()
            node_ids = session.scalars(query).all() if newest_id != self._seen_id else ()
        foreign = min(self._keep, FOREIGN_KEPT)
        removed = sum(
            self._shorten(node_id, NodeEvent.is_foreign.is_(is_foreign), keep)
            for node_id in node_ids
            for is_foreign, keep in ((False, self._keep), (True, foreign))
        )
        self._seen_id = newest_id
        return removed

    def _shorten(self, node_id: int, which: ColumnElement[bool], keep: int) -> int:
        mine = and_(NodeEvent.node_id == node_id, which)
        newest_first = select(NodeEvent.id).where(mine).order_by(NodeEvent.id.desc())
        with self._store.read() as session:
            last_to_go = session.scalar(newest_first.offset(keep).limit(1))
        if last_to_go is None:
            return 0
        with self._store.edit() as session:
            old = delete(NodeEvent).where(mine, NodeEvent.id <= last_to_go).returning(NodeEvent.id)
            return len(session.scalars(old).all())
