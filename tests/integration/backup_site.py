"""A state directory and a database, and the program that backs them up and restores them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import select

from controller.store.database import Store
from controller.store.tables import Node
from tests.integration.sealed_store import add_node, opened

PROGRAM = str(Path(sys.executable).with_name("ingot-controller"))
LIMIT_S = 120.0


class Site:
    """A state directory and a database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir(exist_ok=True)
        self.keys = self.state / "secrets.key"
        self.url = url
        self.file = folder / "backup"

    def words(self, *words: str) -> list[str]:
        places = ["--state-directory", str(self.state), "--database-url", self.url]
        return [PROGRAM, *words, *places]

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            **options,
        )

    def ok(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *words: str, **options: Any) -> str:
        done = self.run(*words, **options)
        assert done.returncode == 2, done
        assert "Traceback" not in done.stderr
        return " ".join(done.stderr.split())

    def open(self) -> Store:
        return opened(self.url, self.keys)

    def names(self) -> set[str | None]:
        store = self.open()
        with store.read() as session:
            found = set(session.scalars(select(Node.name)))
        store.close()
        return found


def with_nodes(site: Site, *names: str) -> None:
    store = site.open()
    for name in names:
        add_node(store, name)
    store.close()
