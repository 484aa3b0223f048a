"""VIFs of nodes whose network interface keeps them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.controller_api import Api, make_api

VIFS = "/v1/nodes/one/vifs"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = make_api(tmp_path)
    made.node(name="one", network_interface="flat")
    yield made
    made.services.store.close()


def port(api: Api, number: int, **more: Any) -> str:
    node = api.ok("GET", "/v1/nodes/one")["uuid"]
    body = {"node_uuid": node, "address": f"52:54:00:00:00:{number:02x}"}
    return str(api.ok("POST", "/v1/ports", body | more)["uuid"])


def group(api: Api) -> str:
    node = api.ok("GET", "/v1/nodes/one")["uuid"]
    return str(api.ok("POST", "/v1/portgroups", {"node_uuid": node})["uuid"])


def where(api: Api) -> dict[str, str]:
    """Return the UUID of the place of each VIF, as ports and port groups show it."""
    rows = [
        *api.ok("GET", "/v1/ports?detail=true")["ports"],
        *api.ok("GET", "/v1/portgroups?detail=true")["portgroups"],
    ]
    shown = {row["uuid"]: row["internal_info"].get("tenant_vif_port_id") for row in rows}
    return {vif: uuid for uuid, vif in shown.items() if vif is not None}


def test_a_vif_goes_to_a_group_before_a_port_that_boots_before_another(api: Api) -> None:
    slow, boots = port(api, 1, pxe_enabled=False), port(api, 2)
    bond = group(api)
    port(api, 3, portgroup_uuid=bond)
    for vif in ("a", "b", "c"):
        api.ok("POST", VIFS, {"id": vif})
    assert where(api) == {"a": bond, "b": boots, "c": slow}
    assert sorted(one["id"] for one in api.ok("GET", VIFS)["vifs"]) == ["a", "b", "c"]
    assert "not enough free" in api.error(400, "POST", VIFS, {"id": "d"})
    assert f"attached to port {boots}" in api.error(409, "POST", VIFS, {"id": "b"})
    api.ok("DELETE", f"{VIFS}/b")
    assert "not attached" in api.error(400, "DELETE", f"{VIFS}/b")  # which clients take for done
    api.ok("POST", VIFS, {"id": "d"})
    assert where(api)["d"] == boots
    events = [one["event"] for one in api.ok("GET", "/v1/nodes/one/history")["history"]]
    assert f"VIF b detached from port {boots}" in events


def test_a_place_can_be_asked_for(api: Api) -> None:
    first, second = port(api, 1), port(api, 2)
    bond = group(api)
    member = port(api, 3, portgroup_uuid=bond)
    api.ok("POST", VIFS, {"id": "a", "port_uuid": second})
    api.ok("POST", VIFS, {"id": "b", "portgroup_uuid": bond})
    assert where(api) == {"a": second, "b": bond}
    for body in (
        {"id": "c", "port_uuid": second},
        {"id": "c", "port_uuid": member},
        {"id": "c", "portgroup_uuid": bond},
        {"id": "c", "port_uuid": str(uuid4())},
    ):
        assert "asked for" in api.error(400, "POST", VIFS, body)
    api.ok("POST", VIFS, {"id": "c", "port_uuid": first})
    assert "UUIDs" in api.error(400, "POST", VIFS, {"id": "x", "port_uuid": 5})


def test_a_port_with_a_vif_stays_but_in_maintenance(api: Api) -> None:
    one = port(api, 1)
    api.ok("POST", VIFS, {"id": "a"})
    assert "bound to VIF a" in api.error(409, "DELETE", f"/v1/ports/{one}")
    api.set_row("one", maintenance=True)
    api.ok("DELETE", f"/v1/ports/{one}")
    assert api.ok("GET", VIFS) == {"vifs": []}


def test_a_port_with_a_vif_is_in_no_group_without_standalone_ports(api: Api) -> None:
    node = api.ok("GET", "/v1/nodes/one")["uuid"]
    alone = {"node_uuid": node, "standalone_ports_supported": False}
    bond = api.ok("POST", "/v1/portgroups", alone)["uuid"]
    one = port(api, 1, pxe_enabled=False)
    api.ok("POST", VIFS, {"id": "a"})
    join = [{"op": "replace", "path": "/portgroup_uuid", "value": bond}]
    assert "VIF a is attached" in api.error(409, "PATCH", f"/v1/ports/{one}", join)


def test_a_workflow_at_the_node_keeps_its_vifs(api: Api) -> None:
    port(api, 1)
    api.ok("POST", VIFS, {"id": "a"})
    api.set_row("one", provision_state="deploying", stage="deploy.step.watch")
    assert "locked" in api.error(409, "POST", VIFS, {"id": "b"})
    assert "locked" in api.error(409, "DELETE", f"{VIFS}/a")
    assert api.ok("GET", VIFS) == {"vifs": [{"id": "a"}]}


def test_another_network_interface_shows_none(api: Api) -> None:
    one = port(api, 1)
    api.ok("POST", VIFS, {"id": "a"})
    noop = [{"op": "replace", "path": "/network_interface", "value": "noop"}]
    api.ok("PATCH", "/v1/nodes/one", noop)
    assert api.ok("GET", VIFS) == {"vifs": []}
    api.ok("DELETE", f"/v1/ports/{one}")
