"""No more deployments and cleanings at a time than the settings say; the rest is asked to come back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.controller_api import Api, make_api

FAKE = {"deploy_interface": "fake", "boot_interface": "fake"}
STEP = {"interface": "power", "step": "power_on", "args": {}}
CLEAN = {"target": "clean", "clean_steps": [STEP], "disable_ramdisk": True}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = make_api(tmp_path, max_concurrent_deploy=2, max_concurrent_clean=1)
    yield made
    made.services.store.close()


def node_in(api: Api, state: str) -> str:
    uuid = api.node(**FAKE)["uuid"]
    api.set_row(uuid, provision_state=state, power_state="power off")
    return f"/v1/nodes/{uuid}"


def order(api: Api, place: str, body: dict[str, Any]) -> Any:
    return api.call("PUT", f"{place}/states/provision", body)


@pytest.mark.parametrize("target", ["active", "rebuild"])
def test_one_deployment_too_many_is_asked_to_come_back(api: Api, target: str) -> None:
    running = [node_in(api, state) for state in ("deploying", "wait call-back")]
    one_more = node_in(api, "deploy failed")
    reply = order(api, one_more, {"target": target})
    assert reply.status_code == 503
    assert int(reply.headers["Retry-After"]) > 0
    assert "2 deployments run already (deploying, wait call-back)" in reply.get_data(as_text=True)
    assert "max_concurrent_deploy is 2" in reply.get_data(as_text=True)
    assert api.ok("GET", f"{one_more}/states")["provision_state"] == "deploy failed"
    assert "was asked for" not in str(api.ok("GET", f"{one_more}/history"))
    api.set_row(running[0].rpartition("/")[2], provision_state="active")
    assert order(api, one_more, {"target": target}).status_code == 202
    assert order(api, node_in(api, "deploy failed"), {"target": target}).status_code == 503


@pytest.mark.parametrize("state", ["deleting", "cleaning", "clean wait"])
@pytest.mark.parametrize(
    ("body", "begin"), [(CLEAN, "manageable"), ({"target": "deleted"}, "active")]
)
def test_one_cleaning_or_deletion_too_many_is_asked_to_come_back(
    api: Api, state: str, body: dict[str, Any], begin: str
) -> None:
    node_in(api, state)
    words = api.error(503, "PUT", f"{node_in(api, begin)}/states/provision", body)
    assert "1 cleanings run already" in words
    assert "max_concurrent_clean is 1" in words


@pytest.mark.parametrize("state", ["clean failed", "clean hold", "deploying", "deploy hold"])
def test_what_has_ended_or_waits_for_a_person_or_is_something_else_does_not_count(
    api: Api, state: str
) -> None:
    for _ in range(3 if state != "deploying" else 1):
        node_in(api, state)
    assert order(api, node_in(api, "manageable"), CLEAN).status_code == 202
    assert order(api, node_in(api, "available"), {"target": "active"}).status_code == 202


def test_a_new_machine_is_provided_whatever_goes_on(api: Api) -> None:
    for _ in range(3):
        node_in(api, "cleaning")
    assert order(api, node_in(api, "manageable"), {"target": "provide"}).status_code == 202


def test_a_verb_that_the_state_forbids_is_told_so_and_not_to_come_back(api: Api) -> None:
    for _ in range(3):
        node_in(api, "deploying")
    assert order(api, node_in(api, "enroll"), {"target": "active"}).status_code == 400
