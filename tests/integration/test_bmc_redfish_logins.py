"""How often a password is shown to a Redfish BMC that refuses it: each time counts for its lock-out."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from controller.bmc.redfish import RedfishDriver
from controller.bmc.redfish_sessions import Sessions
from controller.errors import BmcAuthenticationFailed
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
}


@contextmanager
def bmc_that(answers_sessions: int, *, takes_basic: bool) -> Iterator[tuple[str, list[str]]]:
    """Give the address of a BMC that answers a login so, and the list of passwords that it was shown."""
    shown: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            """Say nothing."""

        def answer(self, status: int, body: dict[str, Any]) -> None:
            words = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(words)))
            self.end_headers()
            self.wfile.write(words)

        def do_GET(self) -> None:
            path = self.path.rstrip("/")
            if path == ROOT:
                return self.answer(200, DOCUMENTS[ROOT])
            if "Authorization" in self.headers:
                shown.append("basic")
                if takes_basic:
                    return self.answer(200, DOCUMENTS[path])
            return self.answer(401, {})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            shown.append("session")
            self.answer(answers_sessions, {})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", shown
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
