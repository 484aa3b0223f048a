"""A database with a node full of secrets, and what a thief of it would have."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.nodes import get_node
from controller.store.sealed_rows import unlock
from controller.store.sealing import MARK
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
DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))
_OPENED: list[Store] = []


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """Give the URL of an empty database of one of ``DATABASES``."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/ingot.sqlite"
    else:
        with postgres_server() as found:
            yield found


def close_stores() -> None:
    """Close what ``not_yet_unlocked`` opened."""
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
                **{"provision_state": "enroll", **values, **columns},
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
