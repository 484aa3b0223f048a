"""What pages of others may not do with a person's browser."""

import pytest

from controller.api.browsers import Browsers, NotJson, check_type
from controller.errors import Forbidden
from controller.settings import Settings

OPEN = Settings(listen_host="127.0.0.1", public_url="http://deploy.example:6385")
LOGIN = Settings(auth_strategy="http_basic", listen_host="192.0.2.1")


def check(settings: Settings, method: str = "GET", **headers: str) -> None:
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    Browsers(settings, "rack-1").check(method, named)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:6385",
        "[::1]:6385",
        "localhost",
        "LOCALHOST.:6385",
        "a.localhost",
        "192.0.2.9",
        "rack-1:80",
        "deploy.example",
        "[fe80::1]",
        "",
    ],
)
def test_names_of_this_controller_and_addresses_are_hosts(host: str) -> None:
    check(OPEN, host=host)


@pytest.mark.parametrize(
    "host",
    ["evil.example:6385", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "a b", "@x"],
)
def test_another_host_is_refused_where_nobody_logs_in(host: str) -> None:
    with pytest.raises(Forbidden, match="allowed_hosts"):
        check(OPEN, host=host)
    check(LOGIN, host=host)  # a browser has no password for it
    with pytest.raises(Forbidden):
        check(Settings(auth_strategy="http_basic", allowed_hosts="a.example"), host=host)


def test_further_hosts_can_be_allowed() -> None:
    settings = Settings(allowed_hosts="ingot.example, Other.Example")
    for host in ("ingot.example", "other.example:6385"):
        check(settings, host=host)
        check(settings, "POST", host="127.0.0.1:6385", origin=f"https://{host}")


@pytest.mark.parametrize("settings", [OPEN, LOGIN])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "http://localhost:6385"},
        {"origin": "null"},
        {"origin": "file://"},
        {"origin": "http://[::1"},
        {"origin": "http://127.0.0.1:99999"},
        {"origin": ""},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site", "origin": "http://evil.example"},
    ],
)
def test_a_foreign_page_changes_nothing(
    settings: Settings, method: str, headers: dict[str, str]
) -> None:
    with pytest.raises(Forbidden, match="may not change anything"):
        check(settings, method, host="127.0.0.1:6385", **headers)
    check(settings, "GET", host="127.0.0.1:6385", **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://127.0.0.1:6385"},
        {"origin": "http://127.0.0.1:6385", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": "https://proxied.example", "sec_fetch_site": "same-origin"},
    ],
)
def test_own_pages_and_other_programs_change_things(headers: dict[str, str]) -> None:
    check(OPEN, "POST", host="127.0.0.1:6385", **headers)


@pytest.mark.parametrize(
    "given",
    ["application/json", "Application/JSON; charset=utf-8", "application/json-patch+json"],
)
def test_json_is_a_type_of_a_body(given: str) -> None:
    check_type(given)


@pytest.mark.parametrize(
    "given",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "+json"],
)
def test_what_a_foreign_page_may_send_unasked_is_no_type_of_a_body(given: str | None) -> None:
    with pytest.raises(NotJson, match="Content-Type: application/json"):
        check_type(given)
