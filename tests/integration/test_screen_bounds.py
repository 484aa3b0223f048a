"""Screens and browsers that mean harm, are slow, or speak something else: each has its end, says why, and holds nobody else up."""

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from controller.errors import BmcError, BmcUnreachable
from controller.hardware.screen import Screen
from controller.screens.connecting import open_screen
from tests.integration.screen_site import (
    Program,
    Screens,
    enrol,
    greet,
    listening_screen,
    read,
    screen_site,
    scripted_screen,
)
from tests.integration.waiting import wait_until
from tests.integration.web_socket import Browser, ClosedError, RefusedError

pytestmark = pytest.mark.timeout(120)
KIB, MIB = 1024, 1024 * 1024
V8 = b"RFB 003.008\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Program]]:
    with screen_site(tmp_path_factory.mktemp("site"), console_screen_sessions=6) as made:
        yield made


@pytest.fixture
def program(site: tuple[str, Program]) -> Program:
    return site[1]


@pytest.fixture
def people(site: tuple[str, Program], request: pytest.FixtureRequest) -> Iterator[Screens]:
    found = enrol(site[0], f"n{abs(hash(request.node.name))}")
    yield found
    found.switch(is_on=False)


def shaken(browser: Browser) -> None:
    """Shake hands as a browser does."""
    assert browser.receive(12) == V8
    browser.send(V8)
    assert browser.receive(2) == b"\1\1"
    browser.send(b"\1")
    assert browser.receive(4) == bytes(4)
    browser.send(b"\0")  # alone


def memory_bytes() -> int:
    """Return what the controller process has."""
    mine = psutil.Process(os.getpid()).children(recursive=True)
    served = [one for one in mine if "ingot-controller" in " ".join(one.cmdline())]
    return int(served[0].memory_info().rss)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak VNC"),
        (V8 + b"\1\x13", "VeNCrypt"),
        (V8 + b"\0" + struct.pack(">I", 5) + b"go <b>", "refuses: go <b"),
        (V8 + b"\0" + struct.pack(">I", 0xFFFFFFFF), "gave no reason"),
        (bytes(range(128, 228)), "does not speak VNC"),
    ],
)
def test_a_server_that_says_something_else_is_told_of(
    people: Screens, program: Program, said: bytes, words: str
) -> None:
    def behave(sock: socket.socket) -> None:
        sock.sendall(said)
        read(sock, 1000)

    with scripted_screen(behave) as port:
        program.answers(host="127.0.0.1", port=port)
        with people.browser() as browser:
            closed = browser.wait_closed()
            assert closed.code == 1011
            assert words in browser.texts[-1]["reason"]


@pytest.mark.parametrize("pace_s", [None, 0.1])
def test_a_silent_or_dripping_server_has_one_deadline(pace_s: float | None) -> None:
    def behave(sock: socket.socket) -> None:
        for byte in V8 * 100:
            time.sleep(pace_s or 100)
            sock.sendall(bytes((byte,)))

    with scripted_screen(behave) as port:
        began = time.monotonic()
        screen = Screen(host="127.0.0.1", port=port, is_trusted=True)
        with pytest.raises(BmcUnreachable, match="did not answer in time"):
            open_screen(screen, timeout_s=0.8)
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "::ffff:127.0.0.1"])
def test_a_node_may_not_name_the_controllers_own_machine(host: str) -> None:
    with pytest.raises(BmcError, match="on the controller's own machine"):
        open_screen(Screen(host=host, port=5900), timeout_s=2)


def test_nor_by_its_address_in_the_network() -> None:
    mine = [
        one.address
        for name, listed in psutil.net_if_addrs().items()
        for one in listed
        if one.family is socket.AF_INET and name != "lo"
    ]
    if not mine:
        pytest.skip("this machine has no address but loopback")
    with socket.create_server(("0.0.0.0", 0)) as listener:  # as a program that serves everybody
        screen = Screen(host=mine[0], port=listener.getsockname()[1])
        with pytest.raises(BmcError, match="on the controller's own machine"):
            open_screen(screen, timeout_s=2)


@pytest.mark.parametrize("host", [f"{'a' * 64}.x", "a..b", "a\0b"])
def test_what_can_be_no_name_is_told(host: str) -> None:
    with pytest.raises(BmcUnreachable, match="cannot be reached"):
        open_screen(Screen(host=host, port=5900), timeout_s=2)


def test_a_name_server_that_does_not_answer_has_the_same_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look_up, may_go = socket.getaddrinfo, threading.Event()

    def slow(*words: Any, **more: Any) -> Any:
        if "flags" not in more:  # it is looked up as a name
            may_go.wait(20)
        return look_up(*words, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    began = time.monotonic()
    with pytest.raises(BmcUnreachable, match="name server does not answer"):
        open_screen(Screen(host="bmc.example", port=5900), timeout_s=0.5)
    may_go.set()
    assert time.monotonic() - began < 5


def test_pictures_are_passed_on_as_they_are_and_everybody_shares(
    people: Screens, program: Program
) -> None:
    pictures, heard = os.urandom(3 * MIB), []

    def behave(sock: socket.socket) -> None:
        greet(sock)
        heard.append(read(sock, 1))
        sock.sendall(pictures)
        heard.append(read(sock, 200 * KIB))

    with scripted_screen(behave) as port:
        program.answers(host="127.0.0.1", port=port)
        with people.browser() as browser:
            shaken(browser)
            assert browser.receive(len(pictures)) == pictures
            typed = os.urandom(200 * KIB)
            for at in range(0, len(typed), 70000):
                browser.send(typed[at : at + 70000])
            wait_until(lambda: len(heard) == 2, 30, "all has come")
            assert heard == [b"\1", typed]


def test_who_does_not_read_costs_little_and_holds_nobody_up(
    people: Screens, program: Program
) -> None:
    sent = [0]

    def behave(sock: socket.socket) -> None:
        greet(sock)
        if read(sock, 2)[1:] == b"f":
            while True:
                sent[0] += sock.send(b"x" * 64 * KIB)
        while piece := sock.recv(KIB):
            sock.sendall(piece)

    with scripted_screen(behave) as port:
        program.answers(host="127.0.0.1", port=port)
        with people.browser() as slow, people.browser() as quick:
            shaken(slow)
            before = memory_bytes()
            slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.send(b"f")
            wait_until(lambda: sent[0] > 0 and is_still(sent), 30, "the flood stands still")
            assert sent[0] < 16 * MIB  # the kernel's buffers, most of all
            assert memory_bytes() - before < 8 * MIB
            shaken(quick)
            quick.send(b"e")
            for _ in range(20):
                began = time.monotonic()
                quick.send(b"hello")
                assert quick.receive(5) == b"hello"
                assert time.monotonic() - began < 2


def is_still(sent: list[int]) -> bool:
    before = sent[0]
    time.sleep(0.5)
    return sent[0] == before


def test_a_server_that_does_not_read_costs_little(people: Screens, program: Program) -> None:
    done = threading.Event()

    def behave(sock: socket.socket) -> None:
        greet(sock)
        done.wait(60)

    with scripted_screen(behave) as port:
        program.answers(host="127.0.0.1", port=port)
        with people.browser() as browser:
            shaken(browser)
            before, sent = memory_bytes(), 0
            browser.sock.settimeout(2)
            try:
                while sent < 64 * MIB:
                    browser.send(b"x" * 64 * KIB)
                    sent += 64 * KIB
            except TimeoutError:
                pass
            assert sent < 32 * MIB
            assert memory_bytes() - before < 8 * MIB
        done.set()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x82\x03abc", 1002),  # not masked
        (b"\xf2\x80\0\0\0\0", 1002),  # reserved bits
        (b"\x83\x80\0\0\0\0", 1002),  # no such kind
        (b"\x89\xfe\x00\x7e" + bytes(130), 1002),  # a ping of 126 bytes
        (b"\x80\x80\0\0\0\0", 1002),  # goes on with nothing
        (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(100), 1002),
        (b"\x81\x82\0\0\0\0\xff\xfe", 1007),  # a text that is none
        (b"\x81\xfe\x02\x00" + bytes(4) + b"x" * 512, 1002),  # a text that is too long
        (b"\x88\x81\0\0\0\0\x01", 1002),  # a close of one byte
    ],
)
def test_what_is_no_websocket_ends_the_session(
    people: Screens, program: Program, frame: bytes, code: int
) -> None:
    with listening_screen(program):
        with people.browser() as browser:
            shaken(browser)
            browser.sock.sendall(frame + b"\x82\xfe" * 1000)
            assert browser.wait_closed().code in {code, 1006}
        with people.browser() as browser:  # the others' go on
            shaken(browser)


def test_a_browser_that_pings_and_does_not_read_has_an_end(
    people: Screens, program: Program
) -> None:
    with listening_screen(program), people.browser() as browser:
        shaken(browser)
        before, sent = memory_bytes(), 0
        browser.sock.settimeout(2)
        ping = b"\x89\xfd" + bytes(4 + 125)
        try:
            while sent < 64 * MIB:
                browser.sock.sendall(ping * 500)
                sent += len(ping) * 500
        except OSError:
            pass
        assert sent < 32 * MIB
        assert memory_bytes() - before < 8 * MIB


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n", b"RFB 003.003\n", V8 + b"\2", b"\0" * 100])
def test_a_browser_that_speaks_no_rfb_is_refused(
    people: Screens, program: Program, said: bytes
) -> None:
    def behave(sock: socket.socket) -> None:
        greet(sock)
        assert read(sock, 1) == b""

    with scripted_screen(behave) as port:
        program.answers(host="127.0.0.1", port=port)
        with people.browser() as browser:
            browser.receive(12)
            browser.send(said)
            assert browser.wait_closed().code == 1008


def test_there_is_room_for_so_many_and_no_more(people: Screens, program: Program) -> None:
    with listening_screen(program):
        several = [people.browser() for _ in range(6)]
        try:
            for one in several:
                shaken(one)
            with pytest.raises(RefusedError) as refused:
                people.browser()
            assert refused.value.status == 409
            assert "console_screen_sessions" in str(refused.value)
            several.pop().sock.close()
            wait_until(lambda: has_room(people), 10, "there is room again")
        finally:
            for one in several:
                one.sock.close()


def has_room(people: Screens) -> bool:
    try:
        with people.browser() as browser:
            shaken(browser)
    except (RefusedError, ClosedError):
        return False
    return True


def test_browsers_that_leave_at_once_leave_no_crowd_of_threads(
    people: Screens, program: Program
) -> None:
    def behave(sock: socket.socket) -> None:
        read(sock, 1)  # says nothing

    with scripted_screen(behave) as port:
        program.answers(host="127.0.0.1", port=port)
        token = people.token()
        mine = psutil.Process(os.getpid()).children(recursive=True)
        served = next(one for one in mine if "ingot-controller" in " ".join(one.cmdline()))
        before = served.num_threads()
        for _ in range(60):
            try:
                people.browser(token).sock.close()
            except RefusedError:
                continue
        assert served.num_threads() - before <= 8
