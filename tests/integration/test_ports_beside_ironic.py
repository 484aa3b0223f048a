"""Ports, ours and real Ironic's: the same requests, the same answers.

Not asked for: names that no one could ask for (Ironic takes spaces, UUIDs and more than 255 characters), the links of OVN (Ironic
dropped them in 1.105), changes of fields before their versions (Ironic takes some), truth values that are removed (it fails).
"""

import random
from typing import Any

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside

pytestmark = list(BESIDE_IRONIC)
PORTS = "/v1/ports"
_BODIES = 150
_PATCHES = 120
WRONG: tuple[Any, ...] = (None, "", "x", 1, 0, 1.5, True, False, "true", "maybe", [], {}, {"a": 1})
SWITCH = "52:54:00:AA:00:01"
LINKS: tuple[dict[str, Any], ...] = (
    {},
    {"port_id": "p", "switch_id": SWITCH},
    {"port_id": "p", "switch_id": SWITCH, "switch_info": "i"},
    {"port_id": "p", "switch_id": "0000525400AA0001"},
    {"port_id": "p", "switch_id": "nonsense"},
    {"port_id": "p"},
    {"switch_id": SWITCH},
    {"port_id": "p", "hostname": "h"},
    {"hostname": "h"},
    {"network_type": "unmanaged"},
    {"network_type": "managed"},
    {"network_type": "managed", "port_id": "p", "switch_id": SWITCH},
    {"network_type": "x"},
    {"port_id": 5, "switch_id": SWITCH},
    {"port_id": "p", "switch_id": SWITCH, "colour": "red"},
)
GOOD: dict[str, tuple[Any, ...]] = {
    "extra": ({"a": 1},),
    "is_smartnic": (True, False, "yes"),
    "local_link_connection": LINKS,
    "physical_network": ("p", "x" * 64, "x" * 65),
    "pxe_enabled": (True, False, "no"),
    "description": ("d", "d" * 255, "d" * 256),
    "vendor": ("v", "v" * 32, "v" * 33),
    "category": ("c", "c" * 80, "c" * 81),
    "available_for_dynamic_portgroup": (True, False),
}
SINCE = {
    "is_smartnic": 53,
    "physical_network": 34,
    "description": 97,
    "vendor": 100,
    "category": 101,
}
SINCE |= {
    "local_link_connection": 19,
    "pxe_enabled": 19,
    "available_for_dynamic_portgroup": 111,
    "name": 88,
}
BOOLEANS = ("is_smartnic", "pxe_enabled", "available_for_dynamic_portgroup")


def mac(beside: Beside) -> str:
    return "52:54:" + ":".join(f"{beside.chance.getrandbits(8):02x}" for _ in range(4))


def minors(names: list[str]) -> list[int]:
    """Return the version that has these fields, the one before, and the last."""
    since = max((SINCE.get(name, 1) for name in names), default=1)
    return [minor for minor in (since - 1, since, 115) if minor > 0]


def test_creations_of_every_form(beside: Beside) -> None:
    node, chance = beside.node(name="ports-1"), random.Random(1)
    for number in range(_BODIES):
        body: dict[str, Any] = {"uuid": beside.uuid(), "node_uuid": node, "address": mac(beside)}
        names = chance.sample(sorted(GOOD), chance.choice((0, 1, 1, 2)))
        body |= {name: chance.choice(GOOD[name]) for name in names}
        match chance.randrange(6):
            case 0:
                body[chance.choice((*GOOD, "name", "address", "internal_info"))] = chance.choice(
                    WRONG
                )
            case 1:
                body["name"] = chance.choice((f"port-{number}", f"{number:0255}"))
            case 2:
                body["node_uuid"] = chance.choice((*WRONG, beside.uuid()))
            case 3:
                body["node_ident"] = chance.choice(("ports-1", node, "nobody", "a b"))
                if chance.random() < 0.7:
                    del body["node_uuid"]
        is_odd = any(name not in names for name in body.keys() & {*GOOD, "name", "node_ident"})
        beside.same("POST", PORTS, body, minor=115 if is_odd else chance.choice(minors(names)))


def test_patches_of_every_form(beside: Beside) -> None:
    node, chance = beside.node(), random.Random(2)
    uuid = beside.uuid()
    beside.ok("POST", PORTS, {"uuid": uuid, "node_uuid": node, "address": mac(beside), "name": "p"})
    for _ in range(_PATCHES):
        name = chance.choice((*GOOD, "name", "node_uuid", "address", "uuid"))
        operation: dict[str, Any] = {"op": chance.choice(("add", "replace", "remove"))}
        operation["path"] = f"/{name}"
        if name in BOOLEANS and operation["op"] == "remove":
            continue
        if operation["op"] != "remove":
            values = (*GOOD.get(name, ()), *WRONG, "port-2")
            operation["value"] = chance.choice(values)
            if name in BOOLEANS and operation["value"] is None:
                continue
        beside.same(
            "PATCH", f"{PORTS}/{uuid}", [operation], minor=chance.choice((SINCE.get(name, 1), 115))
        )
