"""Writes notifications with the changes that they tell of: listens to the sessions of a ``Store``.

The rows' own changes are looked at, not those who make them: nobody can forget to tell. What columns do not say (the event of the state
table, that something was found and not ordered) is said by :func:`note_step`, :func:`note_order` and :func:`note_look`.
A fault here never ends a transaction of the engine.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.base import NO_VALUE

from controller.store.base import Base
from controller.store.item_changes import ItemChange, notification_of
from controller.store.item_payload import ITEM_KINDS, is_told
from controller.store.node_changes import (
    WATCHED,
    Interfaces,
    NodeChange,
    ProvisionStep,
    notifications_of,
)
from controller.store.notifications import Made, append
from controller.store.tables import Node

log = logging.getLogger(__name__)

_CHANGES, _ITEMS, _TOLD = "notifying.changes", "notifying.items", "notifying.told"
Ring = Callable[[], None]
"""Is called after a commit that has told something; returns at once."""


def _no_interfaces(_node: Node) -> Mapping[str, str | None]:
    return {}


@dataclass
class Notifier:
    """How one store tells of changes."""

    clock: Callable[[], float]
    publisher: str = "ingot-controller"
    interfaces: Interfaces = _no_interfaces
    rings: list[Ring] = field(default_factory=list)

    def listen(self, sessions: sessionmaker[Session]) -> None:
        """Look at what sessions change from now on."""
        event.listen(sessions, "before_flush", _collect)
        event.listen(sessions, "before_commit", self._write)
        event.listen(sessions, "after_commit", self._ring)

    def _write(self, session: Session) -> None:
        session.flush()
        changes: dict[Node, NodeChange] = session.info.pop(_CHANGES, {})
        items: dict[Base, ItemChange] = session.info.pop(_ITEMS, {})
        made: list[Made] = []
        for change in changes.values():
            try:
                made += notifications_of(change, self.interfaces)
            except Exception:  # what happens to the node counts for more than that it is told
                log.exception("a change of node %s could not be told", change.node.uuid)
        for item in items.values():
            try:
                with session.no_autoflush:
                    made += notification_of(session, item)
            except Exception:  # as above
                log.exception("a change of %s could not be told", type(item.row).__name__)
        if made:
            append(session, made, publisher=self.publisher, at=self.clock())
            session.info[_TOLD] = True

    def _ring(self, session: Session) -> None:
        if session.info.pop(_TOLD, False):
            for ring in self.rings:
                ring()


def note_step(session: Session, node: Node, step: ProvisionStep) -> None:
    """Note a step of the state table that the transaction makes."""
    _change(session, node).steps.append(step)


def note_order(session: Session, node: Node, ordered: str) -> None:
    """Note what a workflow has told the node's BMC to do."""
    _change(session, node).ordered.append(ordered)


def note_look(session: Session, node: Node) -> None:
    """Note that what the transaction stores of the node was found so, and ordered by nobody."""
    _change(session, node).is_look = True


def _change(session: Session, node: Node) -> NodeChange:
    changes: dict[Node, NodeChange] = session.info.setdefault(_CHANGES, {})
    found = changes.get(node)
    if found is None:
        found = changes[node] = NodeChange(node)
    return found


def _collect(session: Session, _context: Any, _instances: Any) -> None:
    for one in session.new:
        if isinstance(one, Node):
            _change(session, one).is_new = True
        elif type(one) in ITEM_KINDS:
            _item(session, one).is_new = True
    for one in session.deleted:
        if isinstance(one, Node):
            _change(session, one).is_gone = True
        elif type(one) in ITEM_KINDS:
            _item(session, one).is_gone = True
    for one in session.dirty:
        if isinstance(one, Node):
            _collect_values(session, one)
        elif type(one) in ITEM_KINDS and _has_other_values(one):
            _item(session, one)


def _item(session: Session, row: Base) -> ItemChange:
    items: dict[Base, ItemChange] = session.info.setdefault(_ITEMS, {})
    return items.setdefault(row, ItemChange(row))


def _has_other_values(row: Base) -> bool:
    state = inspect(row)
    before = state.committed_state
    names = (name for name, value in before.items() if value != state.dict.get(name))
    return is_told(frozenset(names))


def _collect_values(session: Session, node: Node) -> None:
    before = inspect(node).committed_state
    names = WATCHED.intersection(before)
    if not names:
        return
    change = _change(session, node)
    for name in names:
        value = before[name]
        change.before.setdefault(name, None if value is NO_VALUE else value)
