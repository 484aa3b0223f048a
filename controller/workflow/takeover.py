"""Gives every node its controller: when controllers come and go, when nodes come, and for stages of a newer version."""

import logging
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast

from sqlalchemy import Table, and_, or_, select, update
from sqlalchemy.orm import Session

from controller.store.conductors import ALIVE_S, database_now
from controller.store.events import record_event
from controller.store.tables import NODE, WORKFLOW, Conductor, Node, NodeEvent, Work
from controller.workflow.graph import STAGES
from controller.workflow.ownership import UNSERVED, Controller, owner_of, why_nobody
from controller.workflow.services import Services

log = logging.getLogger(__name__)

AT_ONCE = 25
"""So few, because SQLite writes a whole row anew."""
_is_of_node = and_(Work.subject_kind == NODE, Work.subject_id == Node.id)
_CONDUCTORS = cast("Table", Conductor.__table__).c
_SEEN = ("hostname", "hardware_types", "conductor_group", "seen_at")
_RUNNING = select(*(_CONDUCTORS[name] for name in _SEEN)).where(_CONDUCTORS.instance.is_not(None))
_COLUMNS = (Node.id, Node.uuid, Node.driver, Node.conductor_group, Node.conductor)


class Takeover:
    """This controller's part in deciding whose business a node is."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._living: frozenset[Controller] = frozenset()
        self._told: set[int] = set()
        """Nodes that nobody served when they were last looked at, so that they need not be read again."""

    def look(self, living: Sequence[Controller]) -> int:
        """Take what is ours; returns how many nodes and stages that were.

        All nodes are looked at when a controller has come or gone, else only those without a living one: a node that
        is made or changed just after a controller's death may still be given to it.
        """
        me = self._services.hostname
        has_changed = self._living != frozenset(living)
        names = {one.hostname for one in living}
        nodes = self._nodes(names, only_orphans=not has_changed)
        owners = {
            row.id: owner_of(row.uuid, row.driver, row.conductor_group, living) for row in nodes
        }
        mine = [row.id for row in nodes if owners[row.id] == me and row.conductor != me]
        for begin in range(0, len(mine), AT_ONCE):
            self._take(mine[begin : begin + AT_ONCE], living)
        if me == min(one.hostname for one in living):
            self._give_up([row for row in nodes if owners[row.id] is None], living)
        if mine:
            log.info("%d nodes are this controller's business now", len(mine))
            self._services.consoles_wanted.set()
        self._living = frozenset(living)
        return len(mine) + self._adopt_stages(names)

    def hand_over(self, limit_s: float) -> int:
        """Give nodes with something to be done to those who will own them when we have gone; they ask for due work every second.

        The others would take all of ours at their next beat, and do take the rest of them then: idle nodes, and what does not fit
        into ``limit_s`` seconds. What they have taken already stays theirs.
        """
        me = self._services.hostname
        others = [one for one in self._living if one.hostname != me]
        if not others:
            return 0
        give_up_at = time.monotonic() + limit_s
        busy = select(*_COLUMNS).where(Node.conductor == me).join(Work, _is_of_node)
        with self._services.store.read() as session:
            rows = session.execute(busy.where(Work.lane == WORKFLOW)).all()
        given = 0
        for begin in range(0, len(rows), AT_ONCE):
            if time.monotonic() >= give_up_at:
                break
            given += self._give(rows[begin : begin + AT_ONCE], others)
        return given

    def _give(self, rows: Sequence[Any], others: Collection[Controller]) -> int:
        owners = {
            row.id: owner_of(row.uuid, row.driver, row.conductor_group, others) for row in rows
        }
        me = self._services.hostname
        ours = select(Node.id).where(Node.id.in_(owners), Node.conductor == me).with_for_update()
        with self._services.store.edit() as session:
            still = session.scalars(ours).all()
            for owner in {owners[one] for one in still} - {None}:
                set_conductor(session, [one for one in still if owners[one] == owner], owner)
        return sum(owners[one] is not None for one in still)

    def forget(self) -> None:
        """Look at all nodes next time: others may have taken ours while we were not heard of."""
        self._living = frozenset()

    def _nodes(self, living: Collection[str], *, only_orphans: bool) -> Sequence[Any]:
        query = select(*_COLUMNS)
        if only_orphans:
            # Looked for in the index alone: a node's row lies on many pages, and this is asked every few seconds.
            orphans = select(Node.id).where(
                or_(Node.conductor.is_(None), Node.conductor.not_in(living))
            )
            query = query.where(Node.id.in_(orphans))
        with self._services.store.read() as session:
            return session.execute(query).all()

    def _take(self, ids: Collection[int], living: Collection[Controller]) -> None:
        """Take what is still ours under the lock: a driver or a group may have been changed since it was read."""
        me = self._services.hostname
        query = select(*_COLUMNS).where(Node.id.in_(ids)).with_for_update()
        with self._services.store.edit() as session:
            still = [
                row.id
                for row in session.execute(query)
                if owner_of(row.uuid, row.driver, row.conductor_group, living) == me
            ]
            set_conductor(session, still, me)

    def _give_up(
        self,
        rows: Iterable[Any],
        living: Collection[Controller],
    ) -> None:
        """Say once in the history of nodes that nobody serves why nothing is done for them."""
        for row in rows:
            if row.id in self._told and row.conductor is None:
                continue
            self._told.add(row.id)
            with self._services.store.edit() as session:
                node = session.get(Node, row.id)
                if node is not None:
                    set_conductor(session, [node.id], None)
                    is_lost = row.conductor is not None
                    tell_unserved(self._services, session, node, living, again=is_lost)

    def _adopt_stages(self, living: Collection[str]) -> int:
        """Take stages that their own controller did not know and we do, also of one that adopted them and has gone."""
        has_nobody = or_(Work.conductor.is_(None), Work.conductor.not_in(living))
        query = (
            select(Work.id, Work.stage)
            .join(Node, _is_of_node)
            .where(has_nobody, Node.conductor.is_not(None))
        )
        with self._services.store.read() as session:
            known = [row.id for row in session.execute(query) if row.stage in STAGES]
        if known:
            with self._services.store.edit() as session:
                session.execute(
                    update(Work)
                    .where(Work.id.in_(known), has_nobody)
                    .values(conductor=self._services.hostname)
                    .execution_options(synchronize_session=False)
                )
        return len(known)


def assign(services: Services, session: Session, node: Node) -> None:
    """Give a node that has changed, and what is to be done for it, its controller at once."""
    living = _living_now(services, session)
    node.conductor = owner_of(node.uuid, node.driver, node.conductor_group, living)
    session.flush()
    _give_work(session, [node.id], node.conductor)
    if node.conductor is None:
        tell_unserved(services, session, node, living, again=True)


def add_assigned(services: Services, session: Session, node: Node) -> None:
    """Store a new node, with its controller: nothing is to be done for it yet."""
    living = _living_now(services, session)
    node.conductor = owner_of(node.uuid, node.driver, node.conductor_group, living)
    session.add(node)
    session.flush()
    if node.conductor is None:
        tell_unserved(services, session, node, living, again=True)


def _living_now(services: Services, session: Session) -> list[Controller]:
    now = database_now(services.store, session)
    rows = session.connection().execute(_RUNNING).all()  # no rows of the session's own
    return [Controller.of(row) for row in rows if now - row.seen_at < ALIVE_S]


def tell_unserved(
    services: Services,
    session: Session,
    node: Node,
    living: Collection[Controller],
    *,
    again: bool,
) -> None:
    """Write into a node's history that no controller serves it; ``again``: also if that stands there already."""
    text = why_nobody(node.driver, node.conductor_group, living)
    told = select(NodeEvent.id).where(
        NodeEvent.node_id == node.id, NodeEvent.message.startswith(UNSERVED)
    )
    if again or session.scalar(told.limit(1)) is None:
        log.warning("%s: %s", node.name or node.uuid, text)
        at = services.clock()
        record_event(session, node, "error", text, severity="WARNING", at=at)


def set_conductor(session: Session, ids: Collection[int], conductor: str | None) -> None:
    """Give nodes and what is to be done for them to a controller; ``None`` = to nobody."""
    session.execute(
        update(Node)
        .where(Node.id.in_(ids))
        .values(conductor=conductor)
        .execution_options(synchronize_session=False)
    )
    _give_work(session, ids, conductor)


def _give_work(session: Session, ids: Collection[int], conductor: str | None) -> None:
    session.execute(
        update(Work)
        .where(Work.subject_kind == NODE, Work.subject_id.in_(ids))
        .values(conductor=conductor)
        .execution_options(synchronize_session=False)
    )
