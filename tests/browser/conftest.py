"""What the tests of the pages have in common: a browser, and a look at each page in windows of every size."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import DESKTOP, PHONE, Chromium, Page, chromium

PICTURES = Path(__file__).resolve().parents[2] / "build/test-results/browser"
_FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"

Look = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One for all tests of a file; each opens pages of its own."""
    with chromium(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture
def look() -> Look:
    """Return what stores pictures of a page for people to see, and sees to it that nothing is wider than the window."""

    def look_at(page: Page, name: str) -> None:
        for size in (DESKTOP, PHONE):
            for scheme in ("light", "dark"):
                page.show(size, is_dark=scheme == "dark")
                page.picture(PICTURES / f"{name}-{size[0]}x{size[1]}-{scheme}.png")
                assert page.ask(_FITS), f"{name} is wider than {size[0]} pixels"
        page.show()
        assert page.complaints == []

    return look_at
