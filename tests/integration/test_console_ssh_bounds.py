"""What people cost the SSH port who want no console: connections without a session, silent ones, old rights, a thread that died."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from controller.console_ssh.server import ConsoleSsh
from tests.integration.basic_users import write_users
from tests.integration.console_site import PATIENCE_S
from tests.integration.controller_api import make_services
from tests.integration.ssh_site import SshSite, make_keys, ssh_site, write_roles
from tests.integration.waiting import wait_until
from tests.lab.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]
_ROLES = {"boss": "admin", "ann": "member:red", "eve": "admin:blue"}
_SESSIONS = 4


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshSite]:
    folder = tmp_path_factory.mktemp("site")
    make_keys(folder, "key")
    with ssh_site(
        folder, _ROLES, console_ssh_host="0.0.0.0", console_ssh_sessions=_SESSIONS
    ) as made:
        yield made


@pytest.fixture
def files(site: SshSite) -> Iterator[SshSite]:
    """Give the site; its files of users and roles are as before afterwards."""
    yield site
    write_roles(site.folder, _ROLES)
    write_users(site.folder, _ROLES)


def _can_watch(site: SshSite, host: str = "127.0.0.1") -> None:
    with site.terminal(site.key_words("m1", "watch", host=host)) as terminal:
        site.line.show(b"hello there")
        terminal.wait_for("hello there")


def test_logins_without_a_session_end_and_hinder_nobody(site: SshSite) -> None:
    held = []
    for _ in range(_SESSIONS + 2):
        with_password = site.terminal(site.words("eve+m1", options=["-N"]), "eve")
        held.append((with_password, with_password.__enter__()))
    _can_watch(site)
    with site.terminal(site.words("ann+m1"), "ann") as terminal:
        site.line.show(b"login: ")
        terminal.wait_for("login: ")
    for context, terminal in held:
        terminal.wait_for("no session was opened within")
        assert terminal.end() == 255
        context.__exit__(None, None, None)


def test_a_session_that_is_refused_or_over_ends_the_connection(site: SshSite) -> None:
    path = site.folder / "master"
    options = ["-M", "-S", str(path), "-N"]
    with site.terminal(site.key_words("m1", options=options)) as master:
        words = ["ssh", "-F", "none", "-S", str(path), "m1@127.0.0.1", "cat"]
        while not path.exists():
            assert master.process.poll() is None
        ended = subprocess.run(words, check=False, capture_output=True, timeout=PATIENCE_S)
        assert b"is no command here" in ended.stderr
        again = subprocess.run(words, check=False, capture_output=True, timeout=PATIENCE_S)
        assert b"one session for each connection" in again.stderr
        master.wait_for("the session is over")
        assert master.end() == 255


@pytest.mark.parametrize(
    "taken",
    [
        "password",
        pytest.param("role", marks=pytest.mark.long),
        pytest.param("user", marks=pytest.mark.long),
    ],
)
def test_rights_that_are_taken_away_end_the_session(files: SshSite, taken: str) -> None:
    with files.terminal(files.words("ann+m1"), "ann") as terminal:
        files.line.show(b"login: ")
        terminal.wait_for("login: ")
        users = {one: one for one in _ROLES}
        if taken == "role":
            write_roles(files.folder, {**_ROLES, "ann": "reader:blue"})
        elif taken == "password":
            users["ann"] = "changed"
        else:
            del users["ann"]
        hashes = {
            one: bcrypt.hashpw(word.encode(), bcrypt.gensalt(rounds=4))
            for one, word in users.items()
        }
        text = "".join(f"{one}:{hashed.decode()}\n" for one, hashed in hashes.items())
        (files.folder / "htpasswd").write_text(text)
        terminal.wait_for("could not be found" if taken == "role" else "does not count any more")
        assert terminal.end() == 1


def test_silent_connections_close_the_port_for_nobody(site: SshSite) -> None:
    silent = [
        socket.create_connection((host, site.port), timeout=PATIENCE_S)
        for host in ["127.0.0.1"] * 40 + [site.outer] * 5
    ]
    try:
        refused = subprocess.run(
            site.key_words("m1", "watch", host=site.outer),
            check=False,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        assert (refused.returncode, b"connections of your address" in refused.stderr) == (
            255,
            True,
        ), refused.stderr
        _can_watch(site)
    finally:
        for one in silent:
            one.close()
    _can_watch(site, site.outer)


def test_a_user_has_a_quarter_of_the_sessions_and_the_operator_the_rest(site: SshSite) -> None:
    with site.terminal(site.words("ann+m1"), "ann") as first:
        site.line.show(b"login: ")
        first.wait_for("login: ")
        with site.terminal(site.words("ann+m1"), "ann") as second:
            second.wait_for("1 sessions of ann are open already")
            assert second.end() == 1
        _can_watch(site)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_leaves_nothing_to_the_next_one(tmp_path: Path) -> None:
    port = free_port()
    services = make_services(
        tmp_path, [], console_ssh_port=port, console_ssh_sessions=1, auth_strategy="noauth"
    )
    server = ConsoleSsh(services)
    server.start()
    held = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) for _ in range(16)]
    for one in held:
        assert one.recv(8) == b"SSH-2.0-"
    loop, thread = server._loop, server._thread  # nothing that we know of kills it
    assert loop
    assert thread
    loop.call_soon_threadsafe(sys.exit)
    thread.join(PATIENCE_S)
    for one in held:
        while one.recv(4096):
            pass
        one.close()
    server.keep_alive()
    wait_until(lambda: _greets(port), PATIENCE_S, "the port is there again")
    wait_until(lambda: not server._crowd._guests, PATIENCE_S, "nobody is counted any more")
    server.stop()


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as link:
            return link.recv(8) == b"SSH-2.0-"
    except OSError:
        return False
