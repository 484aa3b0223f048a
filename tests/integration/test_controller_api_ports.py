from typing import Any

import pytest

from tests.integration.controller_api import Api

MAC = "52:54:00:aa:00:01"
MISSING = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def node(api: Api) -> str:
    return str(api.node(name="one")["uuid"])


def replace(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": path, "value": value}]


def test_a_port_has_its_address_in_lower_case_and_the_defaults(api: Api, node: str) -> None:
    reply = api.call("POST", "/v1/ports", {"node_uuid": node, "address": MAC.upper()})
    port = reply.get_json()
    assert reply.status_code == 201
    assert reply.headers["Location"] == f"http://localhost/v1/ports/{port['uuid']}"
    assert port["address"] == MAC
    assert port["node_uuid"] == node
    assert port["pxe_enabled"] is True
    assert port["local_link_connection"] == {}
    assert port["available_for_dynamic_portgroup"] is True
    assert api.ok("GET", f"/v1/ports/{port['uuid']}") == port


def test_a_mac_address_belongs_to_one_port_whatever_its_spelling(api: Api, node: str) -> None:
    api.ok("POST", "/v1/ports", {"node_uuid": node, "address": MAC})
    other = api.node()["uuid"]
    body = {"node_uuid": other, "address": MAC.upper().replace(":", "-")}
    assert f"{MAC} already exists (on node {node})" in api.error(409, "POST", "/v1/ports", body)
    second = api.ok("POST", "/v1/ports", {"node_uuid": other, "address": "52:54:00:aa:00:02"})
    assert MAC in api.error(409, "PATCH", f"/v1/ports/{second['uuid']}", replace("/address", MAC))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"address": MAC}, "node_uuid is required"),
        ({"node_uuid": MISSING, "address": MAC}, MISSING),
        ({"node_uuid": "x", "address": MAC}, "Expected UUID for node_uuid"),
        ({"node_uuid": MISSING}, "address"),
        ({"node_uuid": MISSING, "address": "zz"}, "Expected valid MAC address for address: zz"),
        ({"node_uuid": MISSING, "address": MAC, "color": 1}, "cannot be created with color"),
        ({"node_uuid": MISSING, "address": MAC, "pxe_enabled": 5}, "pxe_enabled must be"),
        (
            {"node_uuid": MISSING, "address": MAC, "local_link_connection": {"colour": 1}},
            "unknown keys: colour",
        ),
    ],
)
def test_a_malformed_port_is_refused_with_the_reason(
    api: Api, body: dict[str, Any], reason: str
) -> None:
    assert reason in api.error(400, "POST", "/v1/ports", body)


def test_ports_are_found_by_address_and_by_node(api: Api, node: str) -> None:
    api.ok("POST", "/v1/ports", {"node_uuid": node, "address": MAC})
    other = api.node()["uuid"]
    api.ok("POST", "/v1/ports", {"node_ident": other, "address": "52:54:00:aa:00:02"})

    def found(path: str) -> list[str]:
        return [port["address"] for port in api.ok("GET", path)["ports"]]

    assert found("/v1/ports") == [MAC, "52:54:00:aa:00:02"]
    assert found(f"/v1/ports?address={MAC.upper()}") == [MAC]
    assert found(f"/v1/ports?node_uuid={other}") == ["52:54:00:aa:00:02"]
    assert found("/v1/ports?node=one") == [MAC]
    assert found("/v1/nodes/one/ports") == [MAC]
    assert found("/v1/nodes/one/ports/detail") == [MAC]
    assert found("/v1/ports?limit=1&sort_key=address&sort_dir=desc") == ["52:54:00:aa:00:02"]
    assert "zz" in api.error(400, "GET", "/v1/ports?address=zz")
    assert "missing" in api.error(404, "GET", "/v1/ports?node=missing")


def test_what_metal3_asks_of_ports(api: Api, node: str) -> None:
    api.ok("POST", "/v1/ports", {"node_uuid": node, "address": MAC, "pxe_enabled": False})
    path = f"/v1/ports?fields=node_uuid,uuid,address&address={MAC}"
    (port,) = api.ok("GET", path, version="1.89")["ports"]
    assert set(port) == {"node_uuid", "uuid", "address", "links"}
    assert port["node_uuid"] == node


def test_an_old_client_sees_and_sets_old_fields(api: Api, node: str) -> None:
    port = api.ok("POST", "/v1/ports", {"node_uuid": node, "address": MAC}, version=None)
    assert set(port) == {
        "uuid",
        "created_at",
        "updated_at",
        "address",
        "extra",
        "node_uuid",
        "links",
    }
    body = {"node_uuid": node, "address": "52:54:00:aa:00:02", "pxe_enabled": False}
    assert "1.19" in api.error(406, "POST", "/v1/ports", body, version="1.18")


def test_a_port_is_changed_moved_and_deleted(api: Api, node: str) -> None:
    port = api.ok("POST", "/v1/ports", {"node_uuid": node, "address": MAC})
    path = f"/v1/ports/{port['uuid']}"
    other = api.node()["uuid"]
    patch = [
        *replace("/pxe_enabled", False),
        *replace("/node_uuid", other),
        {"op": "add", "path": "/local_link_connection/port_id", "value": "Ethernet1"},
        {"op": "add", "path": "/local_link_connection/switch_id", "value": "52:54:00:AA:00:FF"},
        {"op": "add", "path": "/name", "value": "nic0"},
    ]
    changed = api.ok("PATCH", path, patch)
    assert changed["pxe_enabled"] is False
    assert changed["node_uuid"] == other
    assert changed["local_link_connection"] == {
        "port_id": "Ethernet1",
        "switch_id": "52:54:00:aa:00:ff",
    }
    assert api.ok("GET", "/v1/ports/nic0")["uuid"] == port["uuid"]
    again = api.ok("PATCH", path, [{"op": "remove", "path": "/pxe_enabled"}])
    assert again["pxe_enabled"] is True
    assert "cannot be removed" in api.error(
        400, "PATCH", path, [{"op": "remove", "path": "/address"}]
    )
    assert "node_uuid" in api.error(400, "PATCH", path, replace("/node_uuid", None))
    stays = api.ok("PATCH", path, [{"op": "remove", "path": "/node_uuid"}])
    assert stays["node_uuid"] == other
    assert "may have 64" in api.error(400, "PATCH", path, replace("/physical_network", "x" * 65))
    assert api.call("DELETE", path).status_code == 204
    assert port["uuid"] in api.error(404, "DELETE", path)


@pytest.mark.parametrize(
    ("columns", "allowed", "refused"),
    [
        ({"provision_state": "manageable"}, ["address", "pxe_enabled", "extra"], []),
        ({"provision_state": "available"}, ["address", "extra"], ["pxe_enabled"]),
        ({"provision_state": "active"}, ["extra"], ["address", "pxe_enabled"]),
        ({"provision_state": "available", "instance_uuid": MISSING}, ["extra"], ["address"]),
        ({"provision_state": "active", "maintenance": True}, ["address", "pxe_enabled"], []),
        (
            {"provision_state": "wait call-back", "stage": "deploy.wait_for_agent"},
            ["extra"],
            ["address", "pxe_enabled"],
        ),
    ],
)
def test_what_may_change_depends_on_the_state_of_the_node(
    api: Api, columns: dict[str, Any], allowed: list[str], refused: list[str]
) -> None:
    node = api.node(name="one")
    made = api.ok("POST", "/v1/ports", {"node_uuid": node["uuid"], "address": "52:54:00:00:00:01"})
    api.set_row("one", **columns)
    values = {"address": "52:54:00:00:00:02", "pxe_enabled": False, "extra": {"a": 1}}
    path = f"/v1/ports/{made['uuid']}"
    for name in refused:
        words = api.error(409, "PATCH", path, replace(f"/{name}", values[name]))
        assert name in words
        assert node["uuid"] in words
        api.ok("PATCH", path, replace(f"/{name}", made[name]))  # no change is always possible
    for name in allowed:
        assert api.ok("PATCH", path, replace(f"/{name}", values[name]))[name] == values[name]


def test_a_port_stays_while_its_machine_is_waited_for(api: Api) -> None:
    node = api.node(name="one")
    made = api.ok("POST", "/v1/ports", {"node_uuid": node["uuid"], "address": "52:54:00:00:00:01"})
    api.set_row("one", provision_state="wait call-back", stage="deploy.wait_for_agent")
    assert "please retry" in api.error(409, "DELETE", f"/v1/ports/{made['uuid']}")
    api.set_row("one", provision_state="active", stage=None)
    assert api.call("DELETE", f"/v1/ports/{made['uuid']}").status_code == 204
