"""What a database holds of secrets, on SQLite and PostgreSQL: nothing that a thief can read without the key file."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from controller import cli
from controller.errors import SecretsUnreadable, SettingsError
from controller.store.database import Store
from controller.store.key_file import KeyFile, new_key
from controller.store.migrate import migrate
from controller.store.nodes import get_node
from controller.store.sealed_rows import rekey, unlock
from controller.store.sealing import MARK, SealedJson
from controller.store.tables import Node
from tests.integration.postgres_server import postgres_server

SECRET = "geheim-4711"
URL_SECRET = "geheim-0815"
DRIVER_INFO = {
    "ipmi_address": "192.0.2.1",
    "ipmi_password": SECRET,
    "deploy_kernel": f"http://user:{URL_SECRET}@web/kernel",
    "nested": {"list": [{"api_key": SECRET}]},
    "looks_sealed": f"{MARK}0123456789ab:AAAA",
}
TEXTS = {"agent_secret": f"{SECRET}-token", "config_drive": f"{SECRET}-drive"}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ingot.sqlite"
    else:
        with postgres_server() as found:
            yield found


_OPENED: list[Store] = []


@pytest.fixture(autouse=True)
def _close_stores() -> Iterator[None]:
    yield
    while _OPENED:
        _OPENED.pop().close()


def not_yet_unlocked(url: str, to: str = "head") -> Store:
    store = Store(url)
    _OPENED.append(store)
    migrate(store, to=to)
    return store


def opened(url: str, key_file: Path) -> Store:
    store = not_yet_unlocked(url)
    unlock(store, key_file)
    return store


def add_node(store: Store, name: str = "n1", **columns: Any) -> None:
    values: dict[str, Any] = {"driver": "fake-hardware", "driver_info": DRIVER_INFO, **TEXTS}
    with store.edit() as session:
        session.add(
            Node(
                uuid=f"{name:0>36}",
                name=name,
                created_at=0.0,
                provision_state="enroll",
                **{**values, **columns},
            )
        )


def assert_readable(store: Store, name: str = "n1") -> None:
    with store.read() as session:
        node = get_node(session, name)
        assert node.driver_info == DRIVER_INFO
        assert {key: getattr(node, key) for key in TEXTS} == TEXTS


def raw_content(url: str) -> bytes:
    """Return every byte that a thief of the database would have: the files, or a dump."""
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        return b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))
    host = url.partition("host=")[2]
    program = max(Path("/usr/lib/postgresql").glob("*/bin")) / "pg_dump"
    words = [str(program), "-h", host, "-U", "ingot", "postgres"]
    return subprocess.run(words, check=True, capture_output=True, timeout=60).stdout


def key_ids(url: str) -> set[str]:
    """Return the names of the keys that the database needs."""
    parts = raw_content(url).split(MARK.encode())[1:]
    return {part[:12].decode() for part in parts} - {"0123456789ab"}


def test_nobody_reads_a_secret_in_the_database_and_the_controller_does(
    url: str, tmp_path: Path
) -> None:
    store = opened(url, tmp_path / "keys")
    add_node(store)
    content = raw_content(url)
    for secret in (SECRET, URL_SECRET):
        assert secret.encode() not in content
    assert b"192.0.2.1" in content
    assert_readable(store)
    store.close()
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert_readable(opened(url, tmp_path / "keys"))


def test_the_secrets_of_an_older_version_are_sealed_at_the_first_start(
    url: str, tmp_path: Path
) -> None:
    old = not_yet_unlocked(url, to="0003")
    with old.edit() as session:
        for number in range(450):
            values = {"driver_info": json.dumps(DRIVER_INFO), **TEXTS, "uuid": f"{number:036}"}
            columns = {**dict.fromkeys(DEFAULTS, "{}"), **values}
            names = ", ".join(columns)
            marks = ", ".join(f":{name}" for name in columns)
            session.execute(text(INSERT.format(names=names, marks=marks, n=number)), columns)
    old.close()
    assert SECRET.encode() in raw_content(url)
    store = opened(url, tmp_path / "keys")
    assert_readable(store, "n449")
    store.close()
    for secret in (SECRET, URL_SECRET):
        assert secret.encode() not in raw_content(url)


DEFAULTS = (
    "driver_internal_info",
    "instance_info",
    "properties",
    "extra",
    "network_data",
    "interfaces",
    "clean_step",
    "deploy_step",
    "service_step",
    "raid_config",
    "target_raid_config",
    "stage_data",
)
INSERT = (
    "INSERT INTO nodes (name, provision_state, driver, created_at, maintenance, traits, conductor_group,"
    " console_enabled, disable_power_off, protected, retired, {names}) VALUES ('n{n}', 'enroll', 'fake-hardware', 0,"
    " false, '[]', '', false, false, false, false, {marks})"
)


@pytest.mark.parametrize("spoil", ["missing", "another", "empty", "nonsense"])
def test_a_database_without_its_key_file_is_told_in_a_sentence(
    spoil: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, keys = f"sqlite:///{tmp_path}/ingot.sqlite", tmp_path / "keys"
    store = opened(url, keys)
    add_node(store)
    store.close()
    before = keys.read_text()
    keys.unlink()
    if spoil == "another":
        opened(f"sqlite:///{tmp_path}/other.sqlite", keys).close()
    elif spoil != "missing":
        keys.write_text("" if spoil == "empty" else "nonsense")
    words = ["--state-directory", str(tmp_path), "--secrets-key-file", str(keys)]
    for command in ("migrate", "rekey"):
        assert cli.main([command, *words]) == 2
        said = capsys.readouterr().err
        assert said.startswith("ingot-controller: the ")
        assert str(keys) in said
        assert "put" in said
        assert len(said.splitlines()) == 1
    assert keys.exists() == (spoil != "missing")
    keys.write_text(before)
    assert_readable(opened(url, keys))


def test_a_store_that_was_not_unlocked_neither_shows_nor_takes_secrets(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ingot.sqlite"
    add_node(opened(url, tmp_path / "keys"))
    locked = not_yet_unlocked(url)
    with locked.read() as session, pytest.raises(SecretsUnreadable, match="without its key file"):
        get_node(session, "n1")
    with pytest.raises(Exception, match="without its key file"):
        add_node(locked, "n2")


def test_a_sealed_value_that_was_damaged_or_moved_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ingot.sqlite"
    store = opened(url, tmp_path / "keys")
    sealed = store.keyring.seal("x", "ipmi_password")
    assert store.keyring.open(sealed, "ipmi_password") == "x"
    damaged = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    for value, name in ((damaged, "ipmi_password"), (sealed, "other"), (f"{sealed}!", "x")):
        with pytest.raises(SecretsUnreadable, match="damaged"):
            store.keyring.open(value, name)


def test_a_new_key_seals_everything_and_the_old_one_is_dropped(url: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    store = opened(url, keys)
    for number in range(450):
        add_node(store, f"n{number}", agent_secret=None)
    old = shutil.copy(keys, tmp_path / "old")
    before = key_ids(url)
    assert rekey(store) == 450
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


def test_a_first_start_that_is_killed_before_its_end_is_repeated(tmp_path: Path) -> None:
    url, keys = f"sqlite:///{tmp_path}/ingot.sqlite", tmp_path / "keys"
    store = not_yet_unlocked(url)
    KeyFile(keys).write((new_key(),))  # as far as it came
    before = keys.read_text()
    unlock(store, keys)
    assert keys.read_text() == before
    add_node(store)
    assert_readable(store)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "token"]), inner)
    ),
    max_leaves=6,
)


@settings(max_examples=12, deadline=None)
@given(
    documents=st.lists(
        st.dictionaries(
            st.sampled_from(["password", "a", "url", "ssh_key", MARK]), values | st.just(MARK)
        )
    )
)
def test_whatever_document_is_stored_is_the_one_that_is_read(
    documents: list[dict[str, Any]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = opened(f"sqlite:///{folder}/ingot.sqlite", Path(folder) / "keys")
        dialect, kind = store.engine.dialect, SealedJson()
        for document in documents:
            stored = json.dumps(kind.process_bind_param(document, dialect))
            assert kind.process_result_value(json.loads(stored), dialect) == document
        _OPENED.pop().close()


def test_core_statements_are_sealed_as_well(tmp_path: Path) -> None:
    store = opened(f"sqlite:///{tmp_path}/ingot.sqlite", tmp_path / "keys")
    add_node(store)
    with store.edit() as session:
        session.execute(Node.__table__.update().values(instance_info={"image_pull_secret": SECRET}))  # type: ignore[attr-defined]
    with store.read() as session:
        assert session.scalar(select(Node.instance_info)) == {"image_pull_secret": SECRET}
    store.close()
    assert SECRET.encode() not in raw_content(f"sqlite:///{tmp_path}/ingot.sqlite")
