"""The strategy ``keystone`` with the real Keystone: who gets in as what, with which clients, and the same asked of real Ironic."""

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from controller.client.cli import main as ingot
from tests.bench.servers.start import has_real_ironic
from tests.integration.beside_ironic import Beside, beside_ironic
from tests.integration.controller_process import controller_process
from tests.integration.keystone_site import (
    BESIDE_KEYSTONE,
    USERS,
    KeystoneSite,
    keystone_site,
    offer,
)
from tests.integration.test_controller_api_clients import CLIENT, Baremetal, environment

pytestmark = [
    *BESIDE_KEYSTONE,
    pytest.mark.long,  # a minute to set Keystone up, and a real Ironic beside it
    pytest.mark.filterwarnings("ignore:'cgi' is deprecated"),  # webob's
]
NODE = "9a4b3cf5-1b9b-4c08-a6a5-9d0ff0dd4bb5"
SDK = """
import openstack
with openstack.connect() as cloud:
    print(sorted(node.name for node in cloud.baremetal.nodes()))
"""
AUTHTOKEN = """
[keystone_authtoken]
auth_type = password
auth_url = {url}
www_authenticate_uri = {url}
interface = public
username = ingot
password = right
user_domain_name = Default
project_name = service
project_domain_name = Default
service_type = baremetal
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeystoneSite]:
    with keystone_site(tmp_path_factory.mktemp("keystone")) as found:
        yield found


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("controller") / "controller.log"


@pytest.fixture(scope="module")
def url(site: KeystoneSite, log: Path) -> Iterator[str]:
    with controller_process(log.parent, **site.settings(log_level="DEBUG")) as found:
        offer(site, found)
        root = site.log_in("root")
        for owner in ("owner", "foreign", None):
            project = site.projects.get(owner or "")
            body = {"name": f"of-{owner}", "driver": "fake-hardware", "owner": project}
            assert ask(found, root, "POST", "/v1/nodes", body).status_code == 201
        yield found


EVERY = ["of-None", "of-foreign", "of-owner"]


def ask(
    url: str, token: str | None, method: str, path: str, body: Any = None, **more: str
) -> requests.Response:
    headers = {"X-OpenStack-Ironic-API-Version": "1.100"}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    headers |= {"X-Auth-Token": token} if token else {}
    return requests.request(method, url + path, json=body, headers=headers, timeout=30)


def names(url: str, token: str) -> list[str]:
    reply = ask(url, token, "GET", "/v1/nodes")
    assert reply.status_code == 200, reply.text
    return sorted(one["name"] for one in reply.json()["nodes"])


@pytest.mark.parametrize(
    ("user", "seen", "patches"),
    [
        ("root", EVERY, 200),
        ("olga", EVERY, 403),
        ("nova", EVERY, 200),
        ("boss", ["of-owner"], 200),
        ("tom", ["of-owner"], 200),
        ("tim", ["of-owner"], 403),
        ("eve", ["of-foreign"], 404),
    ],
)
def test_roles_hold_where_keystone_says(
    site: KeystoneSite, url: str, user: str, seen: list[str], patches: int
) -> None:
    token = site.log_in(user)
    assert names(url, token) == seen
    change = [{"op": "add", "path": "/extra/by", "value": user}]
    assert ask(url, token, "PATCH", "/v1/nodes/of-owner", change).status_code == patches


def test_a_role_of_another_name_gives_nothing(site: KeystoneSite, url: str) -> None:
    assert ask(url, site.log_in("odd"), "GET", "/v1/nodes").status_code == 403
    assert ask(url, site.log_in("tom", {}), "GET", "/v1/nodes").status_code == 403  # no scope


@pytest.mark.parametrize("token", [None, "garbage", "gAAAAABnotatoken"])
def test_without_a_token_the_way_to_keystone_is_told(
    site: KeystoneSite, url: str, token: str | None
) -> None:
    reply = ask(url, token, "GET", "/v1/nodes", X_Roles="admin", X_Identity_Status="Confirmed")
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == f'Keystone uri="{site.url}"'


def application_credential(site: KeystoneSite, **values: Any) -> dict[str, Any]:
    """Make one of tom's and return the login by it."""
    body = {"application_credential": {"name": f"c{time.time_ns()}", **values}}
    path = f"/users/{site.users['tom']}/application_credentials"
    made = site.ask("POST", path, body, token=site.log_in("tom"))["application_credential"]
    login = {"id": made["id"], "secret": made["secret"]}
    return {"methods": ["application_credential"], "application_credential": login}


def test_an_expired_token_is_none_but_for_a_service(site: KeystoneSite, url: str) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=20)
    login = application_credential(site, expires_at=f"{ends:%Y-%m-%dT%H:%M:%S}")
    token = site.token(login)
    assert names(url, token) == ["of-owner"]
    time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 1)
    assert ask(url, token, "GET", "/v1/nodes").status_code == 401
    service, other = site.log_in("nova"), site.log_in("eve")
    assert ask(url, token, "GET", "/v1/nodes", X_Service_Token=service).status_code == 200
    assert ask(url, token, "GET", "/v1/nodes", X_Service_Token=other).status_code == 401


def test_application_credentials_reach_what_they_are_for(site: KeystoneSite, url: str) -> None:
    rule = {"service": "baremetal", "method": "GET", "path": "/v1/nodes"}
    token = site.token(application_credential(site, access_rules=[rule]))
    assert names(url, token) == ["of-owner"]
    change = [{"op": "add", "path": "/extra/by", "value": "c"}]
    assert ask(url, token, "PATCH", "/v1/nodes/of-owner", change).status_code == 401


def test_the_command_line_logs_in_by_password_and_finds_us_in_the_catalog(
    site: KeystoneSite, url: str, tmp_path: Path
) -> None:
    root = Baremetal(environment(tmp_path, **site.environment("root")))
    assert sorted(one["name"] for one in root.json("node", "list")) == EVERY
    tom = Baremetal(environment(tmp_path, **site.environment("tom")))
    assert [one["name"] for one in tom.json("node", "list")] == ["of-owner"]
    tom.ok("node", "set", "of-owner", "--extra", "a=b")
    assert "could not be found" in tom.refused("node", "show", "of-foreign")
    assert "delete nodes" in tom.refused("node", "delete", "of-owner")


def test_our_command_line_takes_a_token(
    site: KeystoneSite,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("INGOT_API_URL", url)
    assert ingot(["node", "list"]) == 1
    assert "wants a token of Keystone (INGOT_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("INGOT_TOKEN", site.log_in("tom"))
    assert ingot(["node", "list"]) == 0
    assert "of-owner" in capsys.readouterr().out


def test_openstacksdk_logs_in_by_password_and_finds_us_in_the_catalog(
    site: KeystoneSite, url: str, tmp_path: Path
) -> None:
    for user, seen in (("tom", ["of-owner"]), ("root", EVERY)):
        done = subprocess.run(
            [CLIENT / "python", "-c", SDK],
            env=environment(tmp_path, **site.environment(user)),
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(seen)


@pytest.mark.skipif(not has_real_ironic(), reason="make build/stamps/peer-ironic")
def test_real_ironic_with_the_same_keystone_decides_the_same(
    site: KeystoneSite, tmp_path: Path
) -> None:
    root = {"X-Auth-Token": site.log_in("root")}
    theirs = {"sections": AUTHTOKEN.format(url=site.url), "login": root}
    with beside_ironic(tmp_path, auth="keystone", more=theirs, **site.settings()) as beside:
        beside.headers = root
        nodes = [
            beside.node(**({"owner": site.projects[owner]} if owner else {}))
            for owner in ("owner", "foreign", None)
        ]
        for user in USERS:
            _compare(beside, user, {"X-Auth-Token": site.log_in(user)}, nodes)
        for headers in ({"X-Auth-Token": "garbage"}, {"X-Roles": "admin"}):
            _compare(beside, str(headers), headers, nodes)
        assert not beside.differences, "\n".join(beside.differences)


def _compare(beside: Beside, who: str, headers: dict[str, str], nodes: list[str]) -> None:
    change = [{"op": "add", "path": "/extra/by", "value": who}]
    requests = [("GET", path, None) for path in ("/", "/v1", "/v1/nodes", "/v1/lookup")]
    requests += [("GET", f"/v1/nodes/{node}", None) for node in nodes]
    asked: list[tuple[str, str, Any]] = [
        *requests,
        *(("PATCH", f"/v1/nodes/{node}", change) for node in nodes),
        *(("PUT", f"/v1/nodes/{node}/states/power", {"target": "nonsense"}) for node in nodes),
        ("POST", "/v1/nodes", {"driver": "nonsense"}),
    ]
    for method, path, body in asked:
        said = beside.ask(method, path, body, headers=headers)
        ours, other = (one.status for one in said)
        if ours != other:
            beside.differences.append(f"{who}: {method} {path}: {ours}, theirs {other}")
    ours_seen, theirs_seen = (
        {one["uuid"] for one in (said.document or {"nodes": []})["nodes"]}
        for said in beside.ask("GET", "/v1/nodes", headers=headers)
    )
    if ours_seen != theirs_seen:
        beside.differences.append(f"{who} sees {ours_seen}, theirs {theirs_seen}")


def test_no_secret_is_in_the_log_and_the_changes_name_their_user(
    site: KeystoneSite, url: str, log: Path
) -> None:
    token = site.log_in("tom")
    change = [{"op": "add", "path": "/extra/by", "value": "x"}]
    assert ask(url, token, "PATCH", "/v1/nodes/of-owner", change).status_code == 200
    text = log.read_text()
    assert f"user=tom project={site.projects['owner']}" in text
    assert token not in text
    assert "right" not in text.replace("copyright", "")


def test_when_keystone_is_gone_who_is_known_and_what_is_public_go_on(
    site: KeystoneSite, url: str
) -> None:
    known = site.log_in("tom")
    assert names(url, known) == ["of-owner"]
    unknown = site.log_in("tim")
    site.program.stop()
    try:
        reply = ask(url, unknown, "GET", "/v1/nodes")
        assert reply.status_code == 503
        assert (
            "Keystone refused the connection"
            in json.loads(reply.json()["error_message"])["faultstring"]
        )
        assert names(url, known) == ["of-owner"]
        assert ask(url, None, "GET", "/v1").status_code == 200
        beat = {"callback_url": "http://127.0.0.1:9", "agent_token": "x", "agent_version": "1"}
        for method, path, body in (
            ("POST", f"/v1/heartbeat/{NODE}", beat),
            ("GET", "/v1/lookup?addresses=52:54:00:00:00:01", None),
        ):
            assert ask(url, None, method, path, body).status_code in (400, 404)
    finally:
        site.program.start()
