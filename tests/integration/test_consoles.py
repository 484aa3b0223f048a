"""Consoles over the API of a real controller: kept open, stored, watched by many, typed on by one."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.bmc_doubles import LabMachine, lab_machine
from tests.integration.console_site import People, TypedOn, Watcher, console_site, enrol
from tests.integration.controller_process import controller_process

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def line() -> TypedOn:
    return TypedOn()


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, line: TypedOn
) -> Iterator[tuple[LabMachine, People, Path]]:
    folder = tmp_path_factory.mktemp("site")
    with console_site(folder, line, console_log_kib=256) as (machine, url):
        yield machine, enrol(url, machine), folder


@pytest.fixture
def people(site: tuple[LabMachine, People, Path]) -> People:
    found = site[1]
    found.switch(is_on=True)
    found.wait_open()
    return found


def follow_until(people: People, wanted: bytes) -> None:
    watcher = Watcher(people)
    watcher.wait_for(wanted)
    watcher.leave()


def test_a_console_that_is_off_says_how_to_switch_it_on(
    site: tuple[LabMachine, People, Path],
) -> None:
    people = site[1]
    people.switch(is_on=False)
    reply = people.call("GET", "/console")
    assert reply.status_code == 409
    assert "switch it on" in reply.text
    assert people.ok("GET", "/states/console") == {"console_enabled": False, "console_info": None}


def test_states_console_is_ironics(people: People) -> None:
    told = people.ok("GET", "/states/console")
    uuid = people.ok("GET", "")["uuid"]
    url = f"{people.url}/v1/nodes/{uuid}/console"
    assert told == {"console_enabled": True, "console_info": {"type": "ingot", "url": url}}
    assert people.ok("GET", "")["console_enabled"] is True


def test_many_watch_and_one_types(people: People, line: TypedOn) -> None:
    watchers = [Watcher(people) for _ in range(3)]
    keyboard = people.keyboard()
    assert people.type(keyboard, b"root\r") == 5
    line.expect(b"root\r")
    line.show(b"login: root\r\nPassword: ")
    for one in watchers:
        one.wait_for(b"login: root\r\nPassword: ")
        one.wait_standing(state="open")
    refused = people.call("PUT", "/console/keyboard", {})
    assert refused.status_code == 409
    assert "force" in refused.text
    other = people.keyboard(force=True)
    late = people.call("POST", "/console/input", {"keyboard": keyboard, "data": "eA=="})
    assert (late.status_code, "take it again" in late.text) == (409, True)
    people.type(other, b"y")
    line.expect(b"y")
    people.ok("DELETE", f"/console/keyboard?keyboard={other}")
    for one in watchers:
        one.wait_standing(typist=None)
        one.leave()


def test_a_request_that_comes_twice_types_once(people: People, line: TypedOn) -> None:
    keyboard = people.keyboard(force=True)
    assert people.type(keyboard, b"abc", 0) == 3
    assert people.type(keyboard, b"abc", 0) == 3
    assert people.type(keyboard, b"bcd", 1) == 4
    line.expect(b"abcd")
    ahead = people.call("POST", "/console/input", {"keyboard": keyboard, "at": 9, "data": "eA=="})
    assert (ahead.status_code, "4 bytes were typed" in ahead.text) == (400, True)


def test_who_comes_again_goes_on_where_he_was(people: People, line: TypedOn) -> None:
    first = Watcher(people, "?tail_bytes=0")
    line.show(b"one\r\n")
    first.wait_for(b"one\r\n")
    first.leave()
    line.show(b"two\r\n")
    follow_until(people, b"two\r\n")
    second = Watcher(people, f"?since={first.place}")
    second.wait_for(b"two\r\n")
    assert bytes(second.shown) == b"two\r\n"
    second.leave()


def test_who_does_not_read_holds_nobody_up(people: People, line: TypedOn) -> None:
    place = urlsplit(people.url)
    stuck = socket.create_connection((place.hostname, place.port))
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.sendall(b"GET /v1/nodes/m1/console/output HTTP/1.1\r\nHost: x\r\n\r\n")
    watcher = Watcher(people, "?tail_bytes=0")
    printed = b"".join(b"line %06d\r\n" % number for number in range(2_000))
    threading.Thread(target=line.show, args=(printed,)).start()
    watcher.wait_for(b"line 001999\r\n")
    assert bytes(watcher.shown) == printed
    watcher.leave()
    stuck.close()


def test_the_log_is_bounded_and_nobody_elses(
    people: People, site: tuple[LabMachine, People, Path], line: TypedOn
) -> None:
    line.show(b"the last line\r\n")
    follow_until(people, b"the last line\r\n")
    stored = people.call("GET", "/console/log").content
    assert stored.endswith(b"the last line\r\n")
    files = sorted((site[2] / "state/consoles").iterdir())
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (site[2] / "state/consoles").stat().st_mode & 0o777 == 0o700
    assert {file.suffix for file in files} <= {".log", ".1", ".places"}
    logs = [file for file in files if file.suffix != ".places"]
    assert sum(file.stat().st_size for file in logs) <= 256 << 10


@pytest.mark.long
def test_a_bmc_that_was_away_is_opened_again(
    people: People, site: tuple[LabMachine, People, Path], line: TypedOn
) -> None:
    watcher, bmc = Watcher(people, "?tail_bytes=0"), site[0].bmc
    bmc.stop()
    keyboard = people.keyboard(force=True)
    people.type(keyboard, b"x")
    watcher.wait_standing(state="waiting")
    assert "has fallen silent" in watcher.standing["reason"]
    assert bmc.password not in str(watcher.standing)
    late = people.call("POST", "/console/input", {"keyboard": keyboard, "data": "eA==", "at": 1})
    assert (late.status_code, "nothing was typed" in late.text) == (409, True)
    bmc.start()
    watcher.wait_for(b"the console is open again")
    line.show(b"back\r\n")
    watcher.wait_for(b"back\r\n")
    watcher.leave()


def test_a_console_that_is_switched_off_ends_its_streams(people: People) -> None:
    watcher = Watcher(people)
    people.switch(is_on=False)
    watcher.wait_end()
    assert watcher.standing["state"] == "closed"


def test_what_one_owners_machine_has_shown_no_other_one_sees(people: People, line: TypedOn) -> None:
    line.show(b"the first owner's\r\n")
    follow_until(people, b"the first owner's\r\n")
    watcher = Watcher(people, "?tail_bytes=0")
    people.ok("PATCH", "", [{"op": "add", "path": "/owner", "value": "blue"}])
    seen = people.call("GET", "/console/log")
    assert (seen.ok, b"first owner" in seen.content) == (False, False)
    people.wait_open()
    watcher.wait_end()
    assert watcher.standing["state"] == "closed"
    line.show(b"the second owner's\r\n")
    follow_until(people, b"the second owner's\r\n")
    assert people.call("GET", "/console/log").content == b"the second owner's\r\n"


def test_a_restarted_controller_opens_it_again_and_knows_what_it_showed(
    tmp_path: Path,
) -> None:
    line = TypedOn()
    with lab_machine(tmp_path, line.serial) as machine, machine.network.inside():
        with controller_process(tmp_path) as url:
            people = enrol(url, machine)
            people.switch(is_on=True)
            people.wait_open()
            line.show(b"before\r\n")
            follow_until(people, b"before\r\n")
        with controller_process(tmp_path) as url:
            people = People(url, "m1")
            people.wait_open()
            watcher = Watcher(people)
            line.show(b"after\r\n")
            watcher.wait_for(b"after\r\n")
            assert watcher.shown.startswith(b"before\r\n")
            watcher.leave()
