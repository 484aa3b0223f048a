"""The guard of the strategy ``keystone`` with a Keystone that is right, slow, wrong, hostile or gone."""

import importlib
import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.api.auth import make_guard
from controller.errors import SettingsError
from controller.load_settings import load_settings
from controller.settings import Settings
from tests.integration.controller_api import Api, make_api
from tests.integration.keystone_double import Answer, KeystoneDouble, keystone_double, token

pytest.importorskip("oslo_config", reason="pip install '.[keystone]'")
pytestmark = pytest.mark.filterwarnings("ignore:'cgi' is deprecated")  # webob's

SECRET = "do-not-show-me"
TOTAL_S = 1.0


@pytest.fixture
def keystone() -> Iterator[KeystoneDouble]:
    with keystone_double() as double:
        double.tokens = {
            "of-tom": token(),
            "of-root": token(
                roles=("admin", "member", "reader"), system={"all": True}, project=None
            ),
        }
        yield double


def settings_for(double: KeystoneDouble, **more: Any) -> dict[str, Any]:
    return {
        "auth_strategy": "keystone",
        "keystone_auth_url": double.url,
        "keystone_username": "ingot",
        "keystone_password": SECRET,
        "keystone_timeout_s": TOTAL_S,
        **more,
    }


def api_for(folder: Path, double: KeystoneDouble, **more: Any) -> Api:
    return make_api(folder, **settings_for(double, **more))


@pytest.fixture
def api(tmp_path: Path, keystone: KeystoneDouble) -> Iterator[Api]:
    api = api_for(tmp_path, keystone)
    yield api
    api.services.store.close()


def status(api: Api, name: str | None, path: str = "/v1/nodes", **headers: str) -> int:
    named = {one.replace("_", "-"): value for one, value in headers.items()}
    sent = named if name is None else {"X-Auth-Token": name, **named}
    return api.call("GET", path, headers=sent).status_code


def test_tokens_say_who_asks_and_are_asked_about_once(api: Api, keystone: KeystoneDouble) -> None:
    assert [status(api, "of-tom") for _ in range(3)] == [200, 200, 200]
    assert status(api, "of-root", "/v1/drivers") == 200
    assert status(api, "of-tom", "/v1/drivers") == 403
    assert keystone.asked.count("GET /v3/auth/tokens") == 2
    assert keystone.asked.count("POST /v3/auth/tokens") == 1


def test_without_a_cache_a_revoked_token_counts_no_more(
    tmp_path: Path, keystone: KeystoneDouble
) -> None:
    api = api_for(tmp_path, keystone, keystone_token_cache_s=0.0)
    assert status(api, "of-tom") == 200
    del keystone.tokens["of-tom"]
    assert status(api, "of-tom") == 401
    api.services.store.close()


def test_an_expired_token_counts_no_more_though_it_is_remembered(
    api: Api, keystone: KeystoneDouble
) -> None:
    keystone.tokens["short"] = token(lasts_s=2)
    assert status(api, "short") == 200
    time.sleep(2)
    assert status(api, "short") == 401


def test_headers_that_claim_an_identity_are_not_believed(
    api: Api, keystone: KeystoneDouble
) -> None:
    claims = {
        "X_Identity_Status": "Confirmed",
        "X_Roles": "admin",
        "OpenStack_System_Scope": "all",
        "X_Project_Id": "p-2",
        "X_Service_Identity_Status": "Confirmed",
    }
    assert status(api, None, **claims) == 401
    assert status(api, "garbage", **claims) == 401
    assert status(api, "of-tom", "/v1/drivers", **claims) == 403


@pytest.mark.parametrize("name", [None, "", "garbage", "a" * 20_000, "J\u00f6rg", "a\tb"])
def test_without_a_token_the_way_to_keystone_is_told(
    api: Api, keystone: KeystoneDouble, name: str | None
) -> None:
    headers = {} if name is None else {"X-Auth-Token": name}
    reply = api.call("GET", "/v1/nodes", headers=headers)
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == f'Keystone uri="{keystone.url}"'
    assert reply.get_json()["error"]["code"] == 401


def test_what_is_public_never_asks_keystone(api: Api, keystone: KeystoneDouble) -> None:
    node = "9a4b3cf5-1b9b-4c08-a6a5-9d0ff0dd4bb5"
    for path in (
        "/",
        "/v1",
        "/healthcheck",
        "/v1/lookup",
        "/v1/lookup?addresses=52:54:00:00:00:01",
    ):
        assert status(api, "garbage", path) not in (401, 503)
    beat = {"callback_url": "http://127.0.0.1:9", "agent_token": "x"}
    for path, body in ((f"/v1/heartbeat/{node}", beat), ("/v1/continue_inspection", {})):
        assert api.call("POST", path, body).status_code not in (401, 503)
    assert keystone.asked == []


def test_application_credentials_reach_what_they_are_for(
    api: Api, keystone: KeystoneDouble
) -> None:
    rule = {"service": "baremetal", "method": "GET", "path": "/v1/nodes"}
    keystone.tokens["limited"] = token(
        roles=("member", "reader"),
        application_credential={"id": "a", "access_rules": [rule]},
        catalog=[{"type": "baremetal", "name": "ingot", "endpoints": []}],
    )
    assert status(api, "limited") == 200
    assert status(api, "limited", "/v1/ports") == 401
    assert api.call("POST", "/v1/nodes", {}, headers={"X-Auth-Token": "limited"}).status_code == 401


def saying(status: int, body: bytes = b"", **headers: str) -> Answer:
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, body


GET, LOGIN = "GET /v3/auth/tokens", "POST /v3/auth/tokens"
FAULTS: dict[str, tuple[str, Answer, str]] = {
    "broken inside": (GET, saying(500), "answers 500"),
    "no JSON": (GET, saying(200, b"<html>"), "makes no sense"),
    "JSON of another kind": (GET, saying(200, b"[1]"), "makes no sense"),
    "half a token": (GET, saying(200, b'{"token": {"user": 5}}'), "makes no sense"),
    "may not validate": (GET, saying(403, b"{}"), "validate tokens"),
    "wrong password": (LOGIN, saying(401, b"{}"), "does not let this controller itself log in"),
    "sends on": (GET, saying(302, Location="http://127.0.0.1:9/x"), "sends the call on"),
    "flood": (GET, saying(200, b" " * 3_000_000), "sends more than"),
    "packed": (GET, saying(200, b"x", Content_Encoding="gzip"), "packs its answer"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_keystone_that_is_wrong_is_503_with_the_reason(
    api: Api, keystone: KeystoneDouble, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    what, answer, words = FAULTS[fault]
    keystone.answers[what] = lambda: answer
    with caplog.at_level(logging.DEBUG):
        said = api.error(503, "GET", "/v1/nodes", headers={"X-Auth-Token": "of-tom"})
        api.error(503, "GET", "/v1/nodes", headers={"X-Auth-Token": "of-tom"})
    assert words in said
    assert SECRET not in caplog.text
    assert SECRET not in said
    assert "of-tom" not in caplog.text
    failures = [one for one in caplog.records if "nobody can be let in" in one.message]
    assert len(failures) == 1  # not a line for each request
    keystone.answers.clear()
    assert status(api, "of-tom") == 200


def test_a_keystone_that_drips_or_hangs_costs_its_time_and_no_more(
    api: Api, keystone: KeystoneDouble
) -> None:
    keystone.drips_s = 0.3
    began = time.monotonic()
    said = api.error(503, "GET", "/v1/nodes", headers={"X-Auth-Token": "of-tom"})
    assert time.monotonic() - began < TOTAL_S + 1
    assert "did not answer" in said
    keystone.drips_s = 0.0
    assert status(api, "of-tom") == 200


def test_who_is_known_gets_in_while_strangers_wait(
    tmp_path: Path, keystone: KeystoneDouble
) -> None:
    api = api_for(tmp_path, keystone, threads=8, keystone_timeout_s=3.0)
    assert status(api, "of-tom") == 200
    release = threading.Event()

    def hang() -> Answer:
        release.wait(10)
        return 500, {}, b""

    keystone.answers[GET] = hang
    found: list[int] = []
    threads = [
        threading.Thread(
            target=lambda one: found.append(status_of(api, one)), args=(f"stranger-{number}",)
        )
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    assert found == [503, 503]  # half of the threads may wait
    began = time.monotonic()
    assert status(api, "of-tom") == 200
    assert time.monotonic() - began < 1
    release.set()
    for thread in threads:
        thread.join()
    assert found == [503] * 6
    api.services.store.close()


def status_of(api: Api, name: str) -> int:
    """As ``status``, from a thread of its own: the client of a test keeps one context."""
    with api.client.application.test_client() as client:
        return client.get("/v1/nodes", headers={"X-Auth-Token": name}).status_code


def test_a_keystone_that_is_gone_is_503(api: Api, tmp_path: Path) -> None:
    gone = api_for_gone(tmp_path)
    said = gone.error(503, "GET", "/v1/nodes", headers={"X-Auth-Token": "x"})
    assert "refused the connection" in said
    gone.services.store.close()


def api_for_gone(folder: Path) -> Api:
    (folder / "gone").mkdir()
    return api_for(folder / "gone", KeystoneDouble(port=9))


def test_a_missing_package_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in list(sys.modules):
        if name.startswith("controller.api.keystone.guard"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "keystonemiddleware.auth_token", None)
    importlib.invalidate_caches()
    with pytest.raises(SettingsError, match=r"pip install 'ingot\[keystone\]'"):
        make_guard(Settings(auth_strategy="keystone"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"keystone_auth_url": ""}, "needs keystone_auth_url"),
        ({"keystone_auth_url": "keystone:5000"}, "http or https"),
        ({"keystone_password": ""}, "needs keystone_password"),
        ({"keystone_cafile": "/nonexistent"}, "cannot be read"),
        ({"keystone_cafile": __file__}, "has no certificate"),
    ],
)
def test_settings_that_cannot_work_end_the_start(
    keystone: KeystoneDouble, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        make_guard(Settings(**settings_for(keystone, **more)))


def test_the_password_is_in_no_message() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings("keystone_password = 4711", {}, {})
    assert "4711" not in str(caught.value)
    assert SECRET not in repr(Settings(keystone_password=SECRET))
