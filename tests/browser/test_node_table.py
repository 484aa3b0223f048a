"""The table of nodes in a browser: a thousand of them, failed ones, and such as mean harm."""

import json
from collections.abc import Iterator

import pytest

from tests.browser.chromium import Chromium, Page
from tests.browser.conftest import Look
from tests.browser.nodes_site import COUNT, HARMFUL, LONG, RIGHT_TO_LEFT, WHY, Nodes, nodes_site

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with nodes_site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def page(browser: Chromium, nodes: Nodes) -> Iterator[Page]:
    with browser.page() as page:
        page.open(f"{nodes.url}/ui/")
        page.wait_text("#summary", f"{COUNT} nodes")
        yield page


def row(name: str) -> str:
    """Return the expression for the row of a node."""
    return f"[...document.querySelectorAll('#nodes tr')].find((row) => row.cells[0].textContent.trim().startsWith({json.dumps(name)}))"


def test_a_thousand_nodes_are_shown_and_found(page: Page, look: Look) -> None:
    assert page.ask("document.querySelectorAll('#nodes tr').length") == COUNT
    page.wait_text("#summary", "1 busy", "6 need attention")
    look(page, "nodes")
    page.click("#filter")
    page.type("rack3-1")
    page.wait("document.querySelectorAll('#nodes tr:not([hidden])').length === 11")
    assert "rack3-19" in page.text("#nodes")
    assert "rack4" not in page.text("#nodes")


def test_a_failed_node_says_why(page: Page) -> None:
    assert WHY in page.ask(f"{row('failed')}.innerText")


def test_what_nodes_say_is_text_and_runs_nothing(page: Page) -> None:
    shown = page.ask("document.getElementById('nodes').textContent")
    for text in (HARMFUL, RIGHT_TO_LEFT, LONG):
        assert text in shown
    assert page.ask(f"{row('kept')}.textContent").endswith(f"in maintenance: {HARMFUL}")
    assert page.ask("document.querySelectorAll('#nodes img, #nodes script, #nodes b').length") == 0
    page.click("#filter")
    page.type("<img")
    page.wait("document.querySelectorAll('#nodes tr:not([hidden])').length === 2")
    assert page.ask("document.body.dataset.harmed") is None


def test_one_long_error_leaves_room_for_others(page: Page) -> None:
    assert page.ask(f"{row('nnn')}.offsetHeight < 400")


def test_a_node_that_changes_leaves_the_others_in_place(page: Page, nodes: Nodes) -> None:
    """So that text can be marked and copied, and the keyboard does not lose its place, while others are being worked at."""
    page.ask("document.querySelector('#nodes a').focus()")
    page.ask(f"getSelection().selectAllChildren({row('failed')})")
    nodes.change("ill", power_state="power on", health="OK")
    page.wait(f"{row('ill')}.innerText.includes('power on')")
    page.wait_text("#summary", "5 need attention")
    assert WHY in page.ask("String(getSelection())")
    assert page.ask("document.activeElement.textContent") == "console"


def test_a_controller_that_does_not_answer_is_told_of(page: Page) -> None:
    page.ask("window.fetch = () => Promise.reject(new TypeError('Failed to fetch')), 0")
    page.wait_text("#problem", "may be old", "the controller does not answer")
