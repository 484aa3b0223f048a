"""Port groups through the API: what is ours beside what real Ironic answers, too."""

from typing import Any

from tests.integration.controller_api import Api

GROUPS = "/v1/portgroups"
PORTS = "/v1/ports"


def put(name: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": f"/{name}", "value": value}]


def group(api: Api, node: str, **more: Any) -> str:
    return str(api.ok("POST", GROUPS, {"node_uuid": node} | more)["uuid"])


def port(api: Api, node: str, number: int, **more: Any) -> str:
    body = {"node_uuid": node, "address": f"52:54:00:00:00:{number:02x}"}
    return str(api.ok("POST", PORTS, body | more)["uuid"])


def test_a_port_is_in_groups_of_its_own_node_only(api: Api) -> None:
    one, two = (api.node()["uuid"] for _ in range(2))
    mine, foreign = group(api, one), group(api, two)
    member = port(api, one, 1, portgroup_uuid=mine)
    place = f"{PORTS}/{member}"
    assert "different node" in api.error(400, "PATCH", place, put("portgroup_uuid", foreign))
    assert "different node" in api.error(400, "PATCH", place, put("node_uuid", two))
    both = [*put("node_uuid", two), *put("portgroup_uuid", foreign)]
    assert api.ok("PATCH", place, both)["portgroup_uuid"] == foreign
    out = [*put("node_uuid", one), *put("portgroup_uuid", None)]
    assert api.ok("PATCH", place, out)["portgroup_uuid"] is None


def test_a_group_moves_without_ports_in_some_states(api: Api) -> None:
    one, two = (api.node()["uuid"] for _ in range(2))
    moving = f"{GROUPS}/{group(api, one)}"
    member = port(api, one, 1, portgroup_uuid=moving.rpartition("/")[2])
    assert "contains ports" in api.error(400, "PATCH", moving, put("node_uuid", two))
    api.ok("DELETE", f"{PORTS}/{member}")
    api.set_row(two, provision_state="active")
    assert "can not be associated" in api.error(409, "PATCH", moving, put("node_uuid", two))
    api.set_row(two, maintenance=True)
    assert api.ok("PATCH", moving, put("node_uuid", two))["node_uuid"] == two


def test_a_removed_network_is_taken_from_the_ports_too_and_a_mode_stays(api: Api) -> None:
    node = api.node()["uuid"]
    place = f"{GROUPS}/{group(api, node, physical_network='a')}"
    member = port(api, node, 1, portgroup_uuid=place.rpartition("/")[2], physical_network="a")
    remove = [{"op": "remove", "path": "/physical_network"}]
    assert api.ok("PATCH", place, remove)["physical_network"] is None
    assert api.ok("GET", f"{PORTS}/{member}")["physical_network"] is None
    mode = [{"op": "remove", "path": "/mode"}]
    assert "cannot be removed" in api.error(400, "PATCH", place, mode)
    assert api.ok("PATCH", place, put("mode", "4"))["mode"] == "4"


def test_newer_fields_are_hidden_and_refused(api: Api) -> None:
    node = api.node()["uuid"]
    place = f"{GROUPS}/{group(api, node)}"
    for name, since in (("mode", 26), ("physical_network", 102), ("category", 103)):
        early = f"1.{since - 1}"
        for path in (place, f"{GROUPS}/detail?node={node}"):
            assert f'"{name}"' not in api.call("GET", path, version=early).get_data(as_text=True)
        assert f"1.{since}" in api.error(406, "PATCH", place, put(name, "x"), version=early)
        assert f"1.{since}" in api.error(406, "GET", f"{GROUPS}?sort_key={name}", version=early)
        assert api.ok("PATCH", place, put(name, "x"), version=f"1.{since}")[name] == "x"


def test_with_flat_a_port_that_boots_is_none_of_a_group_without_standalone_ports(
    api: Api,
) -> None:
    node = api.node(network_interface="flat")["uuid"]
    alone = f"{GROUPS}/{group(api, node)}"
    member = f"{PORTS}/{port(api, node, 1, portgroup_uuid=alone.rpartition('/')[2])}"
    no = put("standalone_ports_supported", False)
    assert "pxe_enabled is true" in api.error(409, "PATCH", alone, no)
    api.ok("PATCH", member, put("pxe_enabled", False))
    api.ok("PATCH", alone, no)
    words = api.error(409, "PATCH", member, put("pxe_enabled", True))
    assert "doesn't support standalone ports" in words
    api.ok("PATCH", member, put("extra", {"a": 1}))


def test_a_workflow_at_the_node_keeps_its_groups(api: Api) -> None:
    node = api.node(name="one")["uuid"]
    place = f"{GROUPS}/{group(api, node)}"
    api.set_row("one", provision_state="deploying", stage="deploy.step.watch")
    for method, body in (("PATCH", []), ("DELETE", None)):
        assert "locked" in api.error(409, method, place, body)
