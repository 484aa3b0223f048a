"""``ingot node console`` on a terminal, as a person has it: a controller, a machine, and the laboratory's BMC."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.bmc_doubles import lab_machine
from tests.integration.console_site import PATIENCE_S, People, TypedOn, console_site, enrol
from tests.integration.controller_process import controller_process
from tests.integration.terminal import Terminal, on_terminal
from tests.lab.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]
_INGOT = str(Path(sys.executable).with_name("ingot"))


@pytest.fixture(scope="module")
def line() -> TypedOn:
    return TypedOn()


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, line: TypedOn) -> Iterator[People]:
    with console_site(tmp_path_factory.mktemp("site"), line) as (machine, url):
        yield enrol(url, machine)


def _words(people: People, *more: str) -> list[str]:
    return [_INGOT, "--url", people.url, "node", "console", people.ident, *more]


def _ready(terminal: Terminal) -> None:
    terminal.wait_for("~. leaves it")
    terminal.wait_for("the console is open|~. leaves it")


def test_a_person_types_and_leaves(people: People, line: TypedOn) -> None:
    with on_terminal(_words(people), os.environ) as terminal:
        terminal.wait_for("was off and is switched on")
        terminal.wait_for("~. leaves it")
        people.wait_open()
        line.show(b"debian login: ")
        terminal.wait_for("debian login: ")
        terminal.type("root\r")
        line.expect(b"root\r")
        terminal.type("\x03")
        line.expect(b"\x03")
        terminal.type("~?x\r~?")
        line.expect(b"~?x\r")
        terminal.wait_for("send a break")
        terminal.type("~.")
        terminal.wait_for("left the console of m1")
        assert terminal.end() == 0
    assert people.ok("GET", "/console")["typist"] is None


def test_a_second_person_watches_and_may_take_the_keyboard(people: People, line: TypedOn) -> None:
    with on_terminal(_words(people), os.environ) as first:
        first.wait_for("~. leaves it")
        people.wait_open()
        refused = subprocess.run(
            _words(people), check=False, capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert (refused.returncode, "types on this console" in refused.stderr) == (1, True)
        with on_terminal(_words(people, "--watch"), os.environ) as watcher:
            line.show(b"for both\r\n")
            watcher.wait_for("for both")
            first.wait_for("for both")
            watcher.type("\x03")
            watcher.end()
        with on_terminal(_words(people, "--force"), os.environ) as second:
            second.wait_for("~. leaves it")
            second.type("2")
            line.expect(b"2")
            first.type("1")
            first.wait_for("take it again to type")
            first.type("\r")
            second.type("\r~.")
            second.end()
        first.type("\r~.")
        first.end()


def test_the_log_is_printed(people: People, line: TypedOn) -> None:
    people.switch(is_on=True)
    people.wait_open()
    line.show(b"remember me\r\n")
    printed = b""
    for _ in range(100):
        printed = subprocess.run(_words(people, "--log"), check=True, capture_output=True).stdout
        if printed.endswith(b"remember me\r\n"):
            return
    raise AssertionError(printed)


def test_a_controller_that_restarts_is_waited_for_and_nothing_is_shown_twice(
    tmp_path: Path,
) -> None:
    line, port = TypedOn(), free_port()
    with (
        lab_machine(tmp_path, line.serial) as machine,
        machine.network.inside(),
        ExitStack() as stack,
    ):
        with controller_process(tmp_path, listen_port=port) as url:
            people = enrol(url, machine)
            terminal = stack.enter_context(on_terminal(_words(people), os.environ))
            terminal.wait_for("~. leaves it")
            people.wait_open()
            line.show(b"before\r\n")
            terminal.wait_for("before")
        terminal.type("x")
        terminal.wait_for("what you typed may be lost")
        terminal.type("\r~t")
        terminal.wait_for("no controller at")
        with controller_process(tmp_path, listen_port=port) as url:
            people.wait_open()
            line.show(b"after\r\n")
            terminal.wait_for("after")
            terminal.type("y")
            terminal.wait_for("~t takes the keyboard")
            terminal.type("\r~t")
            terminal.wait_for("the keyboard is yours")
            terminal.type("z\r")
            line.expect(b"z\r")
            terminal.type("~.")
            assert terminal.end() == 0
    assert terminal.seen.count("before") == 1
