"""``/healthcheck``: 200 when the controller does its work, 503 with the reason when it does not, soon either way."""

import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.integration.controller_api import Api, make_api


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system without room."""
    folder = tmp_path / "full"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "full", folder], check=True)
    try:
        (folder / "big").write_bytes(bytes(8192))
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_controller_that_works_says_what_was_looked_at(api: Api) -> None:
    reply = api.call("GET", "/healthcheck")
    assert reply.status_code == 200
    assert reply.text == "OK: engine, database, state directory\n"


def test_a_full_disk_is_a_reason(tmp_path: Path, full_disk: Path) -> None:
    api = make_api(tmp_path)
    object.__setattr__(api.services.settings, "state_directory", str(full_disk))
    reply = api.call("GET", "/healthcheck")
    assert reply.status_code == 503
    assert f"state directory {full_disk} cannot be written: No space left" in reply.text


def test_a_locked_database_is_a_reason_and_the_answer_comes_soon(api: Api) -> None:
    path = make_url(api.services.store.url).database
    connection = sqlite3.connect(str(path), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        began = time.monotonic()
        reply = api.call("GET", "/healthcheck")
        seconds = time.monotonic() - began
    finally:
        connection.execute("ROLLBACK")
        connection.close()
    assert reply.status_code == 503
    assert "the database" in reply.text
    assert seconds < 15  # and not SQLite's patience of 30 s
    time.sleep(1.1)  # an answer is kept for a second
    assert api.call("GET", "/healthcheck").status_code == 200


def test_what_ails_the_engine_is_a_reason(api: Api) -> None:
    words = "web1: stage deploy.begin has not come back for 400 s"
    object.__setattr__(api.services, "ailments", lambda: [words])
    reply = api.call("GET", "/healthcheck")
    assert (reply.status_code, reply.text) == (503, words + "\n")
