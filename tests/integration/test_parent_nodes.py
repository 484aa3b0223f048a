"""Which node may stand above which: a tree, whatever is patched, and whoever else does."""

import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Executable, delete, update

from controller.hardware.interface import Facts
from controller.store.parents import is_at_or_above
from controller.store.tables import Node
from controller.workflow.children import CHILDREN
from tests.integration.controller_api import Api, make_api
from tests.integration.databases import new_database, postgres_url
from tests.integration.running_controller import RunningController, running_controller
from tests.integration.steps_asked_for import held, wish
from tests.integration.test_workflow_service import host_with_cards

__all__ = ["postgres_url"]
CIRCLE = "is a child of node"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    if request.param == "sqlite":
        made = make_api(tmp_path)
    else:
        made = make_api(
            tmp_path, database_url=new_database(request.getfixturevalue("postgres_url"))
        )
    yield made
    made.services.store.close()


def under(parent: str | None) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": "/parent_node", "value": parent}]


def ancestors(parents: Mapping[str, str | None], name: str | None) -> set[str]:
    found: set[str] = set()
    while name is not None and name not in found:
        found.add(name)
        name = parents.get(name)
    return found


def test_no_order_of_patches_makes_a_circle(api: Api) -> None:
    names = [f"n{number}" for number in range(5)]
    uuids = {name: api.node(name=name)["uuid"] for name in names}
    parents: dict[str, str | None] = dict.fromkeys(names)
    chance = random.Random(9)  # no secret
    refused = 0
    for _ in range(60):
        child, parent = chance.choice(names), chance.choice([*names, None])
        is_circle = child in ancestors(parents, parent)
        reply = api.call("PATCH", f"/v1/nodes/{child}", under(parent))
        assert reply.status_code == (400 if is_circle else 200), (parents, child, parent)
        refused += is_circle
        parents[child] = parents[child] if is_circle else parent
    shown = {name: api.ok("GET", f"/v1/nodes/{name}")["parent_node"] for name in names}
    assert shown == {name: parent and uuids[parent] for name, parent in parents.items()}
    assert refused > 10


def test_a_circle_is_refused_with_its_nodes(api: Api) -> None:
    for name, parent in [("a", None), ("b", "a"), ("c", "b")]:
        api.node(name=name, parent_node=parent)
    words = api.error(400, "PATCH", "/v1/nodes/a", under("c"))
    assert f"parent_node: node c {CIRCLE} {api.ok('GET', '/v1/nodes/a')['uuid']} itself" in words
    assert "its own parent" in api.error(400, "PATCH", "/v1/nodes/a", under("a"))


def test_a_deleted_parent_that_comes_again_stands_not_below_its_children(api: Api) -> None:
    uuid = api.node(name="a")["uuid"]
    api.node(name="b", parent_node="a")
    api.ok("DELETE", "/v1/nodes/a")
    again = {"driver": "fake-hardware", "uuid": uuid, "parent_node": "b"}
    assert CIRCLE in api.error(400, "POST", "/v1/nodes", again)


def test_two_who_change_parents_at_once_make_no_circle(api: Api) -> None:
    for number in range(8):
        one, other = f"a{number}", f"b{number}"
        api.node(name=one)
        api.node(name=other)

        def put(pair: tuple[str, str]) -> int:
            return api.call("PATCH", f"/v1/nodes/{pair[0]}", under(pair[1])).status_code

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(put, [(one, other), (other, one)])) == [200, 400]


def test_a_circle_that_is_there_already_is_no_endless_way(api: Api) -> None:
    uuids = [api.node()["uuid"] for _ in range(3)]
    stranger = api.node()["uuid"]
    with api.services.store.edit() as session:
        for child, parent in zip(uuids, uuids[1:] + uuids[:1], strict=True):
            session.execute(update(Node).where(Node.uuid == child).values(parent_node=parent))
    with api.services.store.edit() as session:
        assert is_at_or_above(session, uuids[0], uuids[2])
        assert not is_at_or_above(session, stranger, uuids[0])
    api.ok("PATCH", f"/v1/nodes/{uuids[0]}", under(None))


class _Moment:
    """Changes the database when a child's BMC is checked the last time before the child is asked."""

    def __init__(self, controller: RunningController, statement: Executable) -> None:
        self._controller, self._statement, self.has_come = controller, statement, False

    def validate(self, facts: Facts) -> None:
        work = self._controller.node("host").work
        has_begun = work is not None and CHILDREN in work.data
        if facts.driver_info["fake_id"] == "dpu2" and has_begun and not self.has_come:
            self.has_come = True
            with self._controller.store.edit() as session:
                session.execute(self._statement)


@pytest.mark.parametrize("what", ["deleted", "moved"])
def test_a_child_that_goes_between_asking_and_storing_is_told(tmp_path: Path, what: str) -> None:
    with running_controller(tmp_path) as controller:
        cards = host_with_cards(controller)
        uuid = controller.node("dpu2").uuid
        gone = {
            "deleted": delete(Node).where(Node.uuid == uuid),
            "moved": update(Node).where(Node.uuid == uuid).values(parent_node=None),
        }
        one = {"execute_on_child_nodes": True, "limit_child_node_execution": [uuid]}
        steps = [wish("hold", "power"), wish("power_on", "power", **one)]
        controller.ask("host", "service", service_steps=steps)
        held(controller, "host", "service hold")
        moment = _Moment(controller, gone[what])
        controller.driver.validate = moment.validate  # type: ignore[method-assign]
        controller.ask("host", "unhold")
        node = controller.wait_for("host", "service failed")
        said = {
            "deleted": f"child node {uuid} was deleted meanwhile",
            "moved": "child node dpu2 was given another parent_node meanwhile (none)",
        }
        assert f"service step power_on: {said[what]}" in str(node.last_error)
        assert "internal error" not in str(node.last_error)
        assert (moment.has_come, cards[1].machine.boots) == (True, [])
