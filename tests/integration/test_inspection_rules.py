"""Inspection rules: sealed in the database, secrets masked and kept, sensitive ones never shown; carried out by inspections."""

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select, text

from controller.store.inspection_rules import InspectionRule
from controller.store.sealed_rows import rekey
from controller.store.tables import Port
from tests.integration.controller_api import Api
from tests.integration.inspections import MAC, enrol, inspecting
from tests.integration.running_controller import RunningController

PATH = "/v1/inspection_rules"
SECRET = "sesame-4711"
ACTION: dict[str, Any] = {
    "op": "set-attribute",
    "args": {"path": "driver_info", "value": {"ipmi_password": SECRET, "ipmi_port": 623}},
}
CONDITION = {"op": "eq", "args": {"values": ["{node.name}", SECRET]}}


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


def keep_rule(controller: RunningController, **rule: Any) -> str:
    headers = {"X-OpenStack-Ironic-API-Version": "1.96"}
    whole = {"conditions": [], **rule}
    reply = requests.post(f"{controller.url}{PATH}", json=whole, headers=headers, timeout=60)
    reply.raise_for_status()
    return str(reply.json()["uuid"])


def action(op: str, **args: Any) -> dict[str, Any]:
    return {"op": op, "args": args}


def test_an_inspection_carries_rules_out(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    last = {"priority": -1, "actions": [action("add-trait", name="CUSTOM_LAST")]}
    file.write_text(json.dumps([last]))
    with inspecting(tmp_path, inspection_built_in_rules=str(file)) as controller:
        enrol(controller)
        address = {"op": "matches", "args": {"value": "{inventory[hostname]}", "regex": "ipa-.*"}}
        keep_rule(
            controller,
            priority=5,
            conditions=[address],
            actions=[
                action("set-attribute", path="extra/host", value="{inventory[hostname]}"),
                action("set-attribute", path="resource_class", value="{inventory[cpu][count]}-cpu"),
                action("set-capability", name="kind", value="vm"),
                action("set-plugin-data", path="seen.by", value="{node.name}"),
                action("set-port-attribute", port_id=MAC, path="extra/card", value="first"),
                action("log", msg="{node.extra[host]} is known", level="warning"),
            ],
        )
        keep_rule(
            controller,
            conditions=[{"op": "!eq", "args": {"values": ["{node.extra[host]}", "ipa-ramdisk"]}}],
            actions=[action("fail", msg="never")],
        )
        controller.ask("m1", "inspect")
        node = controller.wait_for("m1", "manageable")
        assert node.extra["host"] == "ipa-ramdisk"
        assert (node.resource_class, node.traits) == ("2-cpu", ["CUSTOM_LAST"])
        assert node.properties["capabilities"].endswith("kind:vm")
        assert (node.inventory or {})["plugin_data"]["seen"] == {"by": "m1"}
        with controller.store.read() as session:
            assert session.scalars(select(Port)).one().extra == {"card": "first"}
        told = {event.message: event for event in controller.events("m1", "agent")}
        assert told["inspection rule: ipa-ramdisk is known"].severity == "WARNING"
        assert "inspection rules applied: 2 of 3" in told


def test_a_rule_that_fails_changes_nothing_and_says_where(tmp_path: Path) -> None:
    with inspecting(tmp_path) as controller:
        bmc = enrol(controller)
        uuid = keep_rule(
            controller,
            description="names",
            actions=[
                action("set-attribute", path="extra/x", value="y"),
                action("extend-attribute", path="extra/x", value="z"),
            ],
        )
        controller.ask("m1", "inspect")
        node = controller.wait_for("m1", "inspect failed")
        where = f"inspection rule {uuid} (names), action 2 (extend-attribute extra/x)"
        assert f"{where}: what stands there is no list" in str(node.last_error)
        assert "x" not in node.extra
        assert not bmc.machine.is_on


@pytest.mark.parametrize("networks", ["", "127.0.0.0/8"])
def test_a_rule_calls_a_service_once_it_may(tmp_path: Path, networks: str) -> None:
    calls: list[str] = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(f"{self.path} {self.headers['X-Site']}")
            code = HTTPStatus.SERVICE_UNAVAILABLE if len(calls) == 1 else HTTPStatus.NO_CONTENT
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            pass

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Service) as server,
        inspecting(tmp_path, inspection_rule_call_networks=networks) as controller,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        enrol(controller)
        url = f"http://127.0.0.1:{server.server_port}/seen/{{inventory[hostname]}}"
        call = action("api-call", url=url, headers={"X-Site": "a"}, retries=1, backoff_factor=0)
        keep_rule(controller, actions=[call])
        controller.ask("m1", "inspect")
        node = controller.wait_for("m1", "manageable" if networks else "inspect failed")
        server.shutdown()
    if networks:
        assert calls == ["/seen/ipa-ramdisk a"] * 2
    else:
        assert "an address that such a call may not go to" in str(node.last_error)
        assert calls == []
