"""Volume connectors and targets through the API: what is ours beside what real Ironic answers, too."""

from typing import Any

import pytest
from sqlalchemy import text

from controller.store.sealed_rows import rekey
from tests.integration.controller_api import Api

TARGETS = "/v1/volume/targets"
CONNECTORS = "/v1/volume/connectors"


@pytest.fixture
def node(api: Api) -> str:
    uuid = str(api.node(name="one")["uuid"])
    api.set_row(uuid, power_state="power off")
    return uuid


def target(node: str, **values: Any) -> dict[str, Any]:
    body = {"node_uuid": node, "volume_type": "iscsi", "volume_id": "v", "boot_index": 0}
    return body | values


def stored(api: Api) -> str:
    with api.services.store.read() as session:
        return str(session.execute(text("SELECT properties FROM volume_targets")).scalar_one())


def test_secrets_of_a_target_are_masked_kept_and_sealed(api: Api, node: str) -> None:
    properties = {"auth_password": "geheim", "target_lun": 1}
    made = api.ok("POST", TARGETS, target(node, properties=properties))
    place = f"{TARGETS}/{made['uuid']}"
    assert made["properties"] == {"auth_password": "******", "target_lun": 1}
    assert "geheim" not in stored(api)
    back = [{"op": "replace", "path": "/properties", "value": made["properties"]}]
    assert api.ok("PATCH", place, back)["properties"] == made["properties"]
    before = stored(api)
    rekey(api.services.store)
    assert stored(api) != before
    assert "geheim" not in stored(api)
    with api.services.store.read() as session:
        row = session.execute(text("SELECT count(*) FROM volume_targets"))
        assert row.scalar() == 1
    lun = [{"op": "replace", "path": "/properties/target_lun", "value": 2}]
    assert api.ok("PATCH", place, lun)["properties"]["auth_password"] == "******"
    masked = {"auth_password": "******"}
    other = target(node, boot_index=1, properties=masked)
    assert "stored secret" in api.error(400, "POST", TARGETS, other)


def test_words_say_what_is_taken_and_what_to_do(api: Api, node: str) -> None:
    connector = {"node_uuid": node, "type": "iqn", "connector_id": "iqn.a"}
    made = api.ok("POST", CONNECTORS, connector)
    words = api.error(409, "POST", CONNECTORS, connector)
    assert "iqn.a" in words
    assert node in words
    api.set_row("one", power_state="power on")
    place = f"{CONNECTORS}/{made['uuid']}"
    assert "switch its machine off" in api.error(400, "PATCH", place, [])
    api.set_row("one", provision_state="active")
    assert "switch its machine off" in api.error(400, "DELETE", place)
    long = connector | {"connector_id": "x" * 256}
    assert "255" in api.error(400, "POST", CONNECTORS, long)
    wide = target(node, boot_index=1 << 31)
    assert "32 bits" in api.error(400, "POST", TARGETS, wide)


def test_a_workflow_at_the_node_keeps_its_volumes(api: Api, node: str) -> None:
    made = api.ok("POST", TARGETS, target(node))
    api.set_row("one", provision_state="deploying", stage="deploy.step.watch")
    place = f"{TARGETS}/{made['uuid']}"
    for method, body in (("PATCH", []), ("DELETE", None)):
        assert "locked" in api.error(409, method, place, body)


def test_volumes_go_with_their_node(api: Api, node: str) -> None:
    api.ok("POST", TARGETS, target(node))
    api.ok("POST", CONNECTORS, {"node_uuid": node, "type": "ip", "connector_id": "192.0.2.1"})
    api.ok("DELETE", "/v1/nodes/one")
    assert api.ok("GET", TARGETS)["targets"] == []
    assert api.ok("GET", CONNECTORS)["connectors"] == []
