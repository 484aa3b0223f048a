"""A port that is in a network at its switch is forgotten by nobody who does not say so: the switch would keep it there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.store.nodes import get_node
from controller.store.tables import Port
from controller.workflow.findings import Findings
from controller.workflow.inspection_storing import store_result
from tests.integration.controller_api import Api, make_api
from tests.integration.switch_site import BLUE, FakeSwitchFiles, link

RECORD = {"switch": "tor-1", "port": "m1", "network": "extra.switchport", "switchport": BLUE}
WORDS = "port 52:54:00:aa:00:01 is in extra.switchport at port m1 of switch tor-1"
IN_MAINTENANCE = {"op": "replace", "path": "/maintenance", "value": True}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = make_api(tmp_path, switch_config_file=str(FakeSwitchFiles(tmp_path).path))
    yield made
    made.services.store.close()


def attached(api: Api, **record: Any) -> str:
    """Make the node ``m1`` with a port that is in a network without a VIF; returns the port's UUID."""
    node = api.node(name="m1", network_interface="ironic-networking")["uuid"]
    body = {"node_uuid": node, "address": "52:54:00:aa:00:01", "local_link_connection": link("m1")}
    uuid = str(api.ok("POST", "/v1/ports", body)["uuid"])
    with api.services.store.edit() as session:
        port = session.query(Port).filter_by(uuid=uuid).one()
        port.internal_info = {"switch_attachment": record} if record else {}
    return uuid


def warnings(api: Api) -> list[str]:
    history = api.ok("GET", "/v1/nodes/m1/history?detail=true")["history"]
    return [one["event"] for one in history if one["severity"] == "WARNING"]


def refused_then_taken(api: Api, method: str, path: str, body: Any = None) -> None:
    """Ask once, and again in maintenance."""
    assert f"{WORDS}, and would stay so; have node" in api.error(409, method, path, body)
    api.ok("PATCH", "/v1/nodes/m1", [IN_MAINTENANCE])
    api.ok(method, path, body)
    (told,) = warnings(api)
    assert told.endswith(
        f"in maintenance: {WORDS}, and stays so; take it out at the switch by hand"
    )


def test_an_attached_port_without_a_vif_is_not_deleted(api: Api) -> None:
    port = attached(api, **RECORD)
    refused_then_taken(api, "DELETE", f"/v1/ports/{port}")


def test_an_attached_port_does_not_move_to_another_node(api: Api) -> None:
    port, other = attached(api, **RECORD), api.node()["uuid"]
    body = [{"op": "replace", "path": "/node_uuid", "value": other}]
    refused_then_taken(api, "PATCH", f"/v1/ports/{port}", body)


@pytest.mark.parametrize(
    "patch",
    [
        {"op": "replace", "path": "/network_interface", "value": "noop"},
        {"op": "remove", "path": "/network_interface"},
    ],
)
def test_a_node_with_an_attached_port_keeps_its_network_interface(
    api: Api, patch: dict[str, Any]
) -> None:
    attached(api, **RECORD)
    refused_then_taken(api, "PATCH", "/v1/nodes/m1", [patch])


def test_a_new_driver_does_not_lose_the_network_interface_of_attached_ports(api: Api) -> None:
    attached(api, **RECORD)
    body = [{"op": "replace", "path": "/driver", "value": "ipmi"}]
    refused_then_taken(api, "PATCH", "/v1/nodes/m1?reset_interfaces=true", body)


def test_a_port_in_no_network_goes_as_ever(api: Api) -> None:
    port = attached(api)
    api.ok("PATCH", "/v1/nodes/m1", [{"op": "remove", "path": "/network_interface"}])
    api.ok("DELETE", f"/v1/ports/{port}")
    assert warnings(api) == []


@pytest.mark.parametrize(("record", "stay"), [(RECORD, 1), ({}, 0)])
def test_an_inspection_does_not_delete_an_attached_port(
    api: Api, record: dict[str, Any], stay: int
) -> None:
    attached(api, **record)
    found = Findings(inventory={}, plugin_data={}, old_ports=("52:54:00:aa:00:01",))
    with api.services.store.edit() as session:
        store_result(api.services, session, get_node(session, "m1", for_update=True), found)
    assert len(api.ok("GET", "/v1/nodes/m1/ports")["ports"]) == stay
    assert [WORDS in one for one in warnings(api)] == [True] * stay


def test_a_node_that_is_deleted_has_its_ports_taken_out(api: Api, tmp_path: Path) -> None:
    attached(api, **RECORD)
    (tmp_path / "tor-1.json").write_text(json.dumps({"ports": {"m1": BLUE}}))
    (tmp_path / "tor-1.orders.json").write_text(json.dumps({"fail": {"m1": "% no"}}))
    assert "% no; look at the switch" in api.error(502, "DELETE", "/v1/nodes/m1")
    assert len(api.ok("GET", "/v1/nodes/m1/ports")["ports"]) == 1
    (tmp_path / "tor-1.orders.json").unlink()
    api.ok("DELETE", "/v1/nodes/m1")
    assert json.loads((tmp_path / "tor-1.json").read_text())["ports"] == {}


def test_a_node_whose_ports_nobody_can_take_out_is_deleted_in_maintenance_only(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    attached(api, **{**RECORD, "switch": "tor-9"})
    words = f"{WORDS.replace('tor-1', 'tor-9')}, and"
    api.ok("PATCH", "/v1/nodes/m1", [IN_MAINTENANCE])
    api.ok("PATCH", "/v1/nodes/m1", [{"op": "remove", "path": "/network_interface"}])
    api.ok("PATCH", "/v1/nodes/m1", [{**IN_MAINTENANCE, "value": False}])
    assert words in api.error(409, "DELETE", "/v1/nodes/m1")
    api.ok("PATCH", "/v1/nodes/m1", [IN_MAINTENANCE])
    api.ok("DELETE", "/v1/nodes/m1")
    assert words in caplog.text
