from typing import Any

import pytest

from controller.states import Event
from controller.store.events import record_event
from controller.store.nodes import get_node
from controller.workflow.transition import change_state
from tests.integration.controller_api import Api


@pytest.fixture
def node(api: Api) -> str:
    return f"/v1/nodes/{api.node(name='one')['uuid']}"


def test_managing_a_node_makes_it_due_and_answers_where_to_look(api: Api, node: str) -> None:
    reply = api.call("PUT", f"{node}/states/provision", {"target": "manage"})
    assert reply.status_code == 202
    assert reply.data == b""
    assert reply.headers["Location"] == f"http://localhost{node}/states"
    states = api.ok("GET", f"{node}/states")
    assert states["provision_state"] == "verifying"
    assert states["target_provision_state"] == "manageable"
    assert api.woken


def test_a_verb_that_the_state_forbids_is_refused_with_those_that_are_possible(
    api: Api, node: str
) -> None:
    words = api.error(400, "PUT", f"{node}/states/provision", {"target": "provide"})
    assert 'in the state "enroll"; possible there: manage' in words


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({}, 400, "Missing mandatory parameter: target"),
        ({"target": "fly"}, 400, "fly"),
        ({"target": "manage", "colour": 1}, 400, "Unexpected arguments: colour"),
        ({"target": "manage", "clean_steps": "x"}, 400, "clean_steps"),
        ({"target": "manage", "runbook": "r"}, 400, "runbook does not go with"),
        ({"target": 5}, 400, "target"),
    ],
)
def test_a_malformed_provision_request_is_refused_with_the_reason(
    api: Api, node: str, body: dict[str, Any], status: int, reason: str
) -> None:
    assert reason in api.error(status, "PUT", f"{node}/states/provision", body)


@pytest.mark.parametrize(
    ("body", "version"),
    [
        ({"target": "manage"}, "1.3"),
        ({"target": "deploy"}, "1.72"),
        ({"target": "active", "deploy_steps": []}, "1.68"),
    ],
)
def test_a_verb_or_argument_of_a_newer_version_is_refused(
    api: Api, node: str, body: dict[str, Any], version: str
) -> None:
    words = api.error(406, "PUT", f"{node}/states/provision", body, version=version)
    assert "needs API version" in words


@pytest.mark.parametrize(
    ("target", "drive", "version"),
    [("active", {"meta_data": {}}, "1.55"), ("rebuild", "aGVsbG8=", "1.34")],
)
def test_a_config_drive_that_came_later_is_refused_with_ironics_status(
    api: Api, node: str, target: str, drive: object, version: str
) -> None:
    body = {"target": target, "configdrive": drive}
    words = api.error(400, "PUT", f"{node}/states/provision", body, version=version)
    assert "needs API version" in words


def test_power_requests_are_checked_before_they_are_taken(api: Api, node: str) -> None:
    reply = api.call("PUT", f"{node}/states/power", {"target": "power on"})
    assert reply.status_code == 202
    assert reply.headers["Location"] == f"http://localhost{node}/states"
    other = f"/v1/nodes/{api.node()['uuid']}/states/power"
    assert "flying" in api.error(400, "PUT", other, {"target": "flying"})
    assert "target" in api.error(400, "PUT", other, {})
    for timeout in (-1, 0, True, "5.5", "6048000", 1e300, 10**400, 604_801):
        body = {"target": "power off", "timeout": timeout}
        assert "at most 604800" in api.error(400, "PUT", other, body)
    assert api.error(406, "PUT", other, {"target": "soft power off"}, version="1.26")
    words = api.error(400, "PUT", other, {"target": "power off", "force": True})
    assert words == "Unexpected arguments: force; valid: target, timeout"


@pytest.mark.parametrize(
    ("state", "too_old", "old_enough"),
    [("wait call-back", "1.109", "1.110"), ("inspect wait", "1.40", "1.41")],
)
def test_abort_came_later_in_some_states(
    api: Api, node: str, state: str, too_old: str, old_enough: str
) -> None:
    api.set_row("one", provision_state=state)
    path, body = f"{node}/states/provision", {"target": "abort"}
    assert state in api.error(406, "PUT", path, body, version=too_old)
    assert api.call("PUT", path, body, version=old_enough).status_code == 202


def test_the_longest_power_timeout_can_be_shown(api: Api, node: str) -> None:
    body = {"target": "power on", "timeout": 604_800}
    assert api.call("PUT", f"{node}/states/power", body).status_code == 202
    assert len(api.ok("GET", "/v1/nodes/detail")["nodes"]) == 1


def test_validation_says_for_each_interface_what_is_missing(api: Api, node: str) -> None:
    found = api.ok("GET", f"{node}/validate")
    assert {"power", "management", "boot", "deploy", "network", "inspect"} <= set(found)
    assert found["deploy"]["result"] is False
    assert "image_source" in found["deploy"]["reason"]


def test_the_boot_device_is_set_and_shown(api: Api, node: str) -> None:
    path = f"{node}/management/boot_device"
    reply = api.call("PUT", path, {"boot_device": "disk", "persistent": True})
    assert reply.status_code == 204
    assert api.ok("GET", path) == {"boot_device": "disk", "persistent": True}
    assert "pxe" in api.ok("GET", f"{path}/supported")["supported_boot_devices"]
    assert "toaster" in api.error(400, "PUT", path, {"boot_device": "toaster"})
    assert "boot_device" in api.error(400, "PUT", path, {})


def test_the_wanted_raid_is_kept_if_it_follows_the_schema(api: Api, node: str) -> None:
    wanted = {"logical_disks": [{"raid_level": "1", "size_gb": "MAX", "controller": "software"}]}
    path = f"{node}/states/raid"
    assert "does not support RAID" in api.error(404, "PUT", path, wanted)
    change = [{"op": "replace", "path": "/raid_interface", "value": "agent"}]
    assert api.call("PATCH", node, change).status_code == 200
    assert "raid_level is missing" in api.error(
        400, "PUT", path, {"logical_disks": [{"size_gb": 1}]}
    )
    assert api.call("PUT", path, wanted).status_code == 204
    assert api.ok("GET", node)["target_raid_config"] == wanted
    assert api.call("PUT", path, {}).status_code == 204
    assert api.ok("GET", node)["target_raid_config"] == {}


def test_the_history_begins_with_the_creation_and_has_pages(api: Api, node: str) -> None:
    api.ok("PUT", f"{node}/maintenance", {"reason": "why"})
    api.ok("DELETE", f"{node}/maintenance")
    first, *_ = api.ok("GET", f"{node}/history")["history"]
    assert first["event"] == "Node created in state enroll"
    assert set(first) == {"uuid", "created_at", "severity", "event", "links"}
    page = api.ok("GET", f"{node}/history?limit=2&detail=true")
    assert [one["event_type"] for one in page["history"]] == ["request", "request"]
    marker = page["history"][-1]["uuid"]
    assert f"marker={marker}" in page["next"]
    rest = api.ok("GET", f"{node}/history?marker={marker}")["history"]
    assert [one["event"] for one in rest] == ["Maintenance switched off"]
    words = api.error(400, "GET", f"{node}/history?sort_key=nope")
    assert "valid: id, created_at, event, event_type, project, severity, user, uuid" in words
    one = api.ok("GET", f"{node}/history/{marker}")
    assert one["event"] == "Maintenance switched on: why"
    assert {"state", "duration_seconds", "project"} <= set(one)
    assert "state" not in api.ok("GET", f"{node}/history/{marker}", version="1.114")


def test_the_history_says_state_target_and_duration_as_ironic_does(api: Api, node: str) -> None:
    with api.services.store.edit() as session:
        row = get_node(session, "one", for_update=True)
        born = row.created_at
        change_state(session, row, Event.MANAGE, born + 1.5)
        power = {"from": "power off", "to": "power on"}
        record_event(session, row, "power", "power: power off -> power on", data=power)
        record_event(session, row, "error", "verify failed: why", at=born + 4.4)
    _, state, power_event, error = api.ok("GET", f"{node}/history?detail=true")["history"]
    fields = ("state", "target_provision_state", "duration_seconds")
    assert [state[one] for one in fields] == ["verifying", "manageable", 1]
    assert [power_event[one] for one in fields] == [None, None, None]
    assert [error[one] for one in fields] == ["verifying", "manageable", 2]
    assert all(isinstance(one["duration_seconds"], int) for one in (state, error))


def test_the_inventory_is_there_after_an_inspection(api: Api, node: str) -> None:
    assert "inspect it first" in api.error(404, "GET", f"{node}/inventory")
    found = {"inventory": {"hostname": "x"}, "plugin_data": {"lldp": {}}}
    api.set_row("one", inventory=found)
    assert api.ok("GET", f"{node}/inventory") == found


@pytest.mark.parametrize(
    ("part", "document"),
    [
        ("vifs", {"vifs": []}),
        ("bios", {"bios": []}),
        ("firmware", {"firmware": []}),
        ("portgroups", {"portgroups": []}),
        ("volume/connectors", {"connectors": []}),
        ("volume/targets", {"targets": []}),
        ("states/console", {"console_enabled": False, "console_info": None}),
    ],
)
def test_parts_that_a_node_does_not_have_are_truthfully_empty(
    api: Api, node: str, part: str, document: dict[str, Any]
) -> None:
    assert api.ok("GET", f"{node}/{part}") == document
    assert "nope" in api.error(404, "GET", f"/v1/nodes/nope/{part}")
