"""What a database holds of secrets, on SQLite and PostgreSQL: nothing that a thief can read without the key file."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from controller import cli
from controller.errors import SecretsUnreadable
from controller.store.key_file import KeyFile, new_key
from controller.store.nodes import get_node
from controller.store.sealed_rows import unlock
from controller.store.sealing import MARK, SealedJson
from controller.store.tables import Node
from tests.integration.sealed_store import (
    DATABASES,
    DRIVER_INFO,
    SECRET,
    TEXTS,
    URL_SECRET,
    add_node,
    assert_readable,
    close_stores,
    database,
    not_yet_unlocked,
    opened,
    raw_content,
)


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as found:
        yield found


@pytest.fixture(autouse=True)
def _close_stores() -> Iterator[None]:
    yield
    close_stores()


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
        close_stores()


def test_core_statements_are_sealed_as_well(tmp_path: Path) -> None:
    store = opened(f"sqlite:///{tmp_path}/ingot.sqlite", tmp_path / "keys")
    add_node(store)
    with store.edit() as session:
        session.execute(Node.__table__.update().values(instance_info={"image_pull_secret": SECRET}))  # type: ignore[attr-defined]
    with store.read() as session:
        assert session.scalar(select(Node.instance_info)) == {"image_pull_secret": SECRET}
    store.close()
    assert SECRET.encode() not in raw_content(f"sqlite:///{tmp_path}/ingot.sqlite")
