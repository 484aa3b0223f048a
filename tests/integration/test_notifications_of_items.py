"""What is told of everything but nodes: Ironic's names and payloads, in the log of all notifications, to whom they are for."""

import json
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, inspect, select

from controller.api.app import create_app
from controller.store.item_payload import ITEM_EVENT_TYPES, ITEM_KINDS
from controller.store.notification_log import extent
from controller.store.tables import Node
from tests.bench.servers.start import has_real_ironic
from tests.integration.basic_users import api_with_users, as_user
from tests.integration.controller_api import Api
from tests.integration.running_controller import running_controller
from tests.integration.waiting import wait_until

PEER = Path(__file__).parents[2] / "build/peers/ironic/bin/python"
DATA = "ironic_object.data"
SECRET = "Tr0ub4dor"
STEPS = [
    {"interface": "bios", "step": "apply_configuration", "args": {"settings": [], "token": SECRET}}
]


def told(api: Api, query: str = "", **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.ok("GET", f"/v1/notifications{query}", **options)[
        "notifications"
    ]
    return [one for one in found if not one["event_type"].startswith("baremetal.node.")]


def made(api: Api) -> dict[str, tuple[str, dict[str, Any]]]:
    """Make one of each kind, and return its path and what it was made of."""
    node = api.node(name="m1", resource_class="big", properties={"local_gb": 10})["uuid"]
    api.set_row(node, power_state="power off")
    of_node = {"node_uuid": node, "extra": {"rack": "7"}}
    volume = {"volume_type": "iscsi", "volume_id": "v", "boot_index": 0}
    chap = {"properties": {"target_iqn": "iqn.2026-01.x:y", "auth_password": SECRET}}
    rule = {"actions": [{"op": "fail", "args": {"msg": SECRET}}], "sensitive": True}
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "chassis": ("chassis", {"description": "row b", "extra": {"admin_password": SECRET}}),
        "portgroup": ("portgroups", {**of_node, "address": "52:54:00:00:00:20", "name": "bond"}),
        "port": ("ports", {**of_node, "address": "52:54:00:00:00:01", "physical_network": "blue"}),
        "volumeconnector": (
            "volume/connectors",
            {**of_node, "type": "iqn", "connector_id": "iqn.2026-01.x:z"},
        ),
        "volumetarget": ("volume/targets", {**of_node, **volume, **chap}),
        "allocation": ("allocations", {"resource_class": "big", "name": "wish", "traits": []}),
        "deploytemplate": (
            "deploy_templates",
            {"name": "CUSTOM_X", "steps": [{**STEPS[0], "priority": 50}]},
        ),
        "runbook": ("runbooks", {"name": "CUSTOM_Y", "steps": [{**STEPS[0], "order": 1}]}),
        "inspectionrule": ("inspection_rules", {"description": "no", **rule}),
    }
    paths = {}
    for word, (collection, body) in bodies.items():
        item = api.ok("POST", f"/v1/{collection}", body)
        paths[word] = (f"/v1/{collection}/{item['uuid']}", body)
    return paths


PATCHES = {
    "volumetarget": {"op": "replace", "path": "/volume_id", "value": "w"},
    "deploytemplate": {"op": "replace", "path": "/name", "value": "CUSTOM_Z"},
    "runbook": {"op": "replace", "path": "/description", "value": "other"},
    "inspectionrule": {"op": "replace", "path": "/description", "value": "other"},
}


def test_every_kind_is_told_when_it_is_made_changed_and_deleted(api: Api) -> None:
    paths = made(api)
    assert paths.keys() == {kind.word for kind in ITEM_KINDS.values()}
    begin = extent(api.services.store).newest
    for word, (path, _) in paths.items():
        patch = PATCHES.get(word, {"op": "add", "path": "/extra/row", "value": "b"})
        api.ok("PATCH", path, [patch])
    changed = told(api, f"?since={begin}")
    assert [one["event_type"] for one in changed] == [
        f"baremetal.{word}.update.end" for word in paths
    ]
    for path, _ in reversed(paths.values()):
        api.ok("DELETE", path)
    found = told(api)
    assert {one["event_type"] for one in found} == set(ITEM_EVENT_TYPES)
    assert SECRET not in json.dumps(found)
    gone = [one for one in found if one["event_type"].endswith(".delete.end")]
    assert [one["payload"][DATA]["uuid"] for one in gone] == [
        path.rsplit("/", 1)[-1] for path, _ in reversed(paths.values())
    ]


def test_a_patch_that_changes_nothing_and_what_is_only_ours_are_not_told(api: Api) -> None:
    path, _ = made(api)["port"]
    begin = extent(api.services.store).newest
    api.ok("PATCH", path, [{"op": "replace", "path": "/physical_network", "value": "blue"}])
    api.ok("POST", "/v1/nodes/m1/vifs", {"id": "11111111-2222-4333-8444-555555555555"})
    assert told(api, f"?since={begin}") == []


def test_a_nodes_things_are_told_with_the_node(api: Api) -> None:
    made(api)
    words = [one["event_type"].split(".")[1] for one in told(api, "?node=m1")]
    assert words == ["portgroup", "port", "volumeconnector", "volumetarget"]
    assert len(told(api, "?type=baremetal.port.*,baremetal.chassis.create.end")) == 2


@pytest.mark.interop
@pytest.mark.skipif(not has_real_ironic(), reason="make build/stamps/peer-ironic")
def test_payloads_are_those_of_ironics_own_objects(api: Api) -> None:
    made(api)
    ours = {one["event_type"].split(".")[1]: one["payload"] for one in told(api)}
    rows = []
    with api.services.store.read() as session:
        node_uuid = session.scalars(select(Node.uuid)).one()
        for table, kind in ITEM_KINDS.items():
            item = session.scalars(select(table)).one()
            columns = {one.key: getattr(item, one.key) for one in inspect(table).column_attrs}
            dates = {
                name: value and datetime.fromtimestamp(value).astimezone().isoformat()
                for name, value in columns.items()
                if name.endswith("_at")
            }
            more = {"node_uuid": node_uuid} if kind.has_node and kind.word != "allocation" else {}
            if kind.word == "port":
                more["portgroup_uuid"] = columns["portgroup_uuid"]
            values = {**columns, **dates, "scope": None}
            rows.append({"word": kind.word, "values": values, "more": more})
    done = subprocess.run(
        [PEER, Path(__file__).with_name("peer_payloads.py")],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)
    assert theirs["kinds"] == sorted(ours)
    for row, payload in zip(rows, theirs["payloads"], strict=True):
        assert _comparable(ours[row["word"]]) == _comparable(payload), row["word"]


def _comparable(payload: dict[str, Any]) -> dict[str, Any]:
    """Return a payload with dates of whole seconds as numbers, and what we mask and Ironic does not as it is masked."""
    data = dict(payload[DATA])
    for name in ("created_at", "updated_at"):
        if data[name] is not None:
            data[name] = int(datetime.fromisoformat(data[name]).timestamp())
    text = json.dumps(payload | {DATA: data}).replace(SECRET, "******")
    found: dict[str, Any] = json.loads(text)
    return found


def test_who_may_not_see_a_node_is_not_told_of_its_ports(tmp_path: Path) -> None:
    users = {"boss": "admin", "ann": "reader:red", "eve": "reader:green"}
    api = api_with_users(tmp_path, users)
    boss = {"headers": as_user("boss")}
    body = {"driver": "fake-hardware", "name": "r", "owner": "red"}
    node = api.ok("POST", "/v1/nodes", body, **boss)["uuid"]
    port = {"node_uuid": node, "address": "52:54:00:00:00:01"}
    api.ok("POST", "/v1/ports", port, **boss)
    api.ok("POST", "/v1/chassis", {}, **boss)
    wish = {"resource_class": "big", "owner": "green"}
    api.ok("POST", "/v1/allocations", wish, **boss)
    words = {
        user: [one["event_type"].split(".")[1] for one in told(api, headers=as_user(user))]
        for user in users
    }
    assert words == {
        "boss": ["port", "chassis", "allocation"],
        "ann": ["port"],
        "eve": ["allocation"],
    }


def test_that_an_allocation_has_a_node_is_told(tmp_path: Path) -> None:
    with running_controller(tmp_path, power_sync_interval_s=0) as controller:
        controller.enrol("m1", "available", resource_class="big", power_state="power off")
        client = create_app(controller.services).test_client()
        api = Api(services=controller.services, client=client)
        wish = api.ok("POST", "/v1/allocations", {"resource_class": "big"})["uuid"]
        path = f"/v1/allocations/{wish}"
        wait_until(lambda: api.ok("GET", path)["state"] == "active", 20, "the allocation")
        first, *_, last = (one for one in told(api) if ".allocation." in one["event_type"])
        assert first["payload"][DATA]["state"] == "allocating"
        assert last["event_type"] == "baremetal.allocation.update.end"
        assert last["payload"][DATA]["state"] == "active"
        assert last["payload"][DATA]["node_uuid"] == controller.node("m1").uuid


@pytest.fixture
def statements(api: Api) -> Iterator[list[str]]:
    """What is said to the database."""
    found: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    engine = api.services.store.engine
    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def test_a_port_costs_one_statement_more_and_reads_no_node(api: Api, statements: list[str]) -> None:
    node = api.node(name="m1")["uuid"]
    statements.clear()
    api.ok("POST", "/v1/ports", {"node_uuid": node, "address": "52:54:00:00:00:01"})
    after = statements[next(n for n, one in enumerate(statements) if "INTO ports" in one) + 1 :]
    log = [one for one in after if "notification" in one]
    assert len(log) == 1
    assert not any("FROM nodes" in one for one in after[: after.index(log[-1])])
