"""The page of a machine's screen in a browser: noVNC draws what QEMU does, keys arrive, and an end is told of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Chromium
from tests.browser.conftest import Look
from tests.integration.screen_site import (
    Program,
    QemuScreen,
    Screens,
    enrol,
    qemu_screen,
    screen_site,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
IS_DRAWN = """(() => {
  const canvas = document.querySelector("#picture canvas");
  if (!canvas?.width) return false;
  const points = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set(new Uint32Array(points.buffer)).size > 1;
})()"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Screens, Program]]:
    with screen_site(tmp_path_factory.mktemp("site")) as (url, program):
        yield enrol(url), program


@pytest.fixture
def screen(tmp_path: Path, site: tuple[Screens, Program]) -> Iterator[QemuScreen]:
    people, program = site
    with qemu_screen(tmp_path / "qemu") as made:
        program.answers(path=str(made.path), password=made.password)
        people.switch(is_on=True)
        yield made
        people.switch(is_on=False)


def test_the_screen_is_drawn_typed_on_and_its_end_is_told(
    browser: Chromium, site: tuple[Screens, Program], screen: QemuScreen, look: Look
) -> None:
    people = site[0]
    with browser.page() as page:
        page.open(f"{people.url}/ui/console.html?node={people.ident}")  # leads on to the screen
        page.wait_text("h1", "Screen of m1")
        page.wait(IS_DRAWN)
        page.wait("document.getElementById('keys').offsetWidth > 0")
        look(page, "screen")
        page.type("s")
        screen.wait_off()
        page.wait_text("#problem", "the screen's server has ended the connection")
        page.wait_text("#standing", "not connected; trying again in")
        assert page.ask("document.getElementById('keys').offsetWidth") == 0
        look(page, "screen-lost")


def test_who_may_only_watch_sees_and_has_no_keys(
    browser: Chromium, site: tuple[Screens, Program], screen: QemuScreen
) -> None:
    watching = site[0].ok("GET", "/states/console?watch=true")["console_info"]["url"]
    with browser.page() as page:
        page.open(watching)
        page.wait_text("#standing", "you may only watch")
        page.wait(IS_DRAWN)
        assert page.ask("document.getElementById('type').offsetWidth") == 0


def test_a_screen_that_is_switched_off_is_switched_on_from_the_page(
    browser: Chromium, site: tuple[Screens, Program], screen: QemuScreen
) -> None:
    people = site[0]
    people.switch(is_on=False)
    with browser.page() as page:
        page.open(f"{people.url}/ui/screen.html?node={people.ident}")
        page.wait_text("#problem", "switched off")
        page.click("#switch")
        page.wait(IS_DRAWN)
        page.wait("document.getElementById('keys').offsetWidth > 0")
