import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, select

from controller.store.database import Store
from controller.store.events import record_event
from controller.store.history_limit import HistoryLimit
from controller.store.migrate import migrate
from controller.store.tables import Node, NodeEvent
from tests.integration.postgres_server import postgres_server

KEEP = 10


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        opened = Store(f"sqlite:///{tmp_path}/history.sqlite")
        migrate(opened)
        yield opened
        opened.close()
        return
    with postgres_server() as url:
        opened = Store(url)
        migrate(opened)
        yield opened
        opened.close()


def add_node(store: Store, name: str) -> None:
    values = {"uuid": str(uuid.uuid4()), "created_at": 1.0, "provision_state": "enroll"}
    with store.edit() as session:
        session.add(Node(name=name, driver="fake-hardware", **values))


def add_events(store: Store, name: str, first: int, count: int) -> None:
    with store.edit() as session:
        node = session.scalars(select(Node).where(Node.name == name)).one()
        for number in range(first, first + count):
            record_event(session, node, "agent", f"{name} {number}", at=float(number))


def history(store: Store, name: str) -> list[str]:
    query = select(NodeEvent.message).join(Node, Node.id == NodeEvent.node_id)
    with store.read() as session:
        return list(session.scalars(query.where(Node.name == name).order_by(NodeEvent.id)))


def test_the_newest_entries_of_each_node_stay(store: Store) -> None:
    for name in ("a", "b", "c"):
        add_node(store, name)
    add_events(store, "a", 0, 25)
    add_events(store, "b", 0, KEEP)
    add_events(store, "a", 25, 5)
    limit = HistoryLimit(store, KEEP)
    assert limit.apply() == 20
    assert history(store, "a") == [f"a {number}" for number in range(20, 30)]
    assert len(history(store, "b")) == KEEP
    assert limit.apply() == 0
    add_events(store, "b", KEEP, 1)
    add_events(store, "c", 0, 3)
    assert limit.apply() == 1
    assert history(store, "b") == [f"b {number}" for number in range(1, KEEP + 1)]
    assert len(history(store, "c")) == 3


def test_with_nothing_new_it_costs_one_small_query(store: Store) -> None:
    add_node(store, "a")
    add_events(store, "a", 0, KEEP + 1)
    limit = HistoryLimit(store, KEEP)
    assert limit.apply() == 1
    statements: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert limit.apply() == 0
    (statement,) = [one for one in statements if one != "BEGIN"]  # of the moment that is read
    assert "max(" in statement
