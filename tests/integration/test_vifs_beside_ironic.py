"""VIFs: the place that each gets is the one that real Ironic's own function chooses, and without a network service the answers are its ``noop``'s."""

import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.store.portgroups import Portgroup
from controller.store.tables import Port
from controller.workflow.vif_places import choose_place
from controller.workflow.vifs import places_of
from tests.integration.beside_ironic import BESIDE_IRONIC, Beside, beside_ironic

pytestmark = list(BESIDE_IRONIC)
PEER = Path(__file__).parents[2] / "build/peers/ironic/bin/python"
_CASES = 2000
_LINKS: tuple[dict[str, str], ...] = (
    {},
    {},
    {"port_id": "p", "switch_id": "52:54:00:00:00:01"},
    {"port_id": "p", "hostname": "h"},
)


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with beside_ironic(tmp_path_factory.mktemp("beside")) as both:
        yield both
        assert not both.differences, "\n".join(both.differences)


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def case_of(chance: random.Random) -> dict[str, Any]:
    """Return a node's ports and groups, and what is asked for."""

    def info() -> dict[str, str]:
        return {"tenant_vif_port_id": "other"} if chance.random() < 0.3 else {}

    groups: list[dict[str, Any]] = [
        {"id": number, "uuid": uuid_of(number), "internal_info": info()}
        for number in range(1, chance.randrange(4) + 1)
    ]
    ports: list[dict[str, Any]] = [
        {
            "id": number,
            "uuid": uuid_of(number),
            "internal_info": info(),
            "portgroup_id": chance.choice([None, *(group["id"] for group in groups)]),
            "pxe_enabled": chance.random() < 0.5,
            "is_smartnic": chance.random() < 0.1,
            "local_link_connection": chance.choice(_LINKS),
            "extra": {"client-id": "x"} if chance.random() < 0.1 else {},
            "physical_network": None,
        }
        for number in range(11, 11 + chance.randrange(5))
    ]
    places = [one["uuid"] for one in (*groups, *ports)] + [uuid_of(99)]
    wanted: dict[str, Any] = {"id": "vif"}
    if chance.random() < 0.5:
        name = chance.choice(("port_uuid", "portgroup_uuid"))
        wanted[name] = chance.choice(places)
    if chance.random() < 0.5:  # all ports of a group are in one physical network
        networks = {number: chance.choice((None, "red", "blue")) for number in range(5)}
        for port in ports:
            own = chance.choice((None, "red", "blue"))
            port["physical_network"] = (
                networks[port["portgroup_id"]] if port["portgroup_id"] else own
            )
    network = chance.choice((None, "red"))
    return {"ports": ports, "groups": groups, "wanted": wanted, "physical_network": network}


def ours(case: dict[str, Any]) -> str:
    rows: list[Port | Portgroup] = []
    for values in case["ports"]:
        group = values["portgroup_id"]
        columns = {name: value for name, value in values.items() if name != "portgroup_id"}
        rows.append(Port(**columns, portgroup_uuid=None if group is None else uuid_of(group)))
    rows.extend(Portgroup(**values) for values in case["groups"])
    wanted = case["wanted"]
    network = case["physical_network"]
    place = (wanted.get("port_uuid"), wanted.get("portgroup_uuid"))
    found = choose_place(places_of(rows), *place, network)
    return "NoFreePhysicalPorts" if found is None else found.uuid


def test_a_vif_gets_the_place_that_ironic_chooses() -> None:
    chance = random.Random(4)
    cases = [case_of(chance) for _ in range(_CASES)]
    done = subprocess.run(
        [PEER, Path(__file__).with_name("peer_vifs.py")],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    theirs = json.loads(done.stdout)
    found = [ours(case) for case in cases]
    differing = [row for row in zip(cases, found, theirs, strict=True) if row[1] != row[2]]
    assert not differing
    assert len(set(theirs)) > 5


def test_without_a_network_service_they_are_taken_and_forgotten(beside: Beside) -> None:
    node, vif = beside.node(), beside.uuid()
    vifs = f"/v1/nodes/{node}/vifs"
    bodies: tuple[Any, ...] = (
        *({"id": vif}, {"id": "name"}, {"id": "a b"}, {"id": 5}, {"id": None}, {}, []),
        {"id": vif, "port_uuid": vif, "portgroup_uuid": vif},
        {"id": vif, "port_uuid": vif, "more": 1},
    )
    for minor in (27, 28, 66, 67, 115):
        for body in bodies:
            beside.same("POST", vifs, body, minor=minor)
        beside.same("GET", vifs, minor=minor)
        for ident in (vif, "name", "a b"):
            beside.same("DELETE", f"{vifs}/{ident}", minor=minor)
        beside.same("POST", f"/v1/nodes/{beside.uuid()}/vifs", {"id": vif}, minor=minor)
        beside.same("DELETE", f"/v1/nodes/{beside.uuid()}/vifs/{vif}", minor=minor)
