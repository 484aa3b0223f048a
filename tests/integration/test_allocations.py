"""Allocations on both databases: no two get one node, whoever looks for it, and none is lost."""

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select

from controller.store.allocations import Allocation
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.allocating import allocate_waiting
from controller.workflow.services import Services
from tests.integration.controller_api import Api, make_services
from tests.integration.databases import postgres_url, url
from tests.integration.running_controller import IMAGE, running_controller
from tests.integration.waiting import wait_until

__all__ = ["postgres_url", "url"]
THREADS, NODES, WISHES = 4, 12, 20


@pytest.fixture
def sites(url: str, tmp_path: Path) -> Iterator[list[Services]]:
    """Give several controllers on one database."""
    made = [make_services(tmp_path, [], database_url=url) for _ in range(THREADS)]
    yield made
    for services in made:
        services.store.close()


def add_node(services: Services, name: str, resource_class: str = "rc", **columns: object) -> None:
    with services.store.edit() as session:
        values = {
            "uuid": str(uuid4()),
            "name": name,
            "created_at": 1.0,
            "driver": "fake-hardware",
            "provision_state": "available",
            "power_state": "power off",
            "resource_class": resource_class,
        }
        session.add(Node(**values | columns))


def add_wish(services: Services, name: str, **columns: object) -> str:
    with services.store.edit() as session:
        values = {"uuid": str(uuid4()), "name": name, "created_at": 1.0, "resource_class": "rc"}
        row = Allocation(**values | columns)
        session.add(row)
        session.flush()
        return row.uuid


def allocations(services: Services) -> dict[str, Allocation]:
    with services.store.read() as session:
        return {str(row.name): row for row in session.scalars(select(Allocation))}


def at_once(sites: list[Services]) -> None:
    """Have every controller look for nodes at the same time until nothing waits."""
    begin = threading.Barrier(len(sites))
    failures: list[BaseException] = []

    def look(services: Services) -> None:
        begin.wait()
        try:
            while any(one.state == "allocating" for one in allocations(services).values()):
                allocate_waiting(services)
        except BaseException as error:  # noqa: BLE001  # told by the test
            failures.append(error)

    threads = [threading.Thread(target=look, args=(one,)) for one in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_no_two_allocations_get_one_node_when_controllers_look_at_once(
    sites: list[Services],
) -> None:
    first = sites[0]
    for number in range(NODES):
        add_node(first, f"n{number}")
    wanted = {add_wish(first, f"w{number}") for number in range(WISHES)}
    at_once(sites)
    found = allocations(first).values()
    active = [one for one in found if one.state == "active"]
    assert len(active) == len({one.node_id for one in active}) == NODES
    failed = [str(one.last_error) for one in found if one.state == "error"]
    assert len(failed) == WISHES - NODES
    assert all("no available nodes match the resource class rc" in text for text in failed)
    with first.store.read() as session:
        nodes = {node.id: node.instance_uuid for node in session.scalars(select(Node))}
    assert {one.node_id: one.uuid for one in active} == nodes
    assert set(nodes.values()) <= wanted


def test_wishes_and_instances_that_are_set_by_hand_do_not_get_one_node(
    sites: list[Services],
) -> None:
    first, other = sites[:2]
    for number in range(NODES):
        add_node(first, f"n{number}")
        add_wish(first, f"w{number}")

    def take() -> None:
        for number in range(NODES):
            with other.store.edit() as session:
                node = get_node(session, f"n{number}", for_update=True)
                if node.instance_uuid is None:
                    node.instance_uuid = str(uuid4())

    thread = threading.Thread(target=take)
    thread.start()
    at_once(sites[2:])
    thread.join()
    found = {one.uuid: one.node_id for one in allocations(first).values() if one.state == "active"}
    with first.store.read() as session:
        for node in session.scalars(select(Node)):
            assert node.instance_uuid is not None
            assert found.get(node.instance_uuid, node.id) == node.id
    assert len(set(found.values())) == len(found)


def test_a_node_of_the_same_name_comes_first_and_one_that_is_busy_is_waited_for(api: Api) -> None:
    services = api.services
    for name in ("n1", "n2", "n3"):
        add_node(services, name)
    for name in ("n3", "n2"):
        add_wish(services, name)
    assert allocate_waiting(services) == 2
    for name in ("n3", "n2"):
        document = api.ok("GET", f"/v1/allocations/{name}")
        assert document["node_uuid"] == api.ok("GET", f"/v1/nodes/{name}")["uuid"]
    api.set_row("n1", stage="power.on")
    add_wish(services, "late")
    assert allocate_waiting(services) == 0
    assert api.ok("GET", "/v1/allocations/late")["state"] == "allocating"
    api.set_row("n1", stage=None)
    assert allocate_waiting(services) == 1
    assert api.ok("GET", "/v1/nodes/n1")["allocation_uuid"] is not None


def test_an_allocation_whose_nodes_stay_busy_fails_in_the_end(api: Api) -> None:
    add_node(api.services, "n1")
    api.set_row("n1", stage="power.on")
    add_wish(api.services, "w1")
    rounds = [allocate_waiting(api.services) for _ in range(20)]
    assert sum(rounds) == 1
    words = api.ok("GET", "/v1/allocations/w1")["last_error"]
    assert "could not reserve any of 1 suitable nodes" in words


def test_candidates_are_kept_by_uuid_in_their_order_and_are_not_more_than_a_query_takes(
    api: Api,
) -> None:
    uuids = [api.node(name=name)["uuid"] for name in ("n1", "n2", "n3")]
    body = {"resource_class": "rc", "candidate_nodes": ["n3", uuids[0].upper(), "n2", "n3"]}
    found = api.ok("POST", "/v1/allocations", body)["candidate_nodes"]
    assert found == [uuids[2], uuids[0], uuids[1], uuids[2]]
    body["candidate_nodes"] = ["n1", "gone", "n2", "away"]
    assert "cannot be found: gone, away" in api.error(400, "POST", "/v1/allocations", body)
    body["candidate_nodes"] = [f"n{number}" for number in range(10_000)]
    assert "cannot be found: n0, n4" in api.error(400, "POST", "/v1/allocations", body)
    body["candidate_nodes"] = ["n1"] * 10_001
    assert "may have 10000 nodes" in api.error(400, "POST", "/v1/allocations", body)


def test_a_uuid_that_is_an_instance_already_gets_no_second_node(api: Api) -> None:
    add_node(api.services, "n1", instance_uuid=(used := str(uuid4())))
    add_node(api.services, "n2")
    add_wish(api.services, "w1", uuid=used)
    assert allocate_waiting(api.services) == 1
    assert "is already associated with node" in api.ok("GET", "/v1/allocations/w1")["last_error"]
    assert api.ok("GET", "/v1/nodes/n2")["instance_uuid"] is None


def test_a_deleted_node_takes_its_allocation_along(api: Api) -> None:
    add_node(api.services, "n1")
    add_wish(api.services, "w1")
    allocate_waiting(api.services)
    assert "is associated with instance" in api.error(409, "DELETE", "/v1/nodes/n1")
    api.ok("PUT", "/v1/nodes/n1/maintenance", {})
    api.ok("DELETE", "/v1/nodes/n1")
    assert api.ok("GET", "/v1/allocations")["allocations"] == []


def test_a_controller_goes_on_with_what_waited_and_the_allocation_ends_with_the_instance(
    tmp_path: Path,
) -> None:
    with running_controller(tmp_path) as controller:
        uuid = add_wish(controller.services, "w1")  # as one that died has left it
        bmc = controller.enrol("m1", resource_class="rc", traits=["CUSTOM_A"])
        with controller.store.edit() as session:
            get_node(session, "m1").power_state = "power off"
        wait_until(lambda: controller.node("m1").instance_uuid == uuid, 20, "it has a node")
        with controller.store.edit() as session:
            node = get_node(session, "m1", for_update=True)
            node.instance_info = {**node.instance_info, **IMAGE}
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
        assert allocations(controller.services)["w1"].state == "active"
        controller.ask("m1", "deleted")
        controller.wait_for("m1", "available")
        assert allocations(controller.services) == {}
        assert controller.node("m1").instance_uuid is None
        assert bmc.machine.boots
