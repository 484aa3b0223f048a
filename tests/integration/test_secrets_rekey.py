"""A new key for the secrets in the database, on SQLite and PostgreSQL: while others write, and killed at any moment."""

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import SettingsError
from controller.store.key_file import KeyFile
from controller.store.nodes import get_node
from controller.store.sealed_rows import rekey
from tests.integration.sealed_store import (
    DATABASES,
    DRIVER_INFO,
    TEXTS,
    add_node,
    assert_readable,
    close_stores,
    database,
    key_ids,
    opened,
)


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as found:
        yield found


@pytest.fixture(autouse=True)
def _close_stores() -> Iterator[None]:
    yield
    close_stores()


def test_a_new_key_seals_everything_and_the_old_one_is_dropped(url: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    store = opened(url, keys)
    for number in range(450):
        add_node(store, f"n{number}", agent_secret=None)
    old = shutil.copy(keys, tmp_path / "old")
    before = key_ids(url)
    assert rekey(store) == 2 * 450  # a node and its config drive are rows of two tables
    assert len(KeyFile(keys).load()) == 1
    assert key_ids(url).isdisjoint(before)
    with store.read() as session:
        assert get_node(session, "n449").driver_info == DRIVER_INFO
    store.close()
    with pytest.raises(SettingsError, match="are sealed with key"):
        opened(url, Path(old))
    opened(url, keys).close()


def test_a_new_key_while_others_write_loses_nothing(url: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    store, other = opened(url, keys), opened(url, keys)
    for number in range(40):
        add_node(store, f"n{number}")
    stop, written = threading.Event(), [0]

    def write() -> None:
        while not stop.is_set():
            name = f"n{random.randrange(40)}"
            with other.edit() as session:
                node = get_node(session, name, for_update=True)
                node.driver_info = {**DRIVER_INFO, "n": written[0]}
                node.driver_info = dict(DRIVER_INFO)
                node.agent_secret = None
                session.flush()
                node.agent_secret = TEXTS["agent_secret"]
            written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            seen = written[0]
            rekey(store)
            while written[0] == seen:
                time.sleep(0.01)
    finally:
        stop.set()
        writer.join()
    other.close()
    (used,) = {key.id for key in KeyFile(keys).load()}
    assert key_ids(url) == {used}
    for number in range(40):
        assert_readable(opened(url, keys) if number == 0 else store, f"n{number}")


def test_rekey_that_is_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    url, keys = f"sqlite:///{tmp_path}/ingot.sqlite", tmp_path / "secrets.key"
    store = opened(url, keys)
    for number in range(300):
        add_node(store, f"n{number}")
    chance = random.Random(4711)
    for _ in range(12):
        child = os.fork()
        if child == 0:
            rekey(opened(url, keys))
            os._exit(0)
        time.sleep(chance.uniform(0.0, 0.25))
        os.kill(child, 9)
        os.waitpid(child, 0)
        again = opened(url, keys)
        for number in range(0, 300, 50):
            assert_readable(again, f"n{number}")
        again.close()
    words = [sys.executable, "-m", "controller.cli", "rekey", "--state-directory", str(tmp_path)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=60)
    assert "are sealed with a new key" in done.stdout
    (used,) = {key.id for key in KeyFile(keys).load()}
    assert key_ids(url) == {used}
    for number in range(300):
        assert_readable(store, f"n{number}")
