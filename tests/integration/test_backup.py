"""``ingot-controller backup`` and ``restore``, on SQLite and PostgreSQL: while others write, and killed at any moment."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from controller.store.nodes import get_node
from controller.store.tables import BACKGROUND, NODE, WORKFLOW, Conductor, Node, NodeEvent, Work
from tests.integration.backup_site import LIMIT_S, PROGRAM, Site, with_nodes
from tests.integration.controller_process import controller_process
from tests.integration.sealed_store import (
    DATABASES,
    SECRET,
    add_node,
    assert_readable,
    close_stores,
    database,
)


@pytest.fixture(params=DATABASES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with database(request.param, tmp_path) as url:
        yield Site(tmp_path, url)
    close_stores()


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=(pytest.mark.postgres, pytest.mark.long))]
)
def common_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """For what is the same code on both: PostgreSQL's turn comes in ``make test-long``."""
    with database(request.param, tmp_path) as url:
        yield Site(tmp_path, url)
    close_stores()


@pytest.fixture
def sqlite_site(tmp_path: Path) -> Iterator[Site]:
    with database("sqlite", tmp_path) as url:
        yield Site(tmp_path, url)
    close_stores()


def test_what_was_backed_up_is_there_again_with_its_secrets(site: Site) -> None:
    with_nodes(site, "n1", "n2")
    said = site.ok("backup", str(site.file))
    assert str(site.keys) in said
    assert site.file.stat().st_mode & 0o777 == 0o600
    assert SECRET.encode() not in site.file.read_bytes()
    with_nodes(site, "n3")
    site.ok("restore", str(site.file))
    assert site.names() == {"n1", "n2"}
    store = site.open()
    assert_readable(store)
    store.close()
    assert not list(site.folder.glob("**/*.part"))


def test_a_backup_goes_into_an_empty_database(site: Site, tmp_path: Path) -> None:
    with_nodes(site, "n1")
    site.ok("backup", str(site.file))
    (tmp_path / "other").mkdir()
    kind = "sqlite" if site.url.startswith("sqlite") else "postgresql"
    with database(kind, tmp_path / "other") as url:
        other = Site(tmp_path / "other", url)
        words = other.refused("restore", str(site.file))
        assert "are sealed with key" in words
        assert str(other.keys) in words
        shutil.copy(site.keys, other.keys)
        other.ok("restore", str(site.file))
        assert other.names() == {"n1"}
        close_stores()


def test_a_backup_is_of_one_moment_while_others_write(site: Site) -> None:
    store = site.open()
    add_node(store, "n1")
    stop = threading.Event()

    def write_pairs() -> None:
        number = 0
        while not stop.is_set():
            with store.edit() as session:
                for half in "ab":
                    session.add(
                        NodeEvent(
                            uuid=f"{half}{number:0>35}", node_id=1, at=0.0, kind="t", message="m"
                        )
                    )
                session.flush()
            number += 1

    thread = threading.Thread(target=write_pairs)
    thread.start()
    try:
        for _ in range(3):
            site.ok("backup", str(site.file))
    finally:
        stop.set()
        thread.join()
    store.close()
    site.ok("restore", str(site.file))
    store = site.open()
    with store.read() as session:
        count = session.scalar(select(func.count()).select_from(NodeEvent)) or 0
    assert count > 0
    assert count % 2 == 0
    store.close()


def test_what_was_in_the_middle_does_not_go_on_by_itself(common_site: Site) -> None:
    site = common_site
    store = site.open()
    states = {
        "wait call-back": "deploy failed",
        "cleaning": "clean failed",
        "deleting": "error",
        "verifying": "enroll",
        "active": "active",
    }
    for state in states:
        add_node(store, state.replace(" ", "-"), provision_state=state)
    with store.edit() as session:
        for node in session.scalars(select(Node)):
            for lane, stage in ((WORKFLOW, "deploy.step.watch"), (BACKGROUND, "sync.power")):
                session.add(
                    Work(
                        subject_kind=NODE,
                        subject_id=node.id,
                        lane=lane,
                        stage=stage,
                        entered_at=1.0,
                        started_at=1.0,
                        claim_id=f"{lane}-{node.id}",
                        claim_owner="lab-1",
                    )
                )
        session.add(
            Conductor(hostname="lab-1", started_at=0.0, seen_at=time.time() - 300, instance="i")
        )
    store.close()
    site.ok("backup", str(site.file))
    site.ok("restore", str(site.file))
    store = site.open()
    with store.read() as session:
        for before, after in states.items():
            node = get_node(session, before.replace(" ", "-"))
            assert node.provision_state == after
            assert node.work is None
            assert bool(node.last_error) == (before != after)
        assert set(session.scalars(select(Work.claim_id))) == {None}
        assert set(session.scalars(select(Work.lane))) == {BACKGROUND}
        assert session.scalars(select(Conductor.instance)).one() is None
    store.close()


def test_a_controller_that_runs_is_backed_up_and_not_restored(site: Site) -> None:
    with_nodes(site, "n1")
    with controller_process(site.folder, database_url=site.url):
        site.ok("backup", str(site.file))
        assert "in use by another controller" in site.refused("restore", str(site.file))
        if not site.url.startswith("sqlite"):
            other = site.folder / "other-host"
            shutil.copytree(site.state, other)
            words = [PROGRAM, "restore", str(site.file), "--state-directory", str(other)]
            done = subprocess.run(
                [*words, "--database-url", site.url],
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
            assert done.returncode == 2
            assert "the controllers lab-1 are running" in " ".join(done.stderr.split())
    site.ok("restore", str(site.file))
    with controller_process(site.folder, database_url=site.url):
        pass


def test_a_backup_of_a_newer_version_is_refused(common_site: Site) -> None:
    site = common_site
    with_nodes(site, "n1")
    site.ok("backup", str(site.file))
    old = site.file.read_bytes()
    store = site.open()
    with store.edit() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    assert "of revision 9999" in site.refused("backup", str(site.file))
    assert site.file.read_bytes() == old
    site.ok("restore", str(site.file))
    assert site.names() == {"n1"}


def test_a_damaged_backup_is_noticed_and_the_database_stays(common_site: Site) -> None:
    site = common_site
    with_nodes(site, "n1", *(f"m{number}" for number in range(60)))
    site.ok("backup", str(site.file))
    whole = site.file.read_bytes()
    with_nodes(site, "n2")
    before = site.names()
    chance = random.Random(7)
    damages = [whole[: len(whole) // 2], whole[:100], b"GIF89a" + whole]
    for _ in range(3):
        at = chance.randrange(len(whole) // 4, len(whole) // 2)
        damages.append(whole[:at] + bytes(4096) + whole[at + 4096 :])
    refusals = 0
    for damage in damages:
        site.file.write_bytes(damage)
        done = site.run("restore", str(site.file))
        assert "Traceback" not in done.stderr
        refusals += done.returncode == 2
        if done.returncode == 0:  # what was hit lay free
            assert site.names() == before - {"n2"}
            with_nodes(site, "n2")
        assert site.names() == before
    assert refusals >= 3


def test_what_is_no_backup_is_neither_replaced_nor_restored(sqlite_site: Site) -> None:
    site = sqlite_site
    with_nodes(site, "n1")
    letter = site.folder / "letter.txt"
    letter.write_text("dear")
    assert "is no backup" in site.refused("backup", str(letter))
    assert "is no backup" in site.refused("restore", str(letter))
    assert letter.read_text() == "dear"
    place = site.url.removeprefix("sqlite:///")
    assert "is the database itself" in site.refused("backup", place)
    link = site.folder / "link"
    link.symlink_to(place)
    assert "is the database itself" in site.refused("backup", str(link))
    assert "there is no backup" in site.refused("restore", str(site.folder / "nothing"))
    assert "cannot be written" in site.refused("backup", str(site.folder / "no" / "folder"))
    foreign = site.folder / "foreign"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    assert "not this program's" in site.refused("restore", str(foreign))
    assert site.names() == {"n1"}


def test_the_database_of_before_is_kept_and_a_damaged_one_gives_way(sqlite_site: Site) -> None:
    site = sqlite_site
    with_nodes(site, "n1")
    site.ok("backup", str(site.file))
    with_nodes(site, "n2")
    site.ok("restore", str(site.file))
    place = Path(site.url.removeprefix("sqlite:///"))
    kept = place.with_name(f"{place.name}.before-restore")
    with sqlite3.connect(kept) as connection:
        assert connection.execute("SELECT count(*) FROM nodes").fetchone() == (2,)
    connection.close()
    place.write_bytes(b"SQLite format 3\x00" + os.urandom(8192))
    place.with_name(f"{place.name}-wal").write_bytes(os.urandom(4096))
    site.ok("restore", str(site.file))
    assert site.names() == {"n1"}


def test_without_postgresqls_programs_it_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path, "postgresql+psycopg://ingot:geheim@127.0.0.1:1/ingot")
    words = site.refused("backup", str(site.file), env={"PATH": "/nowhere"})
    assert "pg_dump is not installed" in words
    assert "postgresql-client" in words
    assert not site.file.exists()


def test_a_password_of_the_database_is_shown_nowhere(tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    program = tmp_path / "pg_dump"
    program.write_text(f'#!/bin/sh\necho "$@" >{shown}; echo "$PGPASSWORD" >>{shown}; exit 1\n')
    program.chmod(0o755)
    site = Site(tmp_path, "postgresql+psycopg://ingot:geheim@db.example:5433/ingot?sslmode=require")
    said = site.refused("backup", str(site.file), env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    words, password = shown.read_text().splitlines()
    assert "geheim" not in said + words
    assert password == "geheim"
    assert "host=db.example" in words
    assert "port=5433" in words
    assert "sslmode=require" in words


@pytest.mark.long  # each program takes a second or two to start, and it is started thirty times
@pytest.mark.parametrize("verb", ["backup", "restore"])
def test_killed_at_any_moment_it_leaves_the_old_one(site: Site, verb: str) -> None:
    with_nodes(site, "n1", *(f"m{number}" for number in range(40)))
    site.ok("backup", str(site.file))
    first = site.names()
    with_nodes(site, "n2")
    second = site.names()
    chance, is_over = random.Random(11), 0
    began = time.monotonic()
    site.ok("backup", str(site.folder / "timing"))
    whole_s = 1.5 * (time.monotonic() - began)
    for _ in range(4):
        process = subprocess.Popen(
            site.words(verb, str(site.file)), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            process.wait(chance.uniform(0.3, 1.0) * whole_s)
            is_over += 1
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if verb == "restore":
            assert site.names() in (first, second)
        else:
            shutil.copy(site.file, site.folder / "seen")
            site.ok("restore", str(site.folder / "seen"))
            assert site.names() in (first, second)
            if "n2" not in site.names():
                with_nodes(site, "n2")
    site.ok(verb, str(site.file))


def test_a_backup_loads_no_server() -> None:
    code = "import sys, controller.cli; print([name for name in ('flask', 'stevedore') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
