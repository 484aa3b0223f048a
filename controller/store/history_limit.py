"""Keeps the histories of nodes from growing without end.

Only nodes with new entries since the last time are looked at, all in one statement; the first time, all nodes are.
"""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.orm import Session

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
            if newest_id == self._seen_id:
                return 0
            too_long = list(self._too_long(session))
        removed = sum(
            self._shorten(node_id, NodeEvent.is_foreign.is_(is_foreign), keep)
            for node_id, is_foreign, keep in too_long
        )
        self._seen_id = newest_id
        return removed

    def _too_long(self, session: Session) -> Iterator[tuple[int, bool, int]]:
        """Find what has more than may be kept, of the nodes with new entries: node and kind, and how many of these to keep."""
        changed = select(NodeEvent.node_id).where(NodeEvent.id > self._seen_id).distinct()
        kind = (NodeEvent.node_id, NodeEvent.is_foreign)
        counted = select(*kind, func.count()).where(NodeEvent.node_id.in_(changed)).group_by(*kind)
        foreign = min(self._keep, FOREIGN_KEPT)
        for node_id, is_foreign, count in session.execute(counted.having(func.count() > foreign)):
            keep = foreign if is_foreign else self._keep
            if count > keep:
                yield node_id, is_foreign, keep

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
