"""The pages for logins that may look and change nothing, that may see a part, and that may nothing at all."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import Chromium
from tests.integration.basic_users import write_users
from tests.integration.screen_site import Screens, enrol, screen_site

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
ROLES = {"ann": "admin", "monitoring": "observer", "tim": "reader:team-a"}
OBSERVER = ("monitoring", "monitoring")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screens]:
    folder = tmp_path_factory.mktemp("site")
    roles = folder / "roles"
    roles.write_text("".join(f"{name}:{role}\n" for name, role in ROLES.items()))
    users = write_users(folder, [*ROLES, "zoe"])
    settings = {"auth_strategy": "http_basic", "htpasswd_file": str(users)}
    with screen_site(folder, **settings, roles_file=str(roles)) as (url, _):
        people = enrol(url, auth=("ann", "ann"))
        enrol(url, "theirs", auth=("ann", "ann"), owner="team-a")
        yield people


def test_an_observer_sees_all_nodes(browser: Chromium, site: Screens) -> None:
    with browser.page(login=OBSERVER) as page:
        page.open(f"{site.url}/ui/")
        page.wait_text("#summary", "2 nodes")
        assert page.text("#problem") == ""


def test_a_reader_of_a_project_sees_its_nodes(browser: Chromium, site: Screens) -> None:
    with browser.page(login=("tim", "tim")) as page:
        page.open(f"{site.url}/ui/")
        page.wait_text("#summary", "1 node")
        assert "theirs" in page.text("#nodes")


def test_who_has_no_role_is_told_so(browser: Chromium, site: Screens) -> None:
    with browser.page(login=("zoe", "zoe")) as page:
        page.open(f"{site.url}/ui/")
        page.wait_text("#problem", "zoe", "role")


@pytest.mark.parametrize("kind", ["console", "screen"])
def test_an_observer_is_told_which_role_a_console_needs(
    browser: Chromium, site: Screens, kind: str
) -> None:
    with browser.page(login=OBSERVER) as page:
        page.open(f"{site.url}/ui/{kind}.html?node={site.ident}")
        page.wait_text("#problem", "monitoring", "may not reach the console", "member")
        page.wait_text("#standing", "not connected")
        for button in ("#type", "#break", "#keys", "#switch"):
            assert page.ask(f"document.querySelector('{button}')?.offsetWidth || 0") == 0, button


def test_a_password_in_the_address_is_no_hindrance(browser: Chromium, site: Screens) -> None:
    scheme, _, place = site.url.partition("://")
    with browser.page() as page:
        page.open(f"{scheme}://ann:ann@{place}/ui/")
        page.wait_text("#summary", "2 nodes")
