"""How often a password is shown to a Redfish BMC that refuses it: each time counts for its lock-out."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from controller.bmc.redfish import RedfishDriver
from controller.bmc.redfish_sessions import Sessions
from controller.errors import BmcAuthenticationFailed, BmcError
from controller.hardware.bmc import PowerState

ROOT = "/redfish/v1"
SESSIONS = f"{ROOT}/SessionService/Sessions"
DOCUMENTS: dict[str, dict[str, Any]] = {
    ROOT: {
        "Id": "Root",
        "Name": "Root",
        "RedfishVersion": "1.20.0",
        "Systems": {"@odata.id": f"{ROOT}/Systems"},
        "SessionService": {"@odata.id": f"{ROOT}/SessionService"},
        "Links": {"Sessions": {"@odata.id": SESSIONS}},
    },
    f"{ROOT}/Systems": {"Name": "Systems", "Members": [{"@odata.id": f"{ROOT}/Systems/1"}]},
    f"{ROOT}/Systems/1": {"Id": "1", "Name": "m", "PowerState": "On", "Actions": {}},
    f"{SESSIONS}/1": {"Id": "1", "Name": "session", "UserName": "admin"},
}


@dataclass(frozen=True, slots=True)
class Manners:
    """How a BMC answers; see :func:`bmc_that`."""

    answers_sessions: int | list[int]
    takes_basic: bool
    reading: int
    words: dict[str, Any]
    open_paths: Iterable[str]
    shown: list[str] = field(default_factory=list)


def handler_with(manners: Manners) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            """Say nothing."""

        def answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if status == 201:
                self.send_header("X-Auth-Token", "token-1")
                self.send_header("Location", f"{SESSIONS}/1")
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            path = self.path.rstrip("/")
            if path in manners.open_paths:
                return self.answer(200, DOCUMENTS[path])
            if "Authorization" in self.headers:
                manners.shown.append("basic")
                if manners.takes_basic:
                    return self.answer(200, DOCUMENTS[path])
            return self.answer(manners.reading, manners.words)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            manners.shown.append("session")
            status = manners.answers_sessions
            self.answer(status if isinstance(status, int) else status[0], manners.words)

        def do_DELETE(self) -> None:
            manners.shown.append("end")
            self.answer(200, {})

    return Handler


@contextmanager
def bmc_that(
    answers_sessions: int | list[int],
    *,
    takes_basic: bool,
    reading: int = 401,
    words: dict[str, Any] | None = None,
    open_paths: Iterable[str] = (ROOT,),
) -> Iterator[tuple[str, list[str]]]:
    """Give the address of a BMC that answers a login so, and the list of passwords that it was shown.

    Args:
        answers_sessions: Status of the answer to a session's login; in a list, to be changed meanwhile.
        takes_basic: Whether it lets in by basic authentication.
        reading: Status of the answer to whoever is not let in.
        words: Body of its refusals.
        open_paths: What it shows whoever asks; more may be opened, and closed, meanwhile.
    """
    manners = Manners(answers_sessions, takes_basic, reading, words or {}, open_paths)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_with(manners))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", manners.shown
    finally:
        server.shutdown()
        server.server_close()


def info(url: str, auth: str) -> dict[str, Any]:
    login = {"redfish_username": "admin", "redfish_password": "wrong-1"}
    return {"redfish_address": url, "redfish_auth_type": auth, **login}


@pytest.mark.parametrize(
    ("auth", "ways"), [("auto", ["session"]), ("session", ["session"]), ("basic", ["basic"])]
)
def test_a_password_that_is_refused_is_shown_once(auth: str, ways: list[str]) -> None:
    with bmc_that(401, takes_basic=False) as (url, shown):
        driver = RedfishDriver(Sessions())
        for _ in range(3):
            with pytest.raises(BmcAuthenticationFailed):
                driver.connect(info(url, auth)).power_state(timeout_s=10)
        assert shown == ways
        driver.close()


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_a_bmc_without_sessions_is_asked_with_basic(status: int) -> None:
    with bmc_that(status, takes_basic=True) as (url, shown):
        driver = RedfishDriver(Sessions())
        assert driver.connect(info(url, "auto")).power_state(timeout_s=10) is PowerState.ON
        assert shown[0] == "session"
        assert set(shown[1:]) == {"basic"}
        driver.close()


def refusal(text: str, name: str = "InsufficientPrivilege") -> dict[str, Any]:
    """Return the body of a refusal."""
    message = {"MessageId": f"Base.1.18.{name}", "Message": text, "Severity": "Critical"}
    return {"error": {"code": message["MessageId"], "@Message.ExtendedInfo": [message]}}


def failures(url: str, auth: str, kind: type[Exception], times: int = 3) -> str:
    """Return what the last of several calls fails with."""
    driver = RedfishDriver(Sessions())
    for _ in range(times):
        with pytest.raises(kind) as raised:
            driver.connect(info(url, auth)).power_state(timeout_s=10)
    driver.close()
    return str(raised.value)


@pytest.mark.parametrize(
    ("auth", "ways"),
    [("auto", ["session"]), ("session", ["session"]), ("basic", ["basic"])],
)
def test_a_login_that_is_refused_with_400_is_held(auth: str, ways: list[str]) -> None:
    with bmc_that(400, takes_basic=False, words=refusal("no such user")) as (url, shown):
        said = failures(url, auth, BmcAuthenticationFailed)
        assert shown == ways
    assert "tried again in 60 s" in said
    assert "answered 40" in said
    assert "no such user" in said


@pytest.mark.parametrize(
    ("sessions", "auth", "ways"),
    [
        (403, "auto", ["session", "basic"]),
        (403, "session", ["session"]),
        (403, "basic", ["basic"]),
    ],
)
def test_a_user_who_may_not_even_look_is_held(sessions: int, auth: str, ways: list[str]) -> None:
    words = refusal("account locked; you said wrong-1 " + "x" * 2000)
    with bmc_that(sessions, takes_basic=False, reading=403, words=words) as (url, shown):
        said = failures(url, auth, BmcError)
        assert shown == ways
    assert "give it the role" in said
    assert "account locked" in said
    assert "tried again in 60 s" in said
    assert "wrong-1" not in said
    assert len(said) < 700


@pytest.mark.parametrize(("auth", "sessions"), [("auto", 201), ("session", 201), ("auto", 403)])
def test_a_password_that_must_be_changed_is_told_as_that(auth: str, sessions: int) -> None:
    words = refusal("change it at Accounts/2", "PasswordChangeRequired")
    with bmc_that(sessions, takes_basic=False, reading=403, words=words) as (url, shown):
        said = failures(url, auth, BmcAuthenticationFailed)
        assert shown == ["session", "end"][: 2 if sessions == 201 else 1]
    assert "before the password is changed" in said
    assert "change it at Accounts/2" in said
    assert "role" not in said


@pytest.mark.parametrize("auth", ["auto", "session"])
@pytest.mark.parametrize("reading", [401, 403])
def test_what_is_refused_in_a_session_that_was_opened_is_no_refused_login(
    auth: str, reading: int
) -> None:
    with bmc_that(201, takes_basic=False, reading=reading) as (url, shown):
        said = failures(url, auth, BmcError)
        assert shown == ["session", "end"] * 3
    assert "tried again" not in said


FIRST, SECOND = f"{ROOT}/Systems/1", f"{ROOT}/Systems/2"


@pytest.mark.parametrize(
    ("auth", "shows_session", "logins"),
    [
        ("session", True, ["session"]),
        ("auto", True, ["session"]),
        ("session", False, ["session", *["end", "session"] * 3]),
    ],
)
def test_a_system_that_the_user_may_not_see_holds_no_other_back(
    auth: str, shows_session: bool, logins: list[str]
) -> None:
    opened = {ROOT, FIRST} | ({f"{SESSIONS}/1"} if shows_session else set())
    with bmc_that(201, takes_basic=False, reading=403, open_paths=opened) as (url, shown):
        driver = RedfishDriver(Sessions())
        first, second = (
            driver.connect({**info(url, auth), "redfish_system_id": path})
            for path in (FIRST, SECOND)
        )
        for _ in range(3):
            assert first.power_state(timeout_s=10) is PowerState.ON
            with pytest.raises(BmcError, match=f"is let in, but may not read {SECOND}") as raised:
                second.power_state(timeout_s=10)
            assert "role" not in str(raised.value)
            assert "tried again" not in str(raised.value)
        assert shown == logins
        driver.close()


@pytest.mark.parametrize(
    ("auth", "sessions", "shows", "words", "logins"),
    [
        ("session", 201, f"{SESSIONS}/1", "is let in", ["session"]),
        ("auto", 201, f"{SESSIONS}/1", "is let in", ["session"]),
        ("session", 201, ROOT, "may not do that", ["session", "end", "session"]),
        ("auto", 403, f"{ROOT}/Systems", "is let in", ["session", "basic"]),
        ("basic", 404, f"{ROOT}/Systems", "is let in", ["basic"]),
    ],
)
def test_nor_does_one_that_is_asked_for_first(
    auth: str, sessions: int, shows: str, words: str, logins: list[str]
) -> None:
    opened = {ROOT, FIRST, shows}
    with bmc_that(sessions, takes_basic=False, reading=403, open_paths=opened) as (url, shown):
        driver = RedfishDriver(Sessions())
        second, first = (
            driver.connect({**info(url, auth), "redfish_system_id": path})
            for path in (SECOND, FIRST)
        )
        with pytest.raises(BmcError, match=words) as raised:
            second.power_state(timeout_s=10)
        assert "tried again" not in str(raised.value)
        assert first.power_state(timeout_s=10) is PowerState.ON
        assert shown == logins
        driver.close()


@pytest.mark.parametrize("words", [{}, refusal("change it", "PasswordChangeRequired")])
def test_a_user_who_is_let_in_no_longer_is_held(words: dict[str, Any]) -> None:
    """As one whose account was locked, or whose password is too old, since the login."""
    opened = {ROOT, FIRST, f"{SESSIONS}/1"}
    status = [201]
    with bmc_that(status, takes_basic=False, reading=403, words=words, open_paths=opened) as (
        url,
        shown,
    ):
        driver = RedfishDriver(Sessions())
        bmc = driver.connect({**info(url, "session"), "redfish_system_id": FIRST})
        assert bmc.power_state(timeout_s=10) is PowerState.ON
        opened -= {FIRST, f"{SESSIONS}/1"}
        status[0] = 403
        for _ in range(3):
            with pytest.raises(BmcError, match="tried again in 60 s"):
                bmc.power_state(timeout_s=10)
        assert shown == ["session", "end", "session"]
        driver.close()
