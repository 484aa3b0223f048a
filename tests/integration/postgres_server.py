"""A PostgreSQL server of the test's own, in a temporary folder, reached by a socket there."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """A running server."""

    url: str
    """SQLAlchemy URL of an empty database."""
    restart: Callable[[], None]
    """Kill every connection and start again, as after a crash."""


@contextmanager
def postgres_server() -> Iterator[str]:
    """Give the SQLAlchemy URL of an empty database; skip without the server package."""
    with restartable_postgres() as server:
        yield server.url


@contextmanager
def restartable_postgres() -> Iterator[PostgresServer]:
    """Give a server; skip without the server package."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("the PostgreSQL server is not installed (package postgresql)")
    with tempfile.TemporaryDirectory(prefix="ingot-postgres-") as name:
        folder, as_user = Path(name), list[str]()
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(folder, "postgres")
            as_user = ["runuser", "-u", "postgres", "--"]

        def run(program: str, *arguments: str) -> None:
            words = [*as_user, str(programs[-1] / program), "-D", f"{folder}/data", *arguments]
            subprocess.run(words, check=True, timeout=60, stdout=subprocess.DEVNULL, cwd="/")

        run("initdb", "-U", "ingot", "--auth=trust", "--no-sync")
        options = f"-k {folder} -c listen_addresses= -c fsync=off -c max_connections=200"
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", options, "start")

        def restart() -> None:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
            run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", options, "start")

        try:
            url = f"postgresql+psycopg://ingot@/postgres?host={folder}"
            yield PostgresServer(url=url, restart=restart)
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
