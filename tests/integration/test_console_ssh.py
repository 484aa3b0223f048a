"""One SSH port for all consoles, with the real client: passwords of the API, keys of the operator, rights, bounds."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.console_site import PATIENCE_S, Watcher
from tests.integration.ssh_site import SshSite, make_keys, ssh_site

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]
ROLES = {"boss": "admin", "ann": "member:red", "rod": "reader:red", "eve": "admin:blue"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshSite]:
    folder = tmp_path_factory.mktemp("site")
    make_keys(folder, "key", "other")
    with ssh_site(folder, ROLES, console_ssh_sessions=3) as made:
        yield made


def test_who_has_a_password_of_the_api_types(site: SshSite) -> None:
    with site.terminal(site.words("ann+m1"), "ann") as terminal:
        site.line.show(b"login: ")
        terminal.wait_for("login: ")
        watcher = Watcher(site.people, "?tail_bytes=0")
        terminal.type("root\r")
        site.line.expect(b"root\r")
        watcher.wait_standing(typist="ann")
        watcher.leave()


def test_an_operator_has_a_key_and_what_is_piped_is_typed(site: SshSite) -> None:
    shell = subprocess.Popen(
        site.key_words("m1", "force"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert shell.stdin
    shell.stdin.write(b"halt\n")
    shell.stdin.flush()
    site.line.expect(b"halt\n")
    site.line.show(b"going down")
    assert shell.stdout
    shown = b""
    while b"going down" not in shown:
        shown += shell.stdout.read(1)
    shell.stdin.close()
    shell.stdout.close()
    assert shell.wait(PATIENCE_S) == 0


def test_who_may_only_watch_watches(site: SshSite) -> None:
    keyboard = site.people.keyboard(force=True)
    with site.terminal(site.key_words("m1", "watch")) as terminal:
        site.line.show(b"hello there")
        terminal.wait_for("hello there")
    with site.terminal([*site.key_words("m1"), ""]) as terminal:
        terminal.type("x")
        terminal.wait_for("boss types on this console")
    site.people.ok("DELETE", f"/console/keyboard?keyboard={keyboard}")


@pytest.mark.parametrize(
    ("name", "password", "words"),
    [
        ("eve+m1", "eve", "could not be found"),
        ("rod+m1", "rod", "needs one of these roles"),
        ("boss+none", "boss", "could not be found"),
    ],
)
def test_rights_are_those_of_the_api(site: SshSite, name: str, password: str, words: str) -> None:
    with site.terminal(site.words(name), password) as terminal:
        terminal.wait_for(words)
        assert terminal.end() == 1


def test_wrong_passwords_and_strange_keys_are_refused(site: SshSite) -> None:
    with site.terminal(site.words("ann+m1"), "wrong") as terminal:
        for _ in range(2):
            # what is typed before the question is asked is thrown away: readpassphrase(3)
            terminal.wait_for(r"try again[\s\S]*password: ")
            terminal.seen = ""
            terminal.type("wrong\n")
        terminal.wait_for("Permission denied")
        assert terminal.end() == 255
    strange = [one.replace("/key", "/other") for one in site.key_words("m1")]
    ended = subprocess.run(strange, check=False, capture_output=True, timeout=PATIENCE_S)
    assert ended.returncode == 255
    assert b"Permission denied" in ended.stderr


def test_nothing_but_consoles_is_served(site: SshSite) -> None:
    ended = subprocess.run(
        site.key_words("m1", "cat", "/etc/passwd"),
        check=False,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert b"is no command here" in ended.stderr
    forward = site.words(
        "m1", options=["-i", str(site.folder / "key"), "-o", "BatchMode=yes", "-W", "127.0.0.1:22"]
    )
    assert (
        subprocess.run(forward, check=False, capture_output=True, timeout=PATIENCE_S).returncode
        == 255
    )


def test_sessions_are_bounded_and_the_host_key_stays(site: SshSite) -> None:
    held = [
        subprocess.Popen(
            site.key_words("m1", "watch"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    site.line.show(b"a line for all")
    for one in held:
        assert one.stdout
        assert one.stdout.read(1)
    ended = subprocess.run(
        site.key_words("m1"), check=False, capture_output=True, timeout=PATIENCE_S
    )
    assert b"3 sessions are open already" in ended.stderr
    assert ended.returncode == 1
    for one in held:
        one.kill()
        one.wait(PATIENCE_S)
        for pipe in (one.stdin, one.stdout):
            if pipe:
                pipe.close()
    key = site.folder / "state" / "console_ssh_host_key"
    assert key.stat().st_mode & 0o777 == 0o600
