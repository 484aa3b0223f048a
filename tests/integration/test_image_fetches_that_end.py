"""How the image store's fetches end that cannot go on: a server that sends nothing, a file that others write, a database that is away."""

import fcntl
import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from controller.errors import Conflict
from controller.images.fetching import FetchFailed, Patience, Target, fetch
from controller.workflow import image_copies
from controller.workflow.image_copies import jobs
from controller.workflow.image_keeper import ImageKeeper
from tests.integration.controller_api import make_api
from tests.integration.image_server import ImageServer

CONTENT = os.urandom(3 << 20)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    "faults", [{"is_empty": True}, {"statuses": [204] * 50}], ids=["206", "204"]
)
def test_a_server_that_answers_well_and_sends_nothing_is_given_up(
    server: ImageServer, faults: dict[str, Any]
) -> None:
    source, pauses = server.serve("disk.raw", CONTENT, **faults), list[float]()

    @contextmanager
    def writing(_start_byte: int) -> Iterator[Callable[[bytes], None]]:
        yield lambda _piece: None

    def sleep(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    asked = itertools.count()
    target = Target(
        writing=writing,
        expect=lambda _size_bytes: None,
        note=lambda _bytes_done: next(asked) < 100,  # then the test would be told to stop
        most_bytes=1 << 30,
    )
    patience = Patience(piece_s=5.0, whole_s=5.0, sleep=sleep)
    with pytest.raises(FetchFailed, match="without a byte of the image"):
        fetch([source], 0, target, patience, is_known=False)
    assert len(server.requests) == len(pauses) + 1


def test_a_file_that_somebody_else_writes_puts_the_fetch_off(
    tmp_path: Path, server: ImageServer
) -> None:
    api = make_api(tmp_path, image_store_free_mib=1)
    keeper = ImageKeeper(api.services)

    def work() -> dict[str, Any]:
        for job in jobs(api.services):
            keeper._work(job)
        return dict(api.ok("GET", "/v1/images/held"))

    body = {"name": "held", "urls": [server.serve("disk.raw", CONTENT)]}
    part = keeper._files.folder / f"{api.ok('POST', '/v1/images', body)['uuid']}.part"
    part.parent.mkdir()
    with part.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        found = work()
        assert found["status"] == "saving"
        assert "is just being written by another request" in found["last_error"]
        assert found["last_error"].endswith("it is tried again")
    assert work()["status"] == "checking"
    found = work()
    assert (found["status"], found["last_error"], found["os_hash_value"]) == (
        "active",
        None,
        DIGEST,
    )
    api.services.store.close()


@pytest.mark.parametrize("failure", [Conflict("held"), FetchFailed("gone")])
def test_a_database_that_is_away_while_a_failure_is_written_ends_no_thread_with_a_traceback(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
) -> None:
    api = make_api(tmp_path, image_store_free_mib=1)
    keeper = ImageKeeper(api.services)
    api.ok("POST", "/v1/images", {"name": "away", "urls": ["http://127.0.0.1:9/a"]})
    (job,) = jobs(api.services)

    def away(*_arguments: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("away"))

    def fails(_job: object) -> int:
        raise failure

    monkeypatch.setattr(keeper, "_fetch", fails)
    monkeypatch.setattr(image_copies, "put_off", away)
    monkeypatch.setattr(keeper, "_give_up", away)
    keeper._work(job)
    assert "the database does not answer; it is tried again" in caplog.text
    api.services.store.close()
