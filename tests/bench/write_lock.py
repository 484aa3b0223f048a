"""How long SQLite's write lock is held when 10,000 nodes are due, when results are stored, and when nodes change hands."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from controller.store.claims import Claim, Room, claim_due, held, let_go, release
from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.sealed_rows import unlock
from controller.store.tables import BACKGROUND
from controller.workflow.takeover import AT_ONCE, set_conductor
from tests.bench.full_store import fill

_NODES = 10_000
_BATCH = 16
_RESULTS = 500
_ROUNDS = 3


class Holds:
    """Durations of holds of the lock, from BEGIN IMMEDIATE's answer until COMMIT's; wall and processor time.

    What SQLite does after the commit is in COMMIT's time too: the checkpoint of the write-ahead log, once in 1,000
    pages, which hinders no other writer. The figures are at most too high by that.
    """

    def __init__(self) -> None:
        self._wall_ms: list[float] = []
        self._cpu_ms: list[float] = []
        self._longest_ms: list[float] = []

    @contextmanager
    def measured(self, store: Store) -> Iterator[None]:
        """Measure each transaction in the block, all of one thread; one block is one round."""
        begun = (0.0, 0.0)
        before = len(self._wall_ms)

        def begin(_connection: Any, _cursor: Any, statement: str, *_rest: object) -> None:
            nonlocal begun
            if statement == "BEGIN IMMEDIATE":
                begun = (time.perf_counter(), time.thread_time())

        def end(_session: Session) -> None:
            self._wall_ms.append((time.perf_counter() - begun[0]) * 1000)
            self._cpu_ms.append((time.thread_time() - begun[1]) * 1000)

        event.listen(store.engine, "after_cursor_execute", begin)
        event.listen(Session, "after_commit", end)
        try:
            yield
        finally:
            event.remove(Session, "after_commit", end)
            event.remove(store.engine, "after_cursor_execute", begin)
        self._longest_ms.append(round(max(self._wall_ms[before:]), 2))

    def summary(self) -> dict[str, Any]:
        """Return how many there were, and how long they took."""
        return {
            "count": len(self._wall_ms),
            "median_ms": round(sorted(self._wall_ms)[len(self._wall_ms) // 2], 2),
            "longest_ms": max(self._longest_ms),
            "longest_of_rounds_ms": self._longest_ms,
            "longest_processor_ms": round(max(self._cpu_ms), 2),
        }


def measure_lock(folder: Path) -> dict[str, Any]:
    """Return for how long SQLite's write lock is held with 10,000 nodes, in milliseconds."""
    store = Store(f"sqlite:///{folder}/many.sqlite")
    migrate(store)
    unlock(store, folder / "secrets.key")
    fill(store, _NODES, 9, lambda _number: "well")
    taking, claiming, storing = Holds(), Holds(), Holds()
    for number in range(_ROUNDS):
        with taking.measured(store):
            _take(store, f"round {number}")
        with claiming.measured(store):
            claims = _claim_all(store, f"round {number}")
        with storing.measured(store):
            _store_results(store, claims[:_RESULTS])
        release(store, f"round {number}")
    store.close()
    return {
        "nodes": _NODES,
        f"claims of {_BATCH} due": claiming.summary(),
        "results": storing.summary(),
        f"takeovers of {AT_ONCE} nodes": taking.summary(),
    }


def _take(store: Store, name: str) -> None:
    for begin in range(1, _NODES + 1, AT_ONCE):
        with store.edit() as session:
            set_conductor(session, range(begin, begin + AT_ONCE), name)


def _claim_all(store: Store, name: str) -> list[Claim]:
    """Claim everything and keep it, so that the heap is as large as with 10,000 runs."""
    claims: list[Claim] = []
    while len(claims) < _NODES:
        claims += claim_due(store, name, BACKGROUND, Room(any=_BATCH, suspects=_BATCH))
    return claims


def _store_results(store: Store, claims: list[Claim]) -> None:
    for claim in claims:
        with store.edit() as session:
            found = held(session, claim)
            if found:
                let_go(found[1], due_at=store.steady())
