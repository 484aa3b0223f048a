"""Inspection rules: sealed in the database, secrets masked and kept, sensitive ones never shown; inspections say that none is carried out."""

from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select, text

from controller.store.inspection_rules import InspectionRule
from controller.store.sealed_rows import rekey
from tests.integration.controller_api import Api, make_api
from tests.integration.inspections import enrol, inspecting

PATH = "/v1/inspection_rules"
SECRET = "sesame-4711"
ACTION: dict[str, Any] = {
    "op": "set-attribute",
    "args": {"path": "driver_info", "value": {"ipmi_password": SECRET, "ipmi_port": 623}},
}
CONDITION = {"op": "eq", "args": {"values": ["{node.name}", SECRET]}}


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return make_api(tmp_path)


def stored(api: Api) -> InspectionRule:
    with api.services.store.read() as session:
        return session.scalars(select(InspectionRule)).one()


def raw(api: Api) -> str:
    with api.services.store.read() as session:
        row = session.execute(text("SELECT conditions, actions FROM inspection_rules")).one()
        return f"{row[0]} {row[1]}"


@pytest.mark.parametrize("sensitive", [False, True])
def test_rules_are_sealed_whole_whatever_they_say(api: Api, *, sensitive: bool) -> None:
    rule = {"sensitive": sensitive, "conditions": [CONDITION], "actions": [ACTION]}
    api.ok("POST", PATH, rule)
    before = raw(api)
    assert SECRET not in before
    assert "set-attribute" not in before
    assert rekey(api.services.store) == 1
    assert raw(api) != before
    row = stored(api)
    assert (row.conditions, row.actions) == ([CONDITION], [ACTION])


def test_a_secret_is_masked_and_kept_when_its_mask_comes_back(api: Api) -> None:
    made = api.ok("POST", PATH, {"actions": [ACTION]})
    assert made["conditions"] == []
    assert made["actions"][0]["args"]["value"] == {"ipmi_password": "******", "ipmi_port": 623}
    made["actions"][0]["args"]["value"]["ipmi_port"] = 624
    patch = [{"op": "replace", "path": "/actions", "value": made["actions"]}]
    api.ok("PATCH", f"{PATH}/{made['uuid']}", patch)
    (action,) = stored(api).actions
    assert action["args"]["value"] == {"ipmi_password": SECRET, "ipmi_port": 624}


def test_a_sensitive_rule_is_changed_without_being_shown(api: Api) -> None:
    made = api.ok("POST", PATH, {"sensitive": True, "actions": [ACTION]})
    assert (made["conditions"], made["actions"]) == (None, None)
    patch = [{"op": "replace", "path": "/actions/0/args/value/ipmi_port", "value": 624}]
    assert api.ok("PATCH", f"{PATH}/{made['uuid']}", patch)["actions"] is None
    assert stored(api).actions[0]["args"]["value"]["ipmi_port"] == 624
    for reset in ({"op": "remove"}, {"op": "replace", "value": None}):
        patch = [{"path": "/sensitive", **reset}]
        assert "stays one" in api.error(400, "PATCH", f"{PATH}/{made['uuid']}", patch)
    assert SECRET not in str(api.ok("GET", f"{PATH}?detail=true"))


def test_an_inspection_says_that_rules_are_not_carried_out(tmp_path: Path) -> None:
    with inspecting(tmp_path) as controller:
        headers = {"X-OpenStack-Ironic-API-Version": "1.96"}
        rule = {"actions": [{"op": "fail", "args": {"msg": "never"}}]}
        requests.post(
            f"{controller.url}{PATH}", json=rule, headers=headers, timeout=60
        ).raise_for_status()
        enrol(controller)
        controller.ask("m1", "inspect")
        controller.wait_for("m1", "manageable")
        texts = [event.message for event in controller.events("m1", "agent")]
        assert "inspection rules are not carried out yet: 1 kept, none applied" in texts
