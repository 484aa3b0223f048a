"""SQLite's one writer: threads of a process take turns in order, other processes write between them."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.tables import Lease

_LONG_S = 60.0
_OTHER_PROCESS = """
import sys
from controller.store.database import Store
from controller.store.tables import Lease
store = Store(sys.argv[1])
for number in range(int(sys.argv[2])):
    with store.edit() as session:
        session.add(Lease(address=f"other {number}", mac="m", expires_at=0.0))
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store(f"sqlite:///{tmp_path}/ingot.sqlite")
    migrate(opened)
    return opened


def write(store: Store, name: str) -> None:
    with store.edit() as session:
        session.add(Lease(address=name, mac="m", expires_at=0.0))


def write_many(store: Store, name: str) -> None:
    for number in range(60):
        write(store, f"{name} {number}")


def order_written(store: Store) -> list[str]:
    with store.engine.connect() as connection:
        return list(
            connection.exec_driver_sql("SELECT address FROM leases ORDER BY rowid").scalars()
        )


def wait_for_waiters(store: Store, count: int) -> None:
    give_up_at = time.monotonic() + _LONG_S
    while store.writers.waiting != count:
        assert time.monotonic() < give_up_at
        time.sleep(0.001)


def test_transactions_are_made_in_the_order_in_which_they_came(store: Store) -> None:
    threads = []
    with store.edit() as session:
        session.add(Lease(address="0", mac="m", expires_at=0.0))
        for number in range(1, 33):
            threads.append(threading.Thread(target=write, args=(store, str(number))))
            threads[-1].start()
            wait_for_waiters(store, number)
    for thread in threads:
        thread.join()
    assert order_written(store) == [str(number) for number in range(33)]
    store.close()


def test_those_who_wait_need_no_connection(store: Store) -> None:
    pool = store.engine.pool
    with store.edit() as session:
        session.execute(select(Lease))
        thread = threading.Thread(target=write, args=(store, "1"))
        thread.start()
        wait_for_waiters(store, 1)
        assert pool.checkedout() == 1  # type: ignore[attr-defined]  # of a pool with a queue
    thread.join()
    store.close()


def test_an_error_or_a_refused_row_leaves_the_writer_to_the_next(store: Store) -> None:
    write(store, "1")
    with pytest.raises(SQLAlchemyError):
        write(store, "1")
    write(store, "2")
    assert order_written(store) == ["1", "2"]
    store.close()


def test_processes_write_beside_each_other_and_nothing_is_lost(store: Store) -> None:
    other = subprocess.Popen([sys.executable, "-c", _OTHER_PROCESS, store.url, "60"])
    threads = [threading.Thread(target=write_many, args=(store, name)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.wait(_LONG_S) == 0
    wanted = {f"{name} {n}" for name in ("a", "b", "c", "d", "other") for n in range(60)}
    assert set(order_written(store)) == wanted
    store.close()
