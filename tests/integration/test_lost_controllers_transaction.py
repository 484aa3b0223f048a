"""PostgreSQL: a controller that is lost in the middle of a transaction, or holds a connection for long, holds up no other one."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import InternalError

from controller.notifications.webhooks.place import begin, held_place
from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.notification_log import extent
from controller.store.postgres_options import IDLE_IN_TRANSACTION_S
from tests.integration.databases import add_nodes, new_database, postgres_url

__all__ = ["postgres_url"]
pytestmark = pytest.mark.postgres
_PATIENCE_S = 4 * IDLE_IN_TRANSACTION_S

_HOLDER = """
import sys
from sqlalchemy import text
from controller.store.database import Store
with Store(sys.argv[1]).change() as connection:
    connection.execute(text("INSERT INTO notification_counters (id, last) VALUES (1, 0)"))
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    opened = Store(new_database(postgres_url))
    migrate(opened)
    yield opened
    opened.close()


@pytest.mark.long
@pytest.mark.timeout(180)
def test_one_that_is_stopped_while_it_numbers_stops_no_writer_and_readers_not_for_long(
    store: Store,
) -> None:
    words = [sys.executable, "-c", _HOLDER, store.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGSTOP)
        try:
            add_nodes(store, 1, None)
            seen: list[int] = []
            reader = threading.Thread(target=lambda: seen.append(extent(store).newest), daemon=True)
            reader.start()
            reader.join(_PATIENCE_S)
        finally:
            os.kill(holder.pid, signal.SIGCONT)
        _, said = holder.communicate(timeout=60)
    assert seen == [1]
    assert holder.returncode != 0
    assert "idle" in said


def test_all_connections_have_the_bounds_beside_what_the_address_asks_for(store: Store) -> None:
    name = "idle_in_transaction_session_timeout"
    with store.read() as session:
        assert session.scalar(text(f"SHOW {name}")) == f"{IDLE_IN_TRANSACTION_S}s"
    for asked, own in (("-c work_mem=8MB", "15s"), (f"-c work_mem=8MB -c {name}=40s", "40s")):
        address = make_url(store.url).update_query_dict({"options": asked})
        other = Store(address.render_as_string(hide_password=False))
        with other.look() as connection:
            assert connection.scalar(text("SHOW work_mem")) == "8MB"
            assert connection.scalar(text(f"SHOW {name}")) == own
        other.close()


def test_places_of_webhooks_take_no_connection_of_the_pool(store: Store) -> None:
    begin(store, "a")
    with held_place(store, "a") as place, held_place(store, "a") as second:
        assert place is not None
        assert second is None
        assert store.engine.pool.status().endswith("Checked out connections: 0")
        place.save(7)
        place.check()
    with held_place(store, "a") as again:  # nobody has it any more
        assert again is not None
        assert again.number == 7


def test_a_migration_may_think_for_longer(postgres_url: str) -> None:
    hurried = {"options": "-c idle_in_transaction_session_timeout=300"}
    address = make_url(new_database(postgres_url)).update_query_dict(hurried)
    other = Store(address.render_as_string(hide_password=False))
    thought = list[str]()

    def think(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().startswith("CREATE TABLE nodes"):
            thought.append(statement)
            time.sleep(1)

    event.listen(other.engine, "before_cursor_execute", think)
    migrate(other)
    assert thought
    with pytest.raises(InternalError, match="idle-in-transaction"):
        _think_in_another_transaction(other)
    other.close()


def _think_in_another_transaction(store: Store) -> None:
    with store.edit() as session:
        session.execute(text("SELECT 1"))
        time.sleep(1)
        session.execute(text("SELECT 1"))
