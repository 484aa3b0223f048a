"""Claims raced by threads and processes, on SQLite and on PostgreSQL: the same promises on both."""

import gc
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, select, update

from controller.store.claims import (
    Claim,
    Room,
    claim_due,
    held,
    let_go,
    next_due_at,
    release,
)
from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.nodes import get_node
from controller.store.schema import METADATA
from controller.store.tables import WORKFLOW, Node, Work
from tests.integration.databases import add_nodes, postgres_url, store, url

__all__ = ["postgres_url", "store", "url"]

NODES = 40


def claim(store: Store, count: int = 1, *, suspects: int = 100) -> Sequence[Claim]:
    return claim_due(store, "a", WORKFLOW, Room(any=count, suspects=suspects))


def take_away(node: Node) -> None:
    """As ``enter_stage`` does, whoever is at the node."""
    assert node.work
    node.work.claim_id = node.work.claim_owner = None


def due_at(store: Store) -> float | None:
    return next_due_at(store, "a", WORKFLOW, with_suspects=True)


def claim_all(url: str, counts: "multiprocessing.Queue[list[int]]") -> None:
    store = Store(url)
    mine: list[int] = []
    threads = [threading.Thread(target=claim_some, args=(store, mine)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    counts.put(mine)


def claim_some(store: Store, mine: list[int]) -> None:
    while due_at(store) is not None:
        for one in claim(store, 3):
            mine.append(one.work.id)
            time.sleep(0.001)
            with store.edit() as session:
                found = held(session, one)
                assert found
                let_go(found[1], due_at=None)


@contextmanager
def statements_under_lock(store: Store) -> Iterator[list[str]]:
    """Give the statements between the begin and the end of transactions that write; their begin is left out."""
    seen: list[str] = []
    writes = False

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: object) -> None:
        nonlocal writes
        is_begin = statement == "BEGIN IMMEDIATE"
        writes = writes or is_begin or "UPDATE" in statement
        if writes and not is_begin:
            seen.append(statement)

    def end(_connection: Any) -> None:
        nonlocal writes
        writes = False

    event.listen(store.engine, "before_cursor_execute", note)
    event.listen(store.engine, "commit", end)
    try:
        yield seen
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
        event.remove(store.engine, "commit", end)


def test_many_processes_claim_everything_exactly_once(store: Store, url: str) -> None:
    add_nodes(store, NODES, due_at=1.0)
    context = multiprocessing.get_context("spawn")
    counts: multiprocessing.Queue[list[int]] = context.Queue()
    workers = [context.Process(target=claim_all, args=(url, counts)) for _number in range(3)]
    for worker in workers:
        worker.start()
    claimed = Counter(one for _worker in workers for one in counts.get(timeout=60))
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    assert len(claimed) == NODES
    assert set(claimed.values()) == {1}


def test_a_claim_ends_when_it_is_released_and_its_holder_stores_nothing(store: Store) -> None:
    add_nodes(store, 1, due_at=1.0)
    (first,) = claim(store)
    assert (claim(store), due_at(store)) == ((), None)
    assert release(store, "a") == 1
    (second,) = claim(store)
    with store.edit() as session:
        assert held(session, first) is None
        assert held(session, second) is not None


def test_what_a_process_is_still_at_is_not_claimed_again(store: Store) -> None:
    add_nodes(store, 1, due_at=1.0)
    (one,) = claim(store)
    release(store, "a")
    room = Room(any=1, suspects=1)
    assert claim_due(store, "a", WORKFLOW, room, besides=[one.work.id]) == ()
    assert len(claim_due(store, "a", WORKFLOW, room)) == 1


def test_a_verb_takes_the_claim_away_though_it_read_the_row_before_the_claim(store: Store) -> None:
    add_nodes(store, 1, due_at=1.0)
    with store.read() as session:
        uuid = session.scalars(select(Node.uuid)).one()
    with store.edit() as session:
        node = get_node(session, uuid)
        assert node.work
        if not store.is_sqlite:  # where a claim needs no lock that the verb has
            (late,) = claim(store)
        node = get_node(session, uuid, for_update=True)
        take_away(node)
    if store.is_sqlite:
        (late,) = claim(store)
        with store.edit() as session:
            take_away(get_node(session, uuid, for_update=True))
    with store.edit() as session:
        assert held(session, late) is None


def test_the_end_of_a_claim_keeps_what_others_asked_for_meanwhile(store: Store) -> None:
    add_nodes(store, 1, due_at=1.0)
    (one,) = claim(store)
    with store.edit() as session:  # a heartbeat
        session.execute(update(Work).values(due_at=5.0))
    with store.edit() as session:
        found = held(session, one)
        assert found
        let_go(found[1], due_at=100.0)
    assert due_at(store) == 5.0


def test_a_node_made_due_while_the_claim_waited_for_the_lock_is_claimed(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/claims.sqlite")
    migrate(store)
    add_nodes(store, 1, due_at=None)
    claimed: list[Claim] = []
    claimer = threading.Thread(target=lambda: claimed.extend(claim(store)))
    with store.edit() as session:  # a heartbeat that has the lock
        claimer.start()
        time.sleep(0.3)
        session.execute(update(Work).values(due_at=store.steady()))
    claimer.join(30)
    store.close()
    assert len(claimed) == 1


def test_only_the_owner_of_a_node_claims_its_work_and_only_what_is_its_own_is_released(
    store: Store,
) -> None:
    add_nodes(store, 1, due_at=1.0)
    add_nodes(store, 1, due_at=1.0, conductor="b")
    (mine,) = claim(store, 5)
    (theirs,) = claim_due(store, "b", WORKFLOW, Room(any=5, suspects=5))
    assert release(store, "a") == 1
    with store.edit() as session:
        assert held(session, mine) is None
        assert held(session, theirs) is not None
    assert release(store, "b", besides=[theirs.id]) == 0


def test_a_deadline_begins_with_the_first_run_and_not_in_the_queue(store: Store) -> None:
    add_nodes(store, 1, due_at=1.0)
    before = store.steady()
    (first,) = claim(store)
    assert first.work.deadline_at is not None
    assert before + 60.0 <= first.work.deadline_at <= store.steady() + 60.0
    release(store, "a")
    (second,) = claim(store)
    assert second.work.deadline_at == first.work.deadline_at


def test_the_longest_due_comes_first_and_suspects_get_a_part(store: Store) -> None:
    for moment in (3.0, 1.0, 2.0, 4.0):
        add_nodes(store, 1, due_at=moment)
    with store.edit() as session:
        session.execute(update(Work).where(Work.due_at < 3.0).values(is_suspect=True))
    assert {one.work.is_suspect for one in claim(store, 2, suspects=1)} == {True, False}
    assert due_at(store) == 2.0
    (last,) = claim(store, 2, suspects=0)
    assert not last.work.is_suspect
    assert next_due_at(store, "a", WORKFLOW, with_suspects=False) is None
    assert due_at(store) == 2.0


@pytest.mark.parametrize("count", [1, NODES])
def test_however_much_is_claimed_the_lock_is_held_for_one_statement_about_work_alone(
    store: Store, count: int
) -> None:
    add_nodes(store, NODES, due_at=1.0)
    with statements_under_lock(store) as seen:
        assert len(claim(store, count)) == count
    (only,) = seen
    assert "UPDATE work" in only
    assert "RETURNING" not in only  # a row brought back is a step of the driver more
    assert "nodes" not in only


def test_no_garbage_is_collected_while_sqlite_is_locked_and_it_is_again_afterwards(
    store: Store,
) -> None:
    assert gc.isenabled()
    with store.edit() as session:
        assert gc.isenabled() is not store.is_sqlite
        event.listen(session, "after_commit", lambda _session: seen.append(gc.isenabled()))
        seen: list[bool] = []
    assert seen == [not store.is_sqlite]
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), store.edit():
        _ = 1 / 0
    assert gc.isenabled()


def test_nothing_due_is_nothing_claimed(store: Store) -> None:
    add_nodes(store, 1, due_at=None)
    add_nodes(store, 1, due_at=store.steady() + 1000)
    assert claim(store) == ()
    at = due_at(store)
    assert at
    assert at > store.steady() + 900


def test_migrations_make_exactly_the_tables_of_the_code(store: Store) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
