"""Notifications get their numbers from their readers: writers do not wait for each other, and readers miss nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.notification_limit import NotificationLimit
from controller.store.notification_log import extent, read_after
from controller.store.notification_numbers import give_numbers
from controller.store.notifications import Made, append
from tests.integration.databases import postgres_url, store, url

__all__ = ["postgres_url", "store", "url"]

_WRITERS, _EACH, _READERS = 6, 40, 3


def made(name: str) -> Made:
    return Made(
        event_type="baremetal.node.update.end",
        priority="info",
        node_uuid=name,
        owner=None,
        lessee=None,
        payload="{}",
    )


def tell(store: Store, *names: str) -> None:
    with store.edit() as session:
        append(session, [made(name) for name in names], publisher="p", at=4e9)


def told(store: Store, place: int = 0) -> list[tuple[int, str]]:
    return [(row.number, row.node_uuid) for row in read_after(store, place, 10_000)]


def test_what_is_committed_later_has_a_higher_number_though_it_was_written_before(
    store: Store,
) -> None:
    if store.is_sqlite:
        pytest.skip("SQLite has one writer")
    with store.edit() as session:
        append(session, [made("slow")], publisher="p", at=4e9)
        tell(store, "quick")  # does not wait for the other
        assert told(store) == [(1, "quick")]
    assert told(store) == [(1, "quick"), (2, "slow")]
    assert extent(store).newest == 2


def test_one_transactions_notifications_keep_their_order_and_one_rolled_back_has_none(
    store: Store,
) -> None:
    def fails() -> None:
        with store.edit() as session:
            append(session, [made("x")], publisher="p", at=4e9)
            raise RuntimeError

    tell(store, "a", "b", "c")
    with pytest.raises(RuntimeError):
        fails()
    tell(store, "d")
    assert told(store) == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    assert extent(store).oldest == 1


@pytest.mark.parametrize("count", [999, 1000, 2001])
def test_any_number_of_them_is_numbered_at_once(store: Store, count: int) -> None:
    tell(store, *(str(number) for number in range(count)))
    give_numbers(store)
    give_numbers(store)
    assert told(store) == [(number + 1, str(number)) for number in range(count)]


def test_what_nobody_reads_is_bounded_too(store: Store) -> None:
    tell(store, *(str(number) for number in range(30)))
    assert NotificationLimit(store, keep=10, longest_s=3600).apply() == 20
    assert told(store) == [(number + 1, str(number)) for number in range(20, 30)]


def test_readers_that_follow_many_writers_see_everything_once_and_in_one_order(
    store: Store,
) -> None:
    is_over = threading.Event()

    def write(writer: int) -> None:
        for number in range(_EACH):
            tell(store, f"{writer}-{number}")

    def read() -> list[tuple[int, str]]:
        seen: list[tuple[int, str]] = []
        while True:
            was_over = is_over.is_set()
            rows = told(store, seen[-1][0] if seen else 0)
            seen += rows
            if was_over and not rows:
                return seen

    with ThreadPoolExecutor(_WRITERS + _READERS) as pool:
        reading = [pool.submit(read) for _ in range(_READERS)]
        for writing in [pool.submit(write, writer) for writer in range(_WRITERS)]:
            writing.result()
        is_over.set()
        views = [one.result() for one in reading]
    assert views[0] == views[1] == views[2]
    assert [number for number, _ in views[0]] == list(range(1, _WRITERS * _EACH + 1))
    for writer in range(_WRITERS):
        own = [name for _, name in views[0] if name.startswith(f"{writer}-")]
        assert own == [f"{writer}-{number}" for number in range(_EACH)]


def test_what_had_numbers_before_the_upgrade_keeps_them(url: str) -> None:
    old = Store(url)
    migrate(old, to="0022")
    with old.change() as connection:
        connection.execute(text("INSERT INTO notification_counters (id, last) VALUES (1, 9)"))
        for number in (9, 4):
            values = f"{number}, '{number}', 1.0, 't', 'info', 'p', 'u{number}', '{{}}'"
            columns = "number, message_id, at, event_type, priority, publisher, node_uuid, payload"
            connection.execute(text(f"INSERT INTO notifications ({columns}) VALUES ({values})"))
    migrate(old)
    tell(old, "new")
    assert told(old) == [(4, "u4"), (9, "u9"), (10, "new")]
    old.close()


def test_a_controller_of_the_version_before_may_still_write_beside_new_ones(store: Store) -> None:
    tell(store, "a")
    assert told(store) == [(1, "a")]
    tell(store, "b")
    with store.change() as connection:  # as revision 0022 wrote: a number of the same counter
        taken = "UPDATE notification_counters SET last = last + 1 RETURNING last"
        number = connection.scalar(text(taken))
        columns = "number, message_id, at, event_type, priority, publisher, node_uuid, payload"
        values = f"{number}, 'm', 4e9, 't', 'info', 'p', 'old', '{{}}'"
        connection.execute(text(f"INSERT INTO notifications ({columns}) VALUES ({values})"))
    tell(store, "c")
    assert told(store) == [(1, "a"), (2, "old"), (3, "b"), (4, "c")]
