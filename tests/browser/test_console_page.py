"""The page of a serial console in a browser, with a real controller and the laboratory's BMC: watched by two, typed on by one, lost and found again."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from tests.browser.chromium import Chromium, Page, chromium
from tests.browser.conftest import Look
from tests.integration.bmc_doubles import LabMachine, lab_machine
from tests.integration.console_site import People, TypedOn, enrol
from tests.integration.controller_process import controller_process
from tests.lab.ports import free_port

pytestmark = [
    pytest.mark.long,
    pytest.mark.root,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root"),
]
SCREEN = "#screen .xterm-rows"


class Site:
    """A controller that can be ended and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._running = ExitStack()

    def start(self) -> str:
        """Start the controller and return its URL."""
        site = controller_process(self._folder, listen_port=self._port)
        return self._running.enter_context(site)

    def stop(self) -> None:
        self._running.close()


@pytest.fixture(scope="module")
def line() -> TypedOn:
    return TypedOn()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, line: TypedOn) -> Iterator[LabMachine]:
    folder = tmp_path_factory.mktemp("machine")
    with lab_machine(folder, line.serial) as made, made.network.inside():
        yield made


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, machine: LabMachine) -> Iterator[Chromium]:
    """In the machine's network."""
    with chromium(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, machine: LabMachine
) -> Iterator[tuple[Site, People]]:
    made = Site(tmp_path_factory.mktemp("site"))
    try:
        yield made, enrol(made.start(), machine)
    finally:
        made.stop()


@pytest.fixture
def people(site: tuple[Site, People]) -> People:
    found = site[1]
    found.switch(is_on=True)
    found.wait_open()
    return found


@pytest.fixture
def page(browser: Chromium, people: People) -> Iterator[Page]:
    with browser.page() as made:
        follow(made, people)
        yield made


def follow(page: Page, people: People) -> None:
    page.open(f"{people.url}/ui/console.html?node={people.ident}")
    page.wait_text("#standing", "open")


def take_keyboard(page: Page) -> None:
    page.click("#type")
    page.wait_text("#type", "Stop typing")


def test_what_the_machine_prints_appears_and_keys_arrive(
    page: Page, line: TypedOn, look: Look
) -> None:
    line.show(b"\x1b[32mDebian GNU/Linux 12\x1b[0m m1 ttyS0\r\n\r\nm1 login: ")
    page.wait_text(SCREEN, "Debian GNU/Linux 12", "m1 login:")
    page.type("lost")  # nobody has taken the keyboard
    take_keyboard(page)
    page.wait_text("#standing", "types")
    page.type("root\r")
    line.expect(b"root\r")
    line.show(b"root\r\nPassword: ")
    page.wait_text(SCREEN, "m1 login: root", "Password:")
    look(page, "console")
    page.click("#type")
    page.wait_text("#standing", "nobody types")


def test_two_watch_and_one_types(
    browser: Chromium, page: Page, people: People, line: TypedOn
) -> None:
    with browser.page() as other:
        follow(other, people)
        take_keyboard(page)
        page.type("a")
        line.expect(b"a")
        take_keyboard(other)
        assert len(other.questions) == 1
        assert "Take the keyboard?" in other.questions[0]
        other.type("b")
        line.expect(b"b")
        page.type("c")
        page.wait_text("#problem", "take it again")
        page.wait_text("#type", "Type")
        line.show(b"seen by both\r\n")
        for one in (page, other):
            one.wait_text(SCREEN, "seen by both")
        other.click("#type")
        page.wait_text("#standing", "nobody types")


def test_a_controller_that_was_away_is_found_again(
    page: Page, site: tuple[Site, People], line: TypedOn, look: Look
) -> None:
    controller, people = site
    take_keyboard(page)
    line.show(b"before it was away\r\n")
    page.wait_text(SCREEN, "before it was away")
    controller.stop()
    page.wait_text("#standing", "not connected")
    page.wait_text("#problem", "the controller does not answer")
    page.type("x")
    page.wait_text("#problem", "take the keyboard again")
    page.wait_text("#type", "Type")
    look(page, "console-lost")
    controller.start()
    people.wait_open()
    page.wait_text("#standing", "open")
    line.show(b"after it was away\r\n")
    page.wait_text(SCREEN, "after it was away")
    assert page.text(SCREEN).count("before it was away") == 1
    assert "does not answer" not in page.text("#problem")
    assert "take the keyboard again" in page.text("#problem")


def test_a_controller_that_falls_silent_is_noticed(page: Page) -> None:
    """As behind a network that drops what was open without a word."""
    ours = psutil.Process().children(recursive=True)
    (controller,) = (one for one in ours if any("ingot-controller" in w for w in one.cmdline()))
    controller.suspend()
    try:
        page.wait_text("#standing", "connecting again")
    finally:
        controller.resume()
    page.wait_text("#standing", "open")


def test_a_bmc_that_does_not_answer_is_told_of(page: Page, machine: LabMachine) -> None:
    machine.bmc.stop()
    try:
        page.wait_text("#standing", "waiting:", "silent")
    finally:
        machine.bmc.start()
    page.wait_text("#standing", "open")


def test_a_console_that_is_off_is_switched_on_from_the_page(
    page: Page, people: People, look: Look
) -> None:
    people.switch(is_on=False)
    page.wait_text("#problem", "switched off")
    assert page.ask("document.getElementById('type').offsetWidth") == 0
    look(page, "console-off")
    page.click("#switch")
    page.wait_text("#standing", "open")
    assert page.text("#problem") == ""


def test_a_node_that_is_not_there_is_told_of(browser: Chromium, people: People) -> None:
    harmful = "<img src=x onerror=alert(1)>"
    with browser.page() as page:
        for node, words in (("", "no node"), (harmful, harmful), ("nobody", "Node nobody could")):
            page.open(f"{people.url}/ui/console.html?node={quote(node)}")
            page.wait_text("#problem", words)
        assert page.questions == []
