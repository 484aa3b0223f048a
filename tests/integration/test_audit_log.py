"""Who did what: a line in the log for each change, and the node's history."""

import logging
from pathlib import Path
from typing import Any

import pytest

from tests.integration.basic_users import as_user, write_users
from tests.integration.controller_api import Api, make_api

ANN = as_user("ann")


@pytest.fixture
def api(tmp_path: Path) -> Api:
    users = write_users(tmp_path, ["ann", "bob"])
    return make_api(tmp_path, auth_strategy="http_basic", htpasswd_file=str(users))


@pytest.fixture
def audit(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.INFO)

    def lines() -> list[dict[str, Any]]:
        names = ("user", "project", "address", "method", "path", "status", "nodes")
        found = [record for record in caplog.records if record.getMessage() == "audit"]
        return [{name: getattr(one, name) for name in names} for one in found]

    return lines


def enrol(api: Api, **values: Any) -> str:
    body = {"driver": "fake-hardware"} | values
    return str(api.ok("POST", "/v1/nodes", body, headers=ANN)["uuid"])


def history(api: Api, node: str) -> list[tuple[str, str | None]]:
    found = api.ok("GET", f"/v1/nodes/{node}/history?detail=true", headers=ANN)["history"]
    return [(one["event"], one["user"]) for one in found]


def test_every_change_is_one_line_with_the_user_and_the_nodes(api: Api, audit: Any) -> None:
    node = enrol(api)
    port = {"address": "52:54:00:00:00:01", "node_uuid": node}
    uuid = api.ok("POST", "/v1/ports", port, headers=as_user("bob"))["uuid"]
    api.ok("GET", f"/v1/ports/{uuid}", headers=ANN)
    api.call("DELETE", "/v1/nodes/nobody", headers=ANN)
    common = {"project": "-", "address": "127.0.0.1"}
    assert audit() == [
        common
        | {"user": "ann", "method": "POST", "path": "/v1/nodes", "status": 201, "nodes": node},
        common
        | {"user": "bob", "method": "POST", "path": "/v1/ports", "status": 201, "nodes": node},
        common
        | {
            "user": "ann",
            "method": "DELETE",
            "path": "/v1/nodes/nobody",
            "status": 404,
            "nodes": "-",
        },
    ]


def test_the_history_names_the_user_of_a_change_and_of_what_follows_at_once(api: Api) -> None:
    node = enrol(api)
    api.ok("PATCH", f"/v1/nodes/{node}", [op("/extra/a", 1), op("/name", "one")], headers=ANN)
    api.ok("PUT", "/v1/nodes/one/traits", {"traits": ["CUSTOM_A"]}, headers=as_user("bob"))
    api.ok("PUT", "/v1/nodes/one/states/provision", {"target": "manage"}, headers=as_user("bob"))
    assert history(api, node) == [
        ("Node created in state enroll", "ann"),
        (f'ann asked for "PATCH /v1/nodes/{node}": extra, name', "ann"),
        ('bob asked for "PUT /v1/nodes/one/traits"', "bob"),
        ("manage was asked for", "bob"),
        ("enroll -> verifying", "bob"),
    ]


def test_the_same_change_again_is_counted_and_pushes_nothing_out(api: Api) -> None:
    node = enrol(api)
    for number in range(5):
        api.ok("PATCH", f"/v1/nodes/{node}", [op("/extra/a", number)], headers=ANN)
    found = api.ok("GET", f"/v1/nodes/{node}/history?detail=true", headers=ANN)["history"]
    assert len(found) == 2
    assert found[1]["data"]["times"] == 5


def test_a_deleted_node_and_a_refused_change_leave_no_entry(api: Api, audit: Any) -> None:
    node = enrol(api, instance_uuid="2ad60fdd-4d6c-4b86-aa96-5dd94a9b6f5b")
    before = history(api, node)
    assert api.call("DELETE", f"/v1/nodes/{node}", headers=ANN).status_code == 409
    assert history(api, node) == before
    api.ok("PATCH", f"/v1/nodes/{node}", [{"op": "remove", "path": "/instance_uuid"}], headers=ANN)
    api.ok("DELETE", f"/v1/nodes/{node}", headers=ANN)
    assert audit()[-1] == {
        "user": "ann",
        "project": "-",
        "address": "127.0.0.1",
        "method": "DELETE",
        "path": f"/v1/nodes/{node}",
        "status": 204,
        "nodes": node,
    }


def test_neither_the_query_nor_the_body_is_in_the_log_and_a_path_is_one_bounded_word(
    api: Api, caplog: pytest.LogCaptureFixture, audit: Any
) -> None:
    body = {"driver": "fake-hardware", "driver_info": {"ipmi_password": "hush-hush"}}
    api.call("POST", "/v1/nodes?token=hush-hush", body, headers=ANN)
    api.call("DELETE", f"/v1/nodes/a%0Ab%20{'x' * 2000}", headers=ANN)
    assert "hush-hush" not in "".join(str(vars(record)) for record in caplog.records)
    path = audit()[-1]["path"]
    assert path.startswith("/v1/nodes/a%0Ab%20xx")
    assert len(path) < 600


def test_without_logins_the_history_says_from_where(tmp_path: Path, audit: Any) -> None:
    api = make_api(tmp_path)
    node = api.node()["uuid"]
    api.ok("PUT", f"/v1/nodes/{node}/traits", {"traits": []})
    (_created, told) = api.ok("GET", f"/v1/nodes/{node}/history?detail=true")["history"]
    assert told["event"] == f'somebody at 127.0.0.1 asked for "PUT /v1/nodes/{node}/traits"'
    assert told["user"] is None
    assert told["data"]["address"] == "127.0.0.1"
    assert audit()[-1]["user"] == "-"


def test_what_machines_ask_for_is_no_change_of_a_person(api: Api, audit: Any) -> None:
    api.call("POST", "/v1/heartbeat/2ad60fdd-4d6c-4b86-aa96-5dd94a9b6f5b", {})
    assert audit() == []


def test_a_login_that_fails_writes_no_line(api: Api, audit: Any) -> None:
    assert api.call("POST", "/v1/nodes", {}, headers=as_user("eve")).status_code == 401
    assert audit() == []


def op(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}
