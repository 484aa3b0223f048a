"""Volume connectors and targets, ours and real Ironic's: the same requests, the same answers."""

import random
from itertools import product
from typing import Any

import pytest

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside

pytestmark = list(BESIDE_IRONIC)
PLACES = {"connectors": "/v1/volume/connectors", "targets": "/v1/volume/targets"}
MINORS = (31, 32, 115)
KINDS = ("connectors", "targets")
_BODIES = 40
_PATCHES = 40
STATES = ("enroll", "manageable", "available", "active", "adopt failed")
CONDITIONS = (
    *(("power on", state) for state in STATES),
    *((power, "active") for power in ("power off", None)),
)
WRONG: tuple[Any, ...] = (
    None,
    "",
    "x",
    1,
    -1,
    0,
    1.0,
    1.5,
    True,
    [],
    ["a"],
    {},
    {"a": {"b": 1}},
    "y" * 20,
)


def good(beside: Beside, kind: str, node: str, number: int) -> dict[str, Any]:
    """Return a body that is taken; ``number`` makes it one of its kind on its node."""
    uuid = beside.uuid()
    if kind == "connectors":
        return {"uuid": uuid, "node_uuid": node, "type": "iqn", "connector_id": f"iqn.{uuid}"}
    return {
        "uuid": uuid,
        "node_uuid": node,
        "volume_type": "iscsi",
        "volume_id": f"volume-{number}",
        "boot_index": number,
    }


def off(beside: Beside) -> str:
    """Return a node whose machine is off."""
    node = beside.node()
    beside.set_node(node, power_state="power off")
    return node


@pytest.mark.parametrize("kind", KINDS)
def test_one_is_made_shown_listed_changed_and_deleted(beside: Beside, kind: str) -> None:
    node, place = off(beside), PLACES[kind]
    bodies = [good(beside, kind, node, number) for number in range(4)]
    for minor in MINORS:
        beside.same("POST", place, bodies[MINORS.index(minor)], minor=minor)
    beside.ok("POST", place, bodies[3] | {"extra": {"a": [1]}})
    one = f"{place}/{bodies[3]['uuid']}"
    for minor in MINORS:
        for path in (one, f"{one}?fields=extra,uuid", place, f"/v1/nodes/{node}/volume"):
            beside.same("GET", path, minor=minor)
    for query in (
        *(
            "detail=true",
            "detail=false",
            "fields=uuid,extra",
            "fields=uuid&detail=true",
            "fields=x",
        ),
        *(
            "limit=2",
            "limit=1&sort_dir=desc",
            "limit=0",
            "limit=x",
            "sort_key=uuid",
            "sort_key=extra",
        ),
        *(
            "sort_key=nope",
            "sort_key=node_uuid",
            "sort_dir=up",
            f"node={node}",
            f"node={beside.uuid()}",
        ),
        *(f"marker={bodies[3]['uuid']}", f"marker={beside.uuid()}", "marker=x", "colour=red"),
        *(
            "sort_key=created_at",
            "sort_key=connector_id",
            "sort_key=boot_index",
            "sort_key=properties",
        ),
    ):
        for minor in (32, 115):
            beside.same("GET", f"{place}?{query}", minor=minor)
    for below in ("", "?detail=true", "?fields=uuid"):
        beside.ok("GET", f"/v1/nodes/{node}/volume/{kind}{below}")
    for minor in MINORS:
        beside.same("PATCH", one, [{"op": "add", "path": "/extra/b", "value": 2}], minor=minor)
    beside.same("DELETE", one, minor=31)
    beside.ok("DELETE", one)
    beside.refused(404, "GET", one)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_and_what_is_no_uuid(beside: Beside, kind: str) -> None:
    for ident in (beside.uuid(), "name", "detail", "x" * 300):
        for method, body in (("GET", None), ("DELETE", None), ("PATCH", [])):
            beside.same(method, f"{PLACES[kind]}/{ident}", body)
    beside.refused(404, "GET", f"/v1/nodes/{beside.uuid()}/volume/{kind}")


@pytest.mark.parametrize("kind", KINDS)
def test_creations_of_every_form(beside: Beside, kind: str) -> None:
    node, chance = off(beside), random.Random(1)
    for number in range(_BODIES):
        body = good(beside, kind, node, number)
        for _ in range(chance.choice((0, 1, 1, 2))):
            name = chance.choice((*body, "extra", "properties", "colour", "id", "links"))
            if chance.random() < 0.3 and name != "uuid":
                body.pop(name, None)
            else:
                body[name] = chance.choice(WRONG[1:] if name == "uuid" else WRONG)
        beside.same("POST", PLACES[kind], body)


@pytest.mark.parametrize("kind", KINDS)
def test_patches_of_every_form(beside: Beside, kind: str) -> None:
    node, other, chance = off(beside), off(beside), random.Random(2)
    body = good(beside, kind, node, 0) | {"extra": {"a": 1}}
    beside.ok("POST", PLACES[kind], body)
    one = f"{PLACES[kind]}/{body['uuid']}"
    paths = (
        *body,
        "properties",
        "extra/a",
        "extra/b",
        "extra/a/b",
        "links",
        "colour",
        "created_at",
    )
    values = (*WRONG, node, other, beside.uuid())
    for _ in range(_PATCHES):
        patch = []
        for _ in range(chance.choice((1, 1, 2))):
            operation: dict[str, Any] = {
                "op": chance.choice(("add", "replace", "replace", "remove"))
            }
            operation["path"] = f"/{chance.choice(paths)}"
            if operation["op"] != "remove":
                operation["value"] = chance.choice(values)
            patch.append(operation)
        beside.same("PATCH", one, patch, minor=chance.choice((32, 115)))


def test_a_connector_is_there_once_and_a_boot_index_once_on_its_node(beside: Beside) -> None:
    node, other = off(beside), off(beside)
    for kind, same, changed in (
        ("connectors", {"type": "ip", "connector_id": "192.0.2.1"}, {"type": "mac"}),
        ("targets", {"boot_index": 7}, {"boot_index": 8}),
    ):
        first = good(beside, kind, node, 1) | same
        beside.ok("POST", PLACES[kind], first)
        beside.refused(409, "POST", PLACES[kind], first)
        beside.refused(409, "POST", PLACES[kind], good(beside, kind, node, 1) | same)
        there = good(beside, kind, other, 1) | same
        beside.same("POST", PLACES[kind], there)
        second = good(beside, kind, node, 2) | same | changed
        beside.ok("POST", PLACES[kind], second)
        back = [{"op": "replace", "path": f"/{n}", "value": same[n]} for n in changed]
        beside.refused(409, "PATCH", f"{PLACES[kind]}/{second['uuid']}", back)
        move = [{"op": "replace", "path": "/node_uuid", "value": other}]
        beside.same("PATCH", f"{PLACES[kind]}/{first['uuid']}", move)


def test_what_may_change_depends_on_power_and_state(beside: Beside) -> None:
    node = beside.node()
    for kind, (power, state) in product(KINDS, CONDITIONS):
        beside.set_node(node, power_state=power, provision_state=state)
        body = good(beside, kind, node, 0)
        beside.ok("POST", PLACES[kind], body)
        one = f"{PLACES[kind]}/{body['uuid']}"
        beside.same("PATCH", one, [{"op": "add", "path": "/extra/a", "value": 1}])
        if beside.same("DELETE", one).status != 204:
            beside.set_node(node, power_state="power off")
            beside.ok("DELETE", one)
    beside.set_node(node, power_state="power on")
    body = good(beside, "targets", node, 0)
    beside.ok("POST", PLACES["targets"], body)
    beside.refused(400, "PATCH", f"{PLACES['targets']}/{body['uuid']}", [])


def test_a_connector_moves_to_a_node_whose_machine_is_off_and_goes_with_it(beside: Beside) -> None:
    node, other = off(beside), beside.node()
    body = good(beside, "connectors", node, 0)
    beside.ok("POST", PLACES["connectors"], body)
    one = f"{PLACES['connectors']}/{body['uuid']}"
    move = [{"op": "replace", "path": "/node_uuid", "value": other}]
    beside.refused(400, "PATCH", one, move)  # the machine of the other node is not known to be off
    beside.set_node(other, power_state="power off")
    beside.set_node(node, power_state="power on")
    beside.ok("PATCH", one, move)
    beside.ok("DELETE", f"/v1/nodes/{other}")
    beside.refused(404, "GET", one)


def test_secrets_of_targets_are_not_shown(beside: Beside) -> None:
    node = off(beside)
    properties = {
        "auth_method": "CHAP",
        "auth_username": "ann",
        "auth_password": "geheim",
        "target_iqn": "iqn.2010-10.org.openstack:volume-x",
        "target_portal": "192.0.2.7:3260",
        "target_lun": 1,
        "nested": {"discovery_auth_password": "geheim"},
        "encrypted": False,
        "access_mode": "rw",
    }
    body = good(beside, "targets", node, 0) | {"properties": properties}
    made = beside.ok("POST", PLACES["targets"], body)
    assert made["properties"]["auth_password"] == "******"
    one = f"{PLACES['targets']}/{body['uuid']}"
    for path in (one, f"{one}?fields=properties", f"{PLACES['targets']}?detail=true"):
        assert "geheim" not in str(beside.ok("GET", path))
    beside.ok("PATCH", one, [{"op": "replace", "path": "/properties/target_lun", "value": 2}])
