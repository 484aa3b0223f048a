"""Claims raced by threads and processes, on SQLite and on PostgreSQL: the same promises on both."""

import multiprocessing
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, update

from controller.store.claims import Claim, claim_due, held, let_go, next_due_at, release_all
from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.tables import Base, Node
from tests.integration.postgres_server import postgres_server

NODES = 40


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/claims.sqlite"
    address: str = request.getfixturevalue("postgres_url")
    return address


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    migrate(opened)
    with opened.edit() as session:
        session.execute(delete(Node))
    yield opened
    opened.close()


def add_nodes(store: Store, count: int, due_at: float | None) -> None:
    with store.edit() as session:
        for _number in range(count):
            session.add(
                Node(
                    uuid=str(uuid.uuid4()),
                    created_at=1.0,
                    provision_state="enroll",
                    driver="fake-hardware",
                    stage="x",
                    due_at=due_at,
                )
            )


def claim_all(url: str, owner: str, counts: "multiprocessing.Queue[list[str]]") -> None:
    store = Store(url)
    mine: list[str] = []
    threads = [threading.Thread(target=claim_some, args=(store, owner, mine)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    counts.put(mine)


def claim_some(store: Store, owner: str, mine: list[str]) -> None:
    while claim := claim_due(store, owner, lease_s=60.0):
        mine.append(claim.node.uuid)
        time.sleep(0.001)
        with store.edit() as session:
            row = held(session, claim)
            assert row
            let_go(row, due_at=None)


def test_many_processes_claim_every_node_exactly_once(store: Store, url: str) -> None:
    add_nodes(store, NODES, due_at=1.0)
    context = multiprocessing.get_context("spawn")
    counts: multiprocessing.Queue[list[str]] = context.Queue()
    workers = [
        context.Process(target=claim_all, args=(url, f"host{number}", counts))
        for number in range(3)
    ]
    for worker in workers:
        worker.start()
    claimed = Counter(uuid for _worker in workers for uuid in counts.get(timeout=60))
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    assert len(claimed) == NODES
    assert set(claimed.values()) == {1}


def test_a_claimed_node_is_nobody_elses_until_the_lease_ends(store: Store) -> None:
    add_nodes(store, 1, due_at=1.0)
    first = claim_due(store, "a", lease_s=0.3)
    assert first
    assert claim_due(store, "b", lease_s=60.0) is None
    assert next_due_at(store) == first.expires_at
    time.sleep(0.35)
    second = claim_due(store, "b", lease_s=60.0)
    assert second
    with store.edit() as session:
        assert held(session, first) is None
        assert held(session, second) is not None


def test_the_end_of_a_claim_keeps_what_others_asked_for_meanwhile(store: Store) -> None:
    add_nodes(store, 1, due_at=1.0)
    claim = claim_due(store, "a", lease_s=60.0)
    assert claim
    with store.edit() as session:  # a heartbeat
        session.execute(update(Node).values(due_at=5.0))
    with store.edit() as session:
        row = held(session, claim)
        assert row
        let_go(row, due_at=100.0)
    assert next_due_at(store) == 5.0


def test_a_node_made_due_while_the_claim_waited_for_the_lock_is_claimed(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/claims.sqlite")
    migrate(store)
    add_nodes(store, 1, due_at=None)
    claimed: list[Claim | None] = []
    claimer = threading.Thread(target=lambda: claimed.append(claim_due(store, "a", lease_s=60.0)))
    with store.edit() as session:  # a heartbeat that has the lock
        claimer.start()
        time.sleep(0.3)
        session.execute(update(Node).values(due_at=time.time()))
    claimer.join(30)
    store.close()
    assert claimed[0] is not None


def test_a_restarted_controller_frees_its_own_claims_only(store: Store) -> None:
    add_nodes(store, 2, due_at=1.0)
    mine = claim_due(store, "a", lease_s=60.0)
    others = claim_due(store, "b", lease_s=60.0)
    assert mine
    assert others
    assert list(release_all(store, "a")) == [mine.node.uuid]
    again = claim_due(store, "a", lease_s=60.0)
    assert again
    assert again.node.uuid == mine.node.uuid
    assert claim_due(store, "a", lease_s=60.0) is None
    with store.edit() as session:
        assert held(session, mine) is None
        assert held(session, others) is not None


def test_nothing_due_is_nothing_claimed(store: Store) -> None:
    add_nodes(store, 1, due_at=None)
    add_nodes(store, 1, due_at=time.time() + 1000)
    assert claim_due(store, "a", lease_s=60.0) is None
    due_at = next_due_at(store)
    assert due_at
    assert due_at > time.time() + 900


def test_migrations_make_exactly_the_tables_of_the_code(store: Store) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
