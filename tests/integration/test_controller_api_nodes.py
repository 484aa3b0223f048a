from datetime import UTC, datetime
from typing import Any

import pytest

from controller.store.nodes import get_node
from tests.integration.controller_api import Api

MISSING = "11111111-2222-4333-8444-555555555555"


def replace(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": path, "value": value}]


def test_a_created_node_is_enrolled_and_has_the_drivers_defaults(api: Api) -> None:
    reply = api.call("POST", "/v1/nodes", {"driver": "ipmi", "name": "rack1~u3"})
    node = reply.get_json()
    assert reply.status_code == 201
    assert reply.headers["Location"] == f"http://localhost/v1/nodes/{node['uuid']}"
    assert node["provision_state"] == "enroll"
    assert node["boot_interface"] == "ipxe"
    assert node["power_interface"] == "ipmitool"
    assert node["conductor"] == "lab-1"
    assert node["reservation"] is None
    assert node["links"][0] == {
        "href": f"http://localhost/v1/nodes/{node['uuid']}",
        "rel": "self",
    }


def test_a_node_is_found_by_uuid_in_any_case_and_by_name(api: Api) -> None:
    node = api.node(name="n~1.x_y-z")
    assert api.ok("GET", f"/v1/nodes/{node['uuid'].upper()}")["uuid"] == node["uuid"]
    assert api.ok("GET", "/v1/nodes/n~1.x_y-z")["uuid"] == node["uuid"]
    assert api.ok("GET", "/nodes/n~1.x_y-z/")["uuid"] == node["uuid"]


def test_an_old_client_creates_available_nodes_and_sees_old_fields(api: Api) -> None:
    node = api.ok("POST", "/v1/nodes", {"driver": "fake-hardware"}, version=None)
    assert node["provision_state"] is None  # "available" has a name since 1.2
    seen = api.ok("GET", f"/v1/nodes/{node['uuid']}", version="1.2")
    assert seen["provision_state"] == "available"
    assert "name" not in node
    assert "boot_interface" not in node


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "driver is required"),
        (
            {"driver": "nope"},
            "valid drivers: amt, command, fake-hardware, iboot, idrac, ilo, intel-ipmi, ipmi, manual-management, redfish, snmp, ssh, wol",
        ),
        ({"driver": "ipmi", "boot_interface": "nope"}, "valid: ipxe, pxe, http"),
        ({"driver": "ipmi", "color": "red"}, "cannot be created with color"),
        ({"driver": "ipmi", "provision_state": "active"}, "cannot be created with provision_state"),
        ({"driver": "ipmi", "name": "a b"}, "Invalid name 'a b'"),
        ({"driver": "ipmi", "name": MISSING}, "no UUID"),
        ({"driver": "ipmi", "uuid": "x"}, "Expected UUID for uuid"),
        ({"driver": "ipmi", "properties": "x"}, "properties must be an object"),
        ({"driver": "ipmi", "driver_info": {"ipmi_port": "x"}}, "driver_info/ipmi_port"),
        ({"driver": "ipmi", "parent_node": MISSING}, "parent_node"),
        ({"driver": "ipmi", "chassis_uuid": MISSING}, "could not be found"),
        ({"driver": "ipmi", "resource_class": "x" * 81}, "resource_class may have 80 characters"),
        ([], "must be a JSON object"),
    ],
)
def test_a_malformed_node_is_refused_with_the_reason(api: Api, body: Any, reason: str) -> None:
    assert reason in api.error(400, "POST", "/v1/nodes", body)
    assert api.ok("GET", "/v1/nodes")["nodes"] == []


def test_names_and_uuids_are_unique(api: Api) -> None:
    node = api.node(name="one", instance_uuid=MISSING)
    other = api.node()
    assert "name one already" in api.error(
        409, "POST", "/v1/nodes", {"driver": "ipmi", "name": "one"}
    )
    assert "already exists" in api.error(
        409, "POST", "/v1/nodes", {"driver": "ipmi", "uuid": node["uuid"]}
    )
    path = f"/v1/nodes/{other['uuid']}"
    assert "name one" in api.error(409, "PATCH", path, replace("/name", "one"))
    assert MISSING in api.error(409, "PATCH", path, replace("/instance_uuid", MISSING))


def test_fields_choose_what_is_shown(api: Api) -> None:
    node = api.node(name="one")
    shown = api.ok("GET", "/v1/nodes/one?fields=uuid,extra")
    assert set(shown) == {"uuid", "extra", "links"}
    listed = api.ok("GET", "/v1/nodes?fields=name")["nodes"]
    assert [set(one) for one in listed] == [{"name", "links"}]
    assert listed[0]["links"][0]["href"].endswith(node["uuid"])


def test_a_field_of_a_newer_version_is_hidden_or_refused(api: Api) -> None:
    node = api.node()
    path = f"/v1/nodes/{node['uuid']}"
    assert "traits" not in api.ok("GET", path, version="1.36")
    assert "traits" in api.ok("GET", path, version="1.37")
    assert "1.37" in api.error(406, "GET", f"{path}?fields=traits", version="1.36")
    assert "1.5" in api.error(406, "PATCH", path, replace("/name", "x"), version="1.4")
    assert api.error(406, "GET", "/v1/nodes?fields=uuid", version="1.7")
    assert api.error(
        406, "POST", "/v1/nodes", {"driver": "ipmi", "boot_interface": "pxe"}, version="1.30"
    )
    assert "valid" in api.error(400, "GET", f"{path}?fields=color")


def test_secrets_are_never_shown_and_survive_a_round_trip(api: Api) -> None:
    info = {"ipmi_address": "10.0.0.1", "ipmi_username": "u", "ipmi_password": "geheim"}
    node = api.ok("POST", "/v1/nodes", {"driver": "ipmi", "driver_info": info})
    path = f"/v1/nodes/{node['uuid']}"
    assert node["driver_info"]["ipmi_password"] == "******"
    back = node["driver_info"] | {"ipmi_address": "10.0.0.2"}
    api.ok("PATCH", path, replace("/driver_info", back))
    api.ok("PATCH", path, replace("/driver_info/ipmi_password", "******"))
    with api.services.store.read() as session:
        stored = get_node(session, node["uuid"]).driver_info
    assert stored == info | {"ipmi_address": "10.0.0.2"}
    for shown in ("/v1/nodes?detail=true", "/v1/nodes?fields=driver_info", path):
        assert "geheim" not in api.call("GET", shown).get_data(as_text=True)


def test_a_config_drive_in_instance_info_is_kept_apart_and_shown_as_a_mask(api: Api) -> None:
    node = api.node()
    path = f"/v1/nodes/{node['uuid']}"
    api.ok("PATCH", path, replace("/instance_info", {"configdrive": "H4sI", "image_source": "u"}))
    shown = api.ok("GET", path)["instance_info"]
    assert shown == {"configdrive": "******", "image_source": "u"}
    api.ok("PATCH", path, replace("/instance_info", shown))
    assert api.ok("GET", path)["instance_info"] == shown
    api.ok("PATCH", path, [{"op": "remove", "path": "/instance_info/configdrive"}])
    assert api.ok("GET", path)["instance_info"] == {"image_source": "u"}


def test_the_agents_token_is_never_shown(api: Api) -> None:
    node = api.node()
    api.set_row(
        node["uuid"],
        agent_secret="geheim1",
        config_drive="geheim2",
        driver_internal_info={"agent_secret_token": "geheim3", "agent_url": "https://a"},
    )
    text = api.call("GET", f"/v1/nodes/{node['uuid']}").get_data(as_text=True)
    assert "geheim" not in text
    assert "https://a" in text


def test_a_patch_changes_what_it_names_and_the_date(api: Api) -> None:
    node = api.node(extra={"a": 1}, boot_interface="pxe")
    patch = [
        {"op": "add", "path": "/extra/b", "value": 2},
        {"op": "remove", "path": "/boot_interface"},
        {"op": "add", "path": "/automated_clean", "value": "no"},
        {"op": "add", "path": "/disable_power_off", "value": True},
    ]
    changed = api.ok("PATCH", f"/v1/nodes/{node['uuid']}", patch)
    assert changed["extra"] == {"a": 1, "b": 2}
    assert changed["boot_interface"] == "ipxe"
    assert changed["automated_clean"] is False
    assert changed["disable_power_off"] is True
    assert changed["updated_at"] is not None


def test_a_refused_patch_changes_nothing(api: Api) -> None:
    node = api.node(extra={"a": 1})
    path = f"/v1/nodes/{node['uuid']}"
    patch = [*replace("/extra/a", 2), *replace("/driver", "nope")]
    assert "valid drivers" in api.error(400, "PATCH", path, patch)
    assert api.ok("GET", path)["extra"] == {"a": 1}


def test_changing_the_driver_can_reset_the_interfaces(api: Api) -> None:
    node = api.node(bios_interface="fake")
    path = f"/v1/nodes/{node['uuid']}"
    assert "bios_interface 'fake'" in api.error(400, "PATCH", path, replace("/driver", "ipmi"))
    changed = api.ok("PATCH", f"{path}?reset_interfaces=true", replace("/driver", "ipmi"))
    assert changed["bios_interface"] == "no-bios"


@pytest.mark.parametrize("state", ["deploying", "wait call-back", "cleaning", "deleting"])
def test_a_node_in_transition_is_not_changed(api: Api, state: str) -> None:
    node = api.node()
    api.set_row(node["uuid"], provision_state=state, target_provision_state="active")
    words = api.error(409, "PATCH", f"/v1/nodes/{node['uuid']}", replace("/extra", {"a": 1}))
    assert "state transition is in progress" in words
    assert state in words


@pytest.mark.parametrize("state", ["deploy failed", "clean failed", "inspect wait"])
def test_a_failed_or_waiting_node_can_be_changed(api: Api, state: str) -> None:
    node = api.node()
    api.set_row(node["uuid"], provision_state=state, target_provision_state="active")
    api.ok("PATCH", f"/v1/nodes/{node['uuid']}", replace("/extra", {"a": 1}))


def test_an_active_node_keeps_its_interfaces_unless_in_maintenance(api: Api) -> None:
    node = api.node()
    path = f"/v1/nodes/{node['uuid']}"
    api.set_row(node["uuid"], provision_state="active")
    assert "maintenance" in api.error(409, "PATCH", path, replace("/boot_interface", "pxe"))
    api.ok("PUT", f"{path}/maintenance", {"reason": "swap"})
    api.ok("PATCH", path, replace("/boot_interface", "pxe"))


def test_protection_follows_the_state_and_forbids_deletion(api: Api) -> None:
    node = api.node()
    path = f"/v1/nodes/{node['uuid']}"
    assert "active" in api.error(409, "PATCH", path, replace("/protected", True))
    assert "protected is true" in api.error(400, "PATCH", path, replace("/protected_reason", "x"))
    api.set_row(node["uuid"], provision_state="active")
    api.ok("PATCH", path, [*replace("/protected", True), *replace("/protected_reason", "mine")])
    api.ok("PUT", f"{path}/maintenance")
    assert "protected" in api.error(403, "DELETE", path)
    changed = api.ok("PATCH", path, replace("/protected", False))
    assert changed["protected_reason"] is None
    api.ok("DELETE", path)


def test_an_available_node_is_not_retired(api: Api) -> None:
    node = api.node()
    path = f"/v1/nodes/{node['uuid']}"
    api.set_row(node["uuid"], provision_state="available")
    assert "manageable" in api.error(409, "PATCH", path, replace("/retired", True))


def test_maintenance_is_switched_with_its_reason_and_clears_the_fault(api: Api) -> None:
    node = api.node()
    path = f"/v1/nodes/{node['uuid']}"
    assert api.call("PUT", f"{path}/maintenance", {"reason": "fan"}).status_code == 202
    api.set_row(node["uuid"], fault="power failure")
    shown = api.ok("GET", path)
    assert (shown["maintenance"], shown["maintenance_reason"]) == (True, "fan")
    assert api.call("DELETE", f"{path}/maintenance").status_code == 202
    shown = api.ok("GET", path)
    assert (shown["maintenance"], shown["maintenance_reason"], shown["fault"]) == (
        False,
        None,
        None,
    )


def test_only_nodes_in_a_safe_state_are_deleted(api: Api) -> None:
    node = api.node()
    path = f"/v1/nodes/{node['uuid']}"
    api.ok("POST", "/v1/ports", {"node_uuid": node["uuid"], "address": "52:54:00:00:00:01"})
    api.set_row(node["uuid"], provision_state="deploy failed")
    assert "maintenance mode" in api.error(409, "DELETE", path)
    api.set_row(node["uuid"], provision_state="manageable", instance_uuid=MISSING)
    assert MISSING in api.error(409, "DELETE", path)
    api.set_row(node["uuid"], instance_uuid=None)
    api.set_work(node["uuid"], claim_owner="lab-2", claim_id="1")
    assert "locked by host lab-2" in api.error(409, "DELETE", path)
    assert api.ok("GET", path)["reservation"] == "lab-2"
    api.set_row(node["uuid"], stage=None)
    assert api.call("DELETE", path).status_code == 204
    assert api.call("GET", path).status_code == 404
    assert api.ok("GET", "/v1/ports")["ports"] == []


def test_progress_is_part_of_the_node_and_of_its_states(api: Api) -> None:
    node = api.node()
    progress = {"step": "write_image", "bytes_done": 5, "bytes_total": 10}
    api.set_row(node["uuid"], progress=progress)
    steady = api.services.store.steady
    deadline_at = datetime(2040, 1, 1, tzinfo=UTC).timestamp() + steady.lead_s()
    api.set_work(node["uuid"], stage="deploy.step", deadline_at=deadline_at)
    assert api.ok("GET", f"/v1/nodes/{node['uuid']}")["progress"] == progress
    states = api.ok("GET", f"/v1/nodes/{node['uuid']}/states")
    assert states["progress"] == progress
    shown = datetime.fromisoformat(states["stage_deadline_at"])
    assert abs(shown.timestamp() - datetime(2040, 1, 1, tzinfo=UTC).timestamp()) < 1


def test_traits_are_put_added_and_removed(api: Api) -> None:
    path = f"/v1/nodes/{api.node()['uuid']}/traits"
    api.ok("PUT", path, {"traits": ["CUSTOM_B", "CUSTOM_A", "HW_CPU_X86_VMX"]})
    api.ok("PUT", f"{path}/CUSTOM_C")
    api.ok("DELETE", f"{path}/CUSTOM_B")
    assert api.ok("GET", path) == {"traits": ["CUSTOM_A", "CUSTOM_C", "HW_CPU_X86_VMX"]}
    assert "CUSTOM_B" in api.error(404, "DELETE", f"{path}/CUSTOM_B")
    assert "'bad'" in api.error(400, "PUT", path, {"traits": ["bad"]})
    api.ok("DELETE", path)
    assert api.ok("GET", path) == {"traits": []}


def test_children_are_listed_only_when_asked_for(api: Api) -> None:
    parent = api.node(name="parent")
    child = api.node(name="child", parent_node="parent")
    assert child["parent_node"] == parent["uuid"]

    def names(query: str) -> list[str]:
        return [node["name"] for node in api.ok("GET", f"/v1/nodes{query}")["nodes"]]

    assert names("") == ["parent"]
    assert names("?include_children=true") == ["parent", "child"]
    assert names("?parent_node=parent") == ["child"]
    assert api.ok("GET", "/v1/nodes/parent/children")["children"] == [child["uuid"]]
