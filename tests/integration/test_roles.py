"""What a login with a role sees and may do here; what Ironic does in the same cases says ``test_principals_beside_ironic.py``."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from controller.client.cli import main
from tests.integration.basic_users import as_user, write_users
from tests.integration.controller_api import Api, make_api
from tests.integration.running_controller import running_controller

ROLES = "ann:admin\nolga:operator\nmona:observer\ntim:reader:team-a\ntom:member:team-a\nlea:reader:team-b\n"
NAMES = ("ann", "olga", "mona", "tim", "tom", "lea", "nobody")


def settings(folder: Path) -> dict[str, str]:
    (folder / "roles").write_text(ROLES)
    return {
        "auth_strategy": "http_basic",
        "htpasswd_file": str(write_users(folder, NAMES)),
        "roles_file": str(folder / "roles"),
    }


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    api = make_api(tmp_path, **settings(tmp_path))
    for body in (
        {"name": "one", "owner": "team-a", "lessee": "team-b"},
        {"name": "two"},
    ):
        api.ok("POST", "/v1/nodes", {"driver": "fake-hardware"} | body, headers=as_user("ann"))
    yield api
    api.services.store.close()


def names(api: Api, user: str, query: str = "") -> list[str]:
    found = api.ok("GET", f"/v1/nodes{query}", headers=as_user(user))["nodes"]
    return [one["name"] for one in found]


def test_lists_show_a_project_its_own(api: Api) -> None:
    assert names(api, "mona") == ["one", "two"]
    assert names(api, "tim") == names(api, "lea") == ["one"]
    assert names(api, "tim", "?project=team-a") == ["one"]
    words = api.error(403, "GET", "/v1/nodes?project=team-b", headers=as_user("tim"))
    assert "tim (reader of project team-a) may not list all nodes" in words


def test_a_user_without_a_line_has_no_rights_and_is_told_so(api: Api) -> None:
    words = api.error(403, "GET", "/v1/nodes", headers=as_user("nobody"))
    assert words.startswith("nobody (without a role in no project) may not list all nodes")
    api.error(404, "GET", "/v1/nodes/one", headers=as_user("nobody"))
    assert api.call("GET", "/v1", headers=as_user("nobody")).status_code == 200
    assert api.call("GET", "/healthcheck").status_code == 200


def test_what_is_hidden_is_not_there_and_what_is_seen_is_forbidden(api: Api) -> None:
    tim = as_user("tim")
    assert api.error(404, "GET", "/v1/nodes/two", headers=tim) == "Node two could not be found"
    for method in ("PUT", "DELETE"):
        api.error(404, method, "/v1/nodes/two/maintenance", headers=tim)
        words = api.error(403, method, "/v1/nodes/one/maintenance", headers=tim)
        assert "needs one of these roles: " in words


def test_an_operator_works_with_nodes_and_deletes_none(api: Api) -> None:
    olga = as_user("olga")
    api.ok("PUT", "/v1/nodes/two/states/provision", {"target": "manage"}, headers=olga)
    api.error(403, "DELETE", "/v1/nodes/two", headers=olga)
    api.error(403, "POST", "/v1/nodes", {"driver": "fake-hardware"}, headers=olga)
    api.error(
        403, "PUT", "/v1/nodes/two/states/provision", {"target": "manage"}, headers=as_user("mona")
    )


def test_a_lessee_does_not_see_how_the_node_is_managed(api: Api) -> None:
    api.set_row("one", last_error="the BMC bmc-7.example said no")
    for user, is_shown in (("lea", False), ("tim", True), ("mona", True)):
        for path in (
            "nodes/one",
            "nodes/one/states",
            "nodes?fields=last_error,status_text,driver_info",
        ):
            reply = api.call("GET", f"/v1/{path}", headers=as_user(user))
            assert reply.status_code == 200
            assert ("bmc-7" in reply.text) == is_shown, f"{user}: {path}"


def test_the_history_names_the_project_and_a_lessee_cannot_read_it(api: Api) -> None:
    patch = [{"op": "add", "path": "/extra/a", "value": 1}]
    api.ok("PATCH", "/v1/nodes/one", patch, headers=as_user("tom"))
    events = api.ok("GET", "/v1/nodes/one/history?detail=true", headers=as_user("tim"))["history"]
    assert (events[-1]["user"], events[-1]["project"]) == ("tom", "team-a")
    api.error(403, "GET", "/v1/nodes/one/history", headers=as_user("lea"))


def test_an_allocation_of_a_member_belongs_to_its_project(api: Api) -> None:
    made = api.ok("POST", "/v1/allocations", {"resource_class": "x"}, headers=as_user("tom"))
    assert made["owner"] == "team-a"
    api.error(404, "GET", f"/v1/allocations/{made['uuid']}", headers=as_user("lea"))
    api.error(403, "DELETE", f"/v1/allocations/{made['uuid']}", headers=as_user("tim"))
    api.ok("DELETE", f"/v1/allocations/{made['uuid']}", headers=as_user("tom"))


def test_a_parent_of_another_owner_is_refused_in_the_words_of_one_that_is_not_there(
    api: Api,
) -> None:
    words = []
    for parent in ("two", "nope"):
        patch = [{"op": "add", "path": "/parent_node", "value": parent}]
        words.append(api.error(400, "PATCH", "/v1/nodes/one", patch, headers=as_user("ann")))
    assert words[0] == words[1].replace("nope", "two")


def test_the_command_line_says_which_role_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_controller(tmp_path, **settings(tmp_path)) as controller:
        monkeypatch.setenv("INGOT_API_URL", controller.url)
        monkeypatch.setenv("INGOT_USERNAME", "mona")
        monkeypatch.setenv("INGOT_PASSWORD", "mona")
        monkeypatch.setenv("COLUMNS", "400")
        body = {"name": "one", "driver": "fake-hardware"}
        url = f"{controller.url}/v1/nodes"
        headers = {"X-OpenStack-Ironic-API-Version": "1.115"}
        reply = requests.post(url, json=body, headers=headers, auth=("ann", "ann"), timeout=30)
        assert reply.ok
        assert main(["node", "list"]) == 0
        capsys.readouterr()
        assert main(["node", "manage", "one"]) != 0
    said = capsys.readouterr().err
    assert "mona (reader of the system) may not deploy, clean, inspect it" in said
    assert "needs one of these roles: " in said
