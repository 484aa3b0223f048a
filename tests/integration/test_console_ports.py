"""TCP ports of consoles as Ironic's socat has them: with a real client, one at a time, gone with the console."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.integration.bmc_doubles import LabMachine
from tests.integration.console_site import PATIENCE_S, People, TypedOn, Watcher, console_site, enrol
from tests.integration.waiting import wait_until

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]
FIRST, LAST = 10000, 29999  # no two of the nodes here have the same usual port


@pytest.fixture(scope="module")
def line() -> TypedOn:
    return TypedOn()


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, line: TypedOn
) -> Iterator[tuple[LabMachine, str]]:
    folder = tmp_path_factory.mktemp("site")
    with console_site(folder, line, console_port_range=f"{FIRST}:{LAST}") as (machine, url):
        yield machine, url


@pytest.fixture
def people(site: tuple[LabMachine, str]) -> Iterator[People]:
    machine, url = site
    found = enrol(url, machine)
    found.switch(is_on=True)
    found.wait_open()
    yield found
    found.switch(is_on=False)
    found.ok("PUT", "/maintenance", {})
    found.ok("DELETE", "")


def place(people: People) -> tuple[str, int]:
    def info() -> dict[str, str]:
        found: dict[str, str] = people.ok("GET", "/states/console")["console_info"]
        return found

    wait_until(lambda: info()["type"] == "socat", 20, "its port")
    host, _, port = info()["url"].removeprefix("tcp://").rpartition(":")
    return host, int(port)


@contextmanager
def connected(people: People) -> Iterator[socket.socket]:
    with socket.create_connection(place(people), timeout=PATIENCE_S) as link:
        yield link


def receive(link: socket.socket, wanted: bytes) -> bytes:
    got = b""
    while wanted not in got:
        piece = link.recv(4096)
        assert piece, got
        got += piece
    return got


def test_what_is_shown_comes_out_and_what_goes_in_is_typed(people: People, line: TypedOn) -> None:
    host, port = place(people)
    assert (host, FIRST <= port <= LAST) == ("127.0.0.1", True)
    program = "exec 3<>/dev/tcp/$0/$1; printf 'root\\r' >&3; head --bytes 14 <&3"
    shell = subprocess.Popen(["bash", "-c", program, host, str(port)], stdout=subprocess.PIPE)
    line.expect(b"root\r")
    line.show(b"Password: \r\nok")
    out, _ = shell.communicate(timeout=PATIENCE_S)
    assert out == b"Password: \r\nok"


def test_the_browser_sees_who_types_and_may_take_the_keyboard(
    people: People, line: TypedOn
) -> None:
    watcher = Watcher(people, "?tail_bytes=0")
    with connected(people) as link:
        link.sendall(b"a")
        line.expect(b"a")
        watcher.wait_standing(typist="somebody at 127.0.0.1")
        keyboard = people.keyboard(force=True)
        link.sendall(b"b")
        assert b"take it again" in receive(link, b"]\r\n")
        people.type(keyboard, b"c")
        line.expect(b"c")
        people.ok("DELETE", f"/console/keyboard?keyboard={keyboard}")
        link.sendall(b"d")
        line.expect(b"d")
    watcher.wait_standing(typist=None)
    watcher.leave()


def test_all_bytes_go_both_ways_in_their_order(people: People, line: TypedOn) -> None:
    typed = bytes(range(1, 256)) * 40
    shown = b"".join(b"line %05d\r\n" % number for number in range(1000))
    with connected(people) as link:
        link.sendall(typed)
        line.expect(typed)
        line.show(shown)
        got = b""
        while len(got) < len(shown):
            got += link.recv(4096)
        assert got == shown


def test_a_second_one_is_told_and_a_closed_console_ends_the_first(people: People) -> None:
    with connected(people) as first:
        with connected(people) as second:
            assert b"connected to this console already" in receive(second, b"]\r\n")
            assert second.recv(100) == b""
        people.switch(is_on=False)
        assert first.recv(100) == b""
    told = people.ok("GET", "/states/console")
    assert told == {"console_enabled": False, "console_info": None}


def test_the_port_is_the_same_again_or_the_one_that_is_asked_for(people: People) -> None:
    before = place(people)
    people.switch(is_on=False)
    wait_until(lambda: not _listens(before), 20, "the port is closed")
    people.switch(is_on=True)
    people.wait_open()
    assert place(people) == before
    other = FIRST + (before[1] - FIRST + 1) % (LAST - FIRST + 1)
    for asked, given in ((other, other), (22, other), (30500, other), (before[1], before[1])):
        people.switch(is_on=False)
        change = [{"op": "add", "path": "/driver_info/ipmi_terminal_port", "value": asked}]
        people.ok("PATCH", "", change)
        people.switch(is_on=True)
        wait_until(partial(_has, people, given), 20, f"port {given} where {asked} is asked for")


def _has(people: People, number: int) -> bool:
    return place(people)[1] == number


def _listens(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place, timeout=PATIENCE_S).close()
    except ConnectionRefusedError:
        return False
    return True
