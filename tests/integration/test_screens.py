"""Screens in browsers, with QEMU's VNC behind an operator's program: seen, typed on, and closed when they must be."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.integration.screen_site import (
    Program,
    QemuScreen,
    Screens,
    enrol,
    qemu_screen,
    screen_site,
    viewer,
    wait_for_verbs,
)
from tests.integration.waiting import wait_until
from tests.integration.web_socket import Browser, RefusedError

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[QemuScreen]:
    with qemu_screen(tmp_path / "qemu") as made:
        yield made


@pytest.fixture
def site(tmp_path: Path, screen: QemuScreen) -> Iterator[tuple[Screens, Program]]:
    with screen_site(tmp_path) as (url, program):
        program.answers(path=str(screen.path), password=screen.password)
        yield enrol(url), program


@pytest.fixture
def people(site: tuple[Screens, Program]) -> Screens:
    return site[0]


@pytest.fixture
def program(site: tuple[Screens, Program]) -> Program:
    return site[1]


def test_a_browser_sees_what_the_machine_draws_and_types(
    people: Screens, screen: QemuScreen
) -> None:
    with people.browser() as browser:
        client = viewer(browser)
        assert client.name == "QEMU"
        wait_until(
            lambda: client.picture().as_ppm() == screen.drawn(), 30, "the picture is the machine's"
        )
        assert not client.picture().is_blank
        assert browser.told()["may_type"] is True
        client.press(ord("s"))
        screen.wait_off()
        closed = browser.wait_closed()
        assert (closed.code, closed.reason) == (
            1011,
            "the screen's server has ended the connection",
        )


def test_several_watch_and_the_program_is_asked_once_and_told_at_the_end(
    people: Screens, program: Program, screen: QemuScreen
) -> None:
    assert program.verbs == []  # switching the console on brings nothing
    with people.browser() as first, people.browser() as second:
        assert viewer(first).picture() is not None
        assert viewer(second).picture() is not None
        assert viewer_is_served(first)
        assert program.verbs == ["start"]
    wait_until(lambda: screen.clients == 0, 10, "both have left")
    people.switch(is_on=False)
    wait_for_verbs(program, "start", "stop")
    arguments, given = program.calls[0]
    assert arguments == ["start", people.uuid]
    assert given == {"APP": "fake", "APP_INFO": "{}", "READ_ONLY": "False", "INGOT_TIMEOUT_S": "60"}


def viewer_is_served(browser: Browser) -> bool:
    """Say whether a session goes on, whoever else is there."""
    browser.send(bytes((3, 0, 0, 0, 0, 0, 0, 1, 0, 1)))
    return browser.receive(4)[0] == 0


def test_switching_it_off_ends_the_session_and_the_word(people: Screens) -> None:
    token = people.token()
    with people.browser(token) as browser:
        viewer(browser)
        people.switch(is_on=False)
        closed = browser.wait_closed()
        assert (closed.code, "switched off" in closed.reason) == (1008, True)
    people.switch(is_on=True)
    with pytest.raises(RefusedError) as refused:
        people.browser(token)
    assert refused.value.status == 403
    with people.browser() as browser:
        viewer(browser)


def test_another_owner_ends_the_session_and_the_word(people: Screens) -> None:
    token = people.token()
    with people.browser(token) as browser:
        viewer(browser)
        patch = [{"op": "add", "path": "/owner", "value": "somebody"}]
        people.ok("PATCH", "", patch)
        with pytest.raises(RefusedError) as refused:
            people.browser(token)
        assert refused.value.status == 409
        closed = browser.wait_closed()
        assert "another owner" in closed.reason


@pytest.mark.parametrize("word", ["", "wrong", "x" * 500])
def test_a_wrong_word_opens_nothing(people: Screens, program: Program, word: str) -> None:
    with pytest.raises(RefusedError) as refused:
        people.browser(word)
    assert refused.value.status == 403
    assert program.verbs == []


def test_the_word_of_one_node_opens_no_other(people: Screens) -> None:
    other = enrol(people.url, "m2")
    with pytest.raises(RefusedError) as refused:
        other.browser(people.token())
    assert refused.value.status == 403


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        (None, True),
        ("own", True),
        ("https://evil.example", False),
        ("null", False),
        ("http://127.0.0.1:1", False),
    ],
)
def test_only_our_own_page_opens_it(people: Screens, origin: str | None, is_let_in: bool) -> None:
    shown = people.url if origin == "own" else origin
    if is_let_in:
        with people.browser(origin=shown) as browser:
            viewer(browser)
    else:
        with pytest.raises(RefusedError) as refused:
            people.browser(origin=shown)
        assert refused.value.status == 403


@pytest.mark.parametrize("protocols", ["", "binary", "chat", "base64"])
def test_what_offers_no_word_or_no_protocol_is_refused(people: Screens, protocols: str) -> None:
    with pytest.raises(RefusedError) as refused:
        people.browser(protocols=protocols)
    assert refused.value.status == (403 if protocols == "binary" else 400)


def test_without_a_websocket_it_is_a_bad_request(people: Screens) -> None:
    reply = requests.get(people.address, timeout=30)
    assert reply.status_code == 400
    assert "asks for no WebSocket" in reply.text


def test_the_word_is_in_no_log_and_no_password_reaches_the_browser(
    people: Screens, screen: QemuScreen, tmp_path: Path
) -> None:
    token = people.token()
    with people.browser(token) as browser:
        heard = bytearray()
        receive = browser.receive

        def listen(count: int) -> bytes:
            data = receive(count)
            heard.extend(data)
            return data

        browser.receive = listen  # type: ignore[method-assign]
        viewer(browser)
        assert screen.password.encode() not in heard
        assert screen.password not in json.dumps(browser.texts)
    log = (tmp_path / "controller.log").read_text()
    assert token not in log
    assert screen.password not in log
    assert "is at the screen of node" in log


def test_who_asks_again_gets_the_same_word(people: Screens) -> None:
    assert people.token() == people.token()


def test_a_serial_line_is_not_there_and_the_answer_says_where_the_screen_is(
    people: Screens,
) -> None:
    reply = people.call("GET", "/console")
    assert reply.status_code == 409
    assert "is a screen" in reply.text


def test_the_command_line_says_where_the_screen_is(people: Screens) -> None:
    people.switch(is_on=False)
    words = [str(Path(sys.executable).with_name("ingot")), "--url", people.url, "node", "console"]
    done = subprocess.run([*words, "m1"], capture_output=True, text=True, timeout=60, check=True)
    assert "m1 is a screen" in done.stdout
    address = urlsplit(done.stdout.split()[-1])
    assert (address.path, address.query) == ("/ui/screen.html", f"node={people.uuid}")
    with people.browser(address.fragment) as browser:
        viewer(browser)
    done = subprocess.run(
        [*words, "m1", "--log"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "is a screen" in done.stderr


def test_a_screen_is_there_again_after_a_restart_of_its_page(
    people: Screens, program: Program
) -> None:
    for _ in range(2):
        with people.browser() as browser:
            viewer(browser)
    assert program.verbs == ["start"]
