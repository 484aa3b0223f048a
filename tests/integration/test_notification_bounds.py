"""What bounds the log of notifications, its pages and payloads, and who pushes out whom; a restore loses none of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import text

from controller.notifications.document import Choice
from controller.notifications.event_stream import NotificationStream
from controller.notifications.reader import Reader
from controller.store.backup.content import restored_statements
from controller.store.database import Store
from controller.store.migrate import known_revisions
from controller.store.notification_limit import NotificationLimit
from controller.store.notification_log import extent, missing, read_after
from controller.store.notifications import RESTORE_LEAP, Made, append
from tests.integration.controller_api import make_api
from tests.integration.databases import postgres_url, store, url

__all__ = ["postgres_url", "store", "url"]


def tell(
    store: Store, count: int, *, owner: str | None = None, lessee: str | None = None, size: int = 2
) -> None:
    payload = '{"x":"' + "y" * size + '"}'
    made = Made(
        event_type="baremetal.node.update.end",
        priority="info",
        node_uuid="u",
        owner=owner,
        lessee=lessee,
        payload=payload,
    )
    with store.edit() as session:
        append(session, [made] * count, publisher="p", at=4e9)


def numbers(rows: Sequence[Any]) -> list[int]:
    return [row.number for row in rows]


def test_who_changes_nodes_without_end_pushes_out_nobody_else(store: Store) -> None:
    tell(store, 3, owner="red")
    tell(store, 2)
    tell(store, 1, owner="blue", lessee="red")
    for _ in range(5):
        tell(store, 20, owner="blue")
        NotificationLimit(store, keep=20, longest_s=3600).apply()
    kept = read_after(store, 0, 1000)
    assert numbers(kept) == [1, 2, 3, 4, 5, 6, *range(93, 107)]
    assert missing(0, kept) == 86
    assert missing(92, kept[6:]) == 0


def test_a_reader_is_told_of_what_was_removed_between_others(store: Store) -> None:
    reader = Reader(store, most=1)

    def events(place: int) -> list[str]:
        stream = NotificationStream(reader, Choice(), place, may_miss=False)
        stream.feed(read_after(store, place, 100), extent(store).newest)
        found = [stream.pull() or b"" for _ in range(10)]
        heads = [one.decode().split("\n")[0] for one in found if one]
        assert heads[0].startswith("retry")
        gaps = b"".join(found).decode().split("event: gap\n")[1:]
        return [one.split("\n\n")[0] for one in gaps]

    tell(store, 2, owner="red")
    tell(store, 8, owner="blue")
    tell(store, 1, owner="red")
    NotificationLimit(store, keep=6, longest_s=3600).apply()
    assert numbers(read_after(store, 0, 100)) == [1, 2, 8, 9, 10, 11]
    assert events(0) == ['id: 0\ndata: {"until": 7}']
    assert events(4) == ['id: 7\ndata: {"until": 7}']
    assert events(7) == []


def test_pages_are_bounded_in_bytes_and_nothing_is_left_out(store: Store) -> None:
    tell(store, 30, size=200_000)
    tell(store, 1, size=5_000_000)  # as older versions wrote them
    tell(store, 50)
    place, pages = 0, list[list[int]]()
    while rows := read_after(store, place, 100):
        assert sum(len(row.payload) for row in rows[:-1]) < 1024 * 1024
        pages.append(numbers(rows))
        place = rows[-1].number
    assert [number for page in pages for number in page] == list(range(1, 82))
    assert len(pages) > 5


def test_a_list_is_bounded_in_bytes_and_goes_on_behind_next(tmp_path: Path) -> None:
    api = make_api(tmp_path)
    tell(api.services.store, 200, size=60_000)
    path, found, pages = "/v1/notifications", list[int](), 0
    while path:
        reply = api.call("GET", path)
        assert len(reply.data) < 5 * 1024 * 1024
        body: dict[str, Any] = json.loads(reply.data)
        found += [one["id"] for one in body["notifications"]]
        path, pages = body.get("next", ""), pages + 1
    assert found == list(range(1, 201))
    assert pages == 3


@pytest.mark.parametrize("given", [0, 7])
def test_a_restore_leaps_over_numbers_and_nothing_counts_as_lost(store: Store, given: int) -> None:
    if given:
        tell(store, given)
    assert extent(store).newest == given
    for times in (1, 2):
        with store.change() as connection:
            for statement in restored_statements(known_revisions()[0]):
                connection.execute(text(statement))
        assert extent(store).newest == given + times * RESTORE_LEAP
    tell(store, 3)
    rows = read_after(store, 0, 100)
    assert numbers(rows)[-1] == given + 2 * RESTORE_LEAP + 3
    for place in range(given + 1):
        assert missing(place, read_after(store, place, 100)) == 0
    fewer = cast("Any", [SimpleNamespace(number=one.number) for one in rows[2:]])
    assert missing(0, fewer) == 2


def test_what_nobody_had_read_before_the_backup_is_numbered_after_its_restore(store: Store) -> None:
    tell(store, 2)
    assert extent(store).newest == 2
    tell(store, 3)
    with store.change() as connection:
        for statement in restored_statements(known_revisions()[0]):
            connection.execute(text(statement))
    rows = read_after(store, 2, 100)
    assert numbers(rows) == [RESTORE_LEAP + number for number in (3, 4, 5)]
    assert missing(2, rows) == 0
