"""Port groups and the ports in them, ours and real Ironic's: the same requests, the same answers.

Ironic shows ``physical_network`` and ``category`` in no version before theirs, but takes them there, and lists show
``mode`` and ``properties`` before 1.26; we refuse and hide both in every request, so nothing asks for that here.
"""

import random
from typing import Any

import pytest

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside

pytestmark = list(BESIDE_IRONIC)
GROUPS = "/v1/portgroups"
PORTS = "/v1/ports"
_BODIES = 50
_PATCHES = 60
_STEPS = 40
SORTED_BY = (
    *(
        "uuid",
        "name",
        "address",
        "mode",
        "physical_network",
        "category",
        "created_at",
        "updated_at",
    ),
    *("standalone_ports_supported", "dynamic_portgroup", "extra", "properties", "internal_info"),
    "nope",
)
WRONG: tuple[Any, ...] = (None, "x", 1, -1, 0, 1.5, True, False, "true", [], ["a"], {}, {"a": 1})


def mac(beside: Beside) -> str:
    return "52:54:" + ":".join(f"{beside.chance.getrandbits(8):02x}" for _ in range(4))


def group(beside: Beside, node: str, **more: Any) -> str:
    """Create a port group in both, and return its UUID."""
    uuid = beside.uuid()
    beside.ok("POST", GROUPS, {"uuid": uuid, "node_uuid": node} | more)
    return uuid


def port(beside: Beside, node: str, **more: Any) -> str:
    uuid = beside.uuid()
    beside.ok("POST", PORTS, {"uuid": uuid, "node_uuid": node, "address": mac(beside)} | more)
    return uuid


def put(name: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": f"/{name}", "value": value}]


@pytest.mark.parametrize("minor", [22, 23, 25, 26, 101, 102, 103, 110, 111])
def test_one_is_made_shown_changed_and_deleted_at_every_version(beside: Beside, minor: int) -> None:
    node, uuid = beside.node(), beside.uuid()
    name, address = f"bond-{minor}", mac(beside)
    body = {"uuid": uuid, "node_uuid": node, "name": name, "address": address.upper()}
    beside.same("POST", GROUPS, body, minor=minor)
    beside.same("POST", GROUPS, {"uuid": uuid, "node_uuid": node, "mode": "802.3ad"}, minor=minor)
    for path in (
        *(f"{GROUPS}/{uuid}", f"{GROUPS}/{name}", f"{GROUPS}/{uuid}?fields=uuid,extra", GROUPS),
        *(f"{GROUPS}/{uuid}?fields=mode", f"{GROUPS}/{uuid}?fields=dynamic_portgroup"),
        *(
            f"{GROUPS}/{uuid}/ports",
            f"{GROUPS}/{uuid}/ports/detail",
            f"/v1/nodes/{node}/portgroups",
        ),
        *(
            f"{GROUPS}?sort_key=mode&limit=1",
            f"{PORTS}?portgroup={uuid}",
            f"{PORTS}/detail?portgroup={name}",
        ),
    ):
        beside.same("GET", path, minor=minor)
    if minor < 24 or minor >= 111:
        beside.same("GET", f"/v1/nodes/{node}/portgroups/detail", minor=minor)
    beside.same("PATCH", f"{GROUPS}/{uuid}", put("mode", "802.3ad"), minor=minor)
    beside.same("PATCH", f"{GROUPS}/{name}", put("extra", {"a": 1}), minor=minor)
    beside.same("DELETE", f"{GROUPS}/{name}", minor=minor)


def two_groups(beside: Beside, name: str) -> tuple[str, str, str]:
    """Create two port groups, ``name``-1 and -2, and return their node's UUID, the address and the UUID of the first."""
    node, address = beside.node(shard="s1"), mac(beside)
    beside.set_node(node, conductor_group="g1")
    more = {"physical_network": "b", "category": "x"}
    one = group(beside, node, name=f"{name}-1", address=address, **more)
    group(beside, node, name=f"{name}-2", physical_network="a", mode="4")
    return node, address, one


def test_lists_are_chosen(beside: Beside) -> None:
    node, address, _one = two_groups(beside, "choose")
    for query in (
        *(f"node={node}", f"address={address}", "address=zz", "shard=s1,s2", "shard=s3"),
        *(f"node={beside.uuid()}", f"node={node}&address={address}", f"node={node}&shard=s1"),
        *("conductor_groups=g1", "conductor_groups=g1&shard=s1", f"address={mac(beside)}"),
    ):
        for minor in (23, 105, 106, 115) if "&" not in query else (106, 115):
            beside.same("GET", f"{GROUPS}?{query}", minor=minor)
    beside.same("GET", f"{GROUPS}?detail=true", minor=42)
    beside.same("GET", f"{GROUPS}/detail?node={node}")


def test_lists_are_sorted_and_paged(beside: Beside) -> None:
    node, address, one = two_groups(beside, "page")
    below = f"/v1/nodes/{node}/portgroups"
    for key in SORTED_BY:
        for direction in ("asc", "desc"):
            beside.same("GET", f"{below}?sort_key={key}&sort_dir={direction}")
    for query in (
        *("limit=1", f"limit=1&marker={one}", "detail=true", "detail=true&fields=uuid"),
        *("fields=ports,node_uuid", f"marker={beside.uuid()}", "marker=page-1", "limit=0"),
        *("fields=colour", f"address={address}"),
    ):
        beside.same("GET", f"{below}?{query}")


def test_what_is_not_there_and_what_is_no_name(beside: Beside) -> None:
    for ident in (beside.uuid(), "nobody", "a b", "x" * 256):
        for method, body in (("GET", None), ("DELETE", None), ("PATCH", [])):
            beside.same(method, f"{GROUPS}/{ident}", body)
        beside.same("GET", f"{GROUPS}/{ident}/ports")
        beside.same("GET", f"{PORTS}?portgroup={ident}")


def test_creations_of_every_form(beside: Beside) -> None:
    node, chance = beside.node(), random.Random(1)
    for number in range(_BODIES):
        body: dict[str, Any] = {"uuid": beside.uuid(), "node_uuid": node}
        more: dict[str, Any] = {
            "name": f"made-{number}",
            "address": mac(beside),
            "mode": "balance-rr",
        }
        more |= {"properties": {"miimon": 100}, "standalone_ports_supported": chance.random() < 0.5}
        more |= {"physical_network": "p", "category": "c", "extra": {}}
        body |= {name: more[name] for name in chance.sample(sorted(more), chance.randrange(5))}
        if chance.random() < 0.7:
            name = chance.choice(
                (*more, "node_uuid", "colour", "internal_info", "dynamic_portgroup")
            )
            body[name] = chance.choice(WRONG)
        beside.same("POST", GROUPS, body)


def test_patches_of_every_form(beside: Beside) -> None:
    node, chance = beside.node(), random.Random(2)
    one = f"{GROUPS}/{group(beside, node, name='patched')}"
    paths: tuple[str, ...] = (
        "name",
        "address",
        "mode",
        "properties",
        "properties/a",
        "extra/b",
        "category",
        "uuid",
    )
    paths += (
        "standalone_ports_supported",
        "physical_network",
        "internal_info",
        "dynamic_portgroup",
    )
    values = (*WRONG, "patched", "other", mac(beside))
    for _ in range(_PATCHES):
        operation: dict[str, Any] = {"op": chance.choice(("add", "replace", "replace", "remove"))}
        operation["path"] = f"/{chance.choice(paths)}"
        if operation["op"] != "remove":
            operation["value"] = chance.choice(values)
        if "standalone" in operation["path"] and operation.get("value") is None:
            continue  # an internal error of Ironic
        beside.same("PATCH", one, [operation])


def test_a_name_an_address_and_a_uuid_are_taken_once(beside: Beside) -> None:
    node, address = beside.node(), mac(beside)
    one = group(beside, node, name="taken", address=address)
    other = group(beside, node)
    for name, value in (("name", "taken"), ("address", address), ("uuid", one)):
        beside.refused(409, "POST", GROUPS, {"node_uuid": node, name: value})
    beside.refused(409, "PATCH", f"{GROUPS}/{other}", put("name", "taken"))
    beside.refused(409, "PATCH", f"{GROUPS}/{other}", put("address", address))
    port(beside, node, address=address)  # a port may have the address of its group


def test_a_group_with_ports_stays(beside: Beside) -> None:
    node = beside.node()
    one = group(beside, node)
    member = port(beside, node, portgroup_uuid=one)
    for path in (f"{PORTS}/{member}", f"{GROUPS}/{one}/ports", f"{PORTS}?portgroup={one}"):
        beside.ok("GET", path)
    beside.ok("GET", f"{GROUPS}/{one}/ports/detail")
    beside.refused(403, "GET", f"{PORTS}?portgroup={one}&node={node}")
    beside.refused(400, "DELETE", f"{GROUPS}/{one}")
    beside.ok("PATCH", f"{PORTS}/{member}", [{"op": "remove", "path": "/portgroup_uuid"}])
    beside.ok("DELETE", f"{GROUPS}/{one}")
    two = group(beside, node)
    port(beside, node, portgroup_uuid=two)
    beside.ok("DELETE", f"/v1/nodes/{node}")
    beside.refused(404, "GET", f"{GROUPS}/{two}")


def test_where_a_port_cannot_join(beside: Beside) -> None:
    node, other = beside.node(), beside.node()
    foreign, alone = group(beside, other), group(beside, node, standalone_ports_supported=False)
    for values in (
        {"portgroup_uuid": foreign},
        {"portgroup_uuid": beside.uuid()},
        {"portgroup_uuid": "name"},
        {"portgroup_uuid": alone, "pxe_enabled": True},
        {"portgroup_uuid": alone, "pxe_enabled": False},
        {"portgroup_uuid": alone},
        {"portgroup_uuid": None},
        {"physical_network": ""},
        {"available_for_dynamic_portgroup": False},
        {"available_for_dynamic_portgroup": "x"},
        {"available_for_dynamic_portgroup": None},
    ):
        uuid = beside.uuid()
        body = {"uuid": uuid, "node_uuid": node, "address": mac(beside)}
        for minor in (24, 115):
            if minor == 115 or "portgroup_uuid" in values:
                beside.same("POST", PORTS, body | values, minor=minor)
    one = port(beside, node)
    for value in (beside.uuid(), "name", alone, None, alone):
        beside.same("PATCH", f"{PORTS}/{one}", put("portgroup_uuid", value))
    beside.same("PATCH", f"{PORTS}/{one}", put("physical_network", "x"))
    beside.same("PATCH", f"{PORTS}/{one}", put("physical_network", "x"), minor=101)
    beside.same("PATCH", f"{PORTS}/{one}", put("portgroup_uuid", None), minor=23)


@pytest.mark.parametrize(
    "state", ["enroll", "inspecting", "inspect wait", "manageable", "available", "active"]
)
def test_what_may_change_depends_on_the_state_of_the_node(beside: Beside, state: str) -> None:
    node = beside.node()
    one, two = group(beside, node), group(beside, node)
    member = port(beside, node)
    beside.set_node(node, provision_state=state)
    for minor in (38, 39):
        beside.same("PATCH", f"{GROUPS}/{one}", put("extra", {"a": minor}), minor=minor)
        beside.same("PATCH", f"{PORTS}/{member}", put("portgroup_uuid", one), minor=minor)
        beside.same("PATCH", f"{PORTS}/{member}", put("extra", {"a": minor}), minor=minor)
    beside.set_node(node, maintenance=True)
    beside.same("PATCH", f"{PORTS}/{member}", put("portgroup_uuid", two), minor=39)
    beside.same("DELETE", f"{GROUPS}/{one}")


def test_ports_and_their_group_are_on_one_physical_network(beside: Beside) -> None:
    chance, node = random.Random(3), beside.node()
    groups = [group(beside, node), group(beside, node, physical_network="a")]
    ports = [port(beside, node) for _ in range(3)]
    networks = ("a", "b", None)
    for _ in range(_STEPS):
        minor = chance.choice((101, 115))
        match chance.randrange(3):
            case 0:
                value = put("portgroup_uuid", chance.choice((*groups, None)))
                beside.same("PATCH", f"{PORTS}/{chance.choice(ports)}", value, minor=minor)
            case 1:
                value = put("physical_network", chance.choice(networks))
                beside.same("PATCH", f"{PORTS}/{chance.choice(ports)}", value, minor=minor)
            case _:
                value = put("physical_network", chance.choice(networks))
                beside.same("PATCH", f"{GROUPS}/{chance.choice(groups)}", value)
    beside.ok("GET", f"/v1/nodes/{node}/portgroups?detail=true")
    beside.ok("GET", f"/v1/nodes/{node}/ports?detail=true")
