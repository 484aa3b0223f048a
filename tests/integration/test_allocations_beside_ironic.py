"""Allocations, ours and real Ironic's: the same requests, the same answers, and the same nodes for the same wishes."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import requests

from controller.workflow.allocating import allocate_waiting
from tests.integration.beside_ironic import BESIDE_IRONIC, LATEST, Beside, beside_ironic
from tests.integration.waiting import wait_until

pytestmark = list(BESIDE_IRONIC)
PATH = "/v1/allocations"
NOBODY = "11111111-2222-4333-8444-555555555555"
FREE = {"provision_state": "available", "power_state": "power off"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with beside_ironic(tmp_path_factory.mktemp("beside")) as found:
        yield found


@pytest.fixture
def both(pair: Beside) -> Iterator[Beside]:
    """Give both sides; afterwards there are no allocations."""
    pair.differences.clear()
    yield pair
    for said in pair.ask("GET", PATH):
        for one in said.document["allocations"]:
            pair.ask("DELETE", f"{PATH}/{one['uuid']}")
    assert not pair.differences, "\n".join(pair.differences)


def node(both: Beside, name: str, *traits: str, **values: Any) -> str:
    """Create a node that can be allocated, and return its UUID."""
    columns = FREE | {key: values.pop(key) for key in ("provision_state",) if key in values}
    uuid = both.node(name=name, **values)
    if traits:
        both.same("PUT", f"/v1/nodes/{uuid}/traits", {"traits": list(traits)})
    both.set_node(uuid, **columns)
    return uuid


def settle(both: Beside) -> None:
    """Wait until no allocation waits for a node on either side."""

    def is_settled() -> bool:
        headers = {"X-OpenStack-Ironic-API-Version": "1.115"}
        url = f"{both.theirs.url}{PATH}?state=allocating"
        return not requests.get(url, headers=headers, timeout=60).json()["allocations"]

    allocate_waiting(both.ours.services)
    wait_until(is_settled, 60, "Ironic has allocated")


def wish(both: Beside, name: str, resource_class: str, **more: Any) -> dict[str, Any]:
    body = {"name": name, "uuid": both.uuid(), "resource_class": resource_class} | more
    document = both.ok("POST", PATH, body)
    assert document["state"] == "allocating"
    settle(both)
    found: dict[str, Any] = both.ok("GET", f"{PATH}/{name}")
    return found


def test_a_wish_gets_its_node_and_loses_it(both: Beside) -> None:
    one = node(both, "one", "CUSTOM_A", "CUSTOM_B", resource_class="first")
    made = wish(both, "al1", "first", traits=["CUSTOM_A"], extra={"a": 1})
    assert (made["state"], made["node_uuid"]) == ("active", one)
    fields = "fields=instance_uuid,instance_info,allocation_uuid"
    both.same("GET", f"/v1/nodes/{one}?{fields}")
    place = f"/v1/nodes/{one}/allocation"
    for query in ("", "?fields=uuid,state", "?fields=nope", "?nope=1"):
        both.same("GET", f"{place}{query}")
    for minor in (51, 52, 59, 60):
        both.same("GET", place, minor=minor)
        both.same("GET", f"{PATH}/al1", minor=minor)
        both.same("GET", PATH, minor=minor)
    both.same("DELETE", f"/v1/nodes/{one}")
    both.same("DELETE", place)
    both.same("GET", f"{PATH}/al1")
    both.same("DELETE", place)
    both.same("GET", place)
    both.same("GET", f"/v1/nodes/{one}?{fields}")


def test_wishes_that_no_node_fits_fail_with_the_reason(both: Beside) -> None:
    both.set_node(node(both, "plain", resource_class="second"), owner="me")
    node(both, "manageable", resource_class="third", provision_state="manageable")
    taken = node(both, "taken", resource_class="fourth")
    both.set_node(taken, instance_uuid=both.uuid())
    silent = node(both, "silent", resource_class="fifth")
    both.set_node(silent, power_state=None)
    kept = node(both, "kept", resource_class="sixth")
    both.same("PUT", f"/v1/nodes/{kept}/maintenance", {})
    wishes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("nobody", {}),
        ("second", {"traits": ["CUSTOM_A"]}),
        ("second", {"owner": "other"}),
        ("second", {"candidate_nodes": ["taken", "manageable"]}),
        *((name, {}) for name in ("third", "fourth", "fifth", "sixth")),
    )
    for number, (resource_class, more) in enumerate(wishes):
        found = wish(both, f"wish-{number}", resource_class, **more)
        assert (found["state"], found["node_uuid"]) == ("error", None)
    assert wish(both, "good", "second", owner="me", candidate_nodes=["plain"])["state"] == "active"
    for query in (
        *("state=error", "state=active", "state=x", "resource_class=third", "owner=me", "owner=x"),
        *("node=plain", f"node={NOBODY}", "node=nobody", "fields=name,state", "fields=nope"),
        *("sort_key=name", "sort_key=state", "sort_key=owner", "sort_key=resource_class"),
        *("sort_key=traits", "sort_key=candidate_nodes", "sort_key=extra", "sort_key=node_uuid"),
        *("limit=2", "limit=0", f"marker={NOBODY}", "detail=true", "nope=1"),
    ):
        both.same("GET", f"{PATH}?{query}")
    both.same("GET", f"{PATH}?owner=me", minor=59)


def each(name: str, *values: Any) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


BODIES: tuple[dict[str, Any], ...] = (
    {},
    *each("resource_class", None, "", 5, "x" * 80, "x" * 81),
    *each("name", None, 5, "bad name", "a" * 255, "a" * 256, "a.b-c_d~e"),
    *each("extra", None, {}, {"a": 1}, [], "a"),
    *each("traits", None, [], ["bad"], "CUSTOM_A", [5], ["CUSTOM_B", "CUSTOM_A", "CUSTOM_B"]),
    *each("candidate_nodes", None, [], 5, "a", ["nobody"], [NOBODY], ["bad name"], [5]),
    *each("owner", None, "me"),
    *each("uuid", 5),
    *each("node", None, "nobody", 5),
    *({"state": "active"}, {"node_uuid": NOBODY}, {"last_error": None}, {"nope": 1}),
)


def create_all(both: Beside, bodies: tuple[dict[str, Any], ...], minor: int) -> None:
    for changes in bodies:
        body = {"uuid": both.uuid(), "resource_class": "nothing"} | changes
        if both.same("POST", PATH, body, minor=minor).status == HTTPStatus.CREATED:
            settle(both)  # Ironic on SQLite hangs when many of its threads allocate at once


def test_creations_are_taken_and_refused_alike(both: Beside) -> None:
    create_all(both, BODIES, LATEST)


@pytest.mark.parametrize("minor", [51, 52, 57, 58, 59, 60])
def test_creations_have_what_their_version_has(both: Beside, minor: int) -> None:
    create_all(both, ({"owner": "me"}, {"node": "nobody"}, {"node": None}), minor)


def test_names_and_uuids_are_taken_once_and_patches_are_alike(both: Beside) -> None:
    first = wish(both, "first", "nothing")
    wish(both, "second", "nothing")
    both.same("POST", PATH, {"resource_class": "nothing", "name": "first"})
    both.same("POST", PATH, {"resource_class": "nothing", "uuid": first["uuid"]})
    operation: Any
    for operation in (
        *(("replace", "/name", one) for one in ("first", "second", "third", "bad name", None, 5)),
        *(("add", "/extra/a", 1), ("remove", "/extra/a"), ("remove", "/extra/a")),
        *(("replace", "/extra", None), ("remove", "/extra"), ("remove", "/name")),
        *(("replace", f"/{one}", "x") for one in ("resource_class", "owner", "state", "uuid")),
        *(("replace", f"/{one}", []) for one in ("traits", "candidate_nodes", "links")),
        ("add", "/nope", 1),
    ):
        patch = [dict(zip(("op", "path", "value"), operation, strict=False))]
        both.same("PATCH", f"{PATH}/{first['uuid']}", patch)
    for minor in (51, 52, 56, 57):
        patch = [{"op": "add", "path": "/extra/b", "value": minor}]
        both.same("PATCH", f"{PATH}/second", patch, minor=minor)
    for nobody in ("nobody", NOBODY, "bad%20name", "detail"):
        for method, body in (("GET", None), ("PATCH", []), ("DELETE", None)):
            both.same(method, f"{PATH}/{nobody}", body)
    for method in ("GET", "DELETE"):
        both.same(method, "/v1/nodes/nobody/allocation")
    both.same("POST", "/v1/nodes/nobody/allocation", {})
    both.same("PUT", f"{PATH}/second", {})


def test_an_allocation_goes_with_its_instance_where_the_state_allows_it(both: Beside) -> None:
    one = node(both, "used", resource_class="seventh")
    remove = [{"op": "remove", "path": "/instance_uuid"}]
    for state in ("available", "active", "deploy failed", "clean failed", "manageable"):
        for maintained in (False, True):
            both.set_node(one, **FREE)
            uuid = wish(both, "al", "seventh")["uuid"]
            both.set_node(one, provision_state=state, maintenance=maintained)
            for method, place, body in (
                ("PATCH", f"/v1/nodes/{one}", remove),
                ("DELETE", f"{PATH}/{uuid}", None),
            ):
                ours, theirs = both.ask(method, place, body)
                assert ours.status == theirs.status, (state, maintained, method)
            both.same("GET", f"{PATH}/{uuid}")
            both.same("GET", f"/v1/nodes/{one}?fields=instance_uuid,allocation_uuid")
            both.set_node(one, provision_state="available", maintenance=False)
            both.ask("DELETE", f"{PATH}/{uuid}")


def test_a_node_in_use_is_given_its_allocation_afterwards(both: Beside) -> None:
    one = node(both, "active", "CUSTOM_A", resource_class="eighth", provision_state="active")
    free = node(both, "free", resource_class="ninth")
    assert both.ours.error(409, "POST", PATH, {"node": free}).startswith("Cannot backfill")
    both.ours.ok("GET", PATH)
    for more in ({"traits": ["CUSTOM_B"]}, {"resource_class": "x"}, {"candidate_nodes": ["free"]}):
        # Ironic says 500 and keeps an allocation that has failed
        assert both.ours.error(409, "POST", PATH, {"node": "active"} | more)
    body = {"node": "active", "uuid": both.uuid(), "name": "late", "traits": ["CUSTOM_A"]}
    for minor in (57, 58):
        both.same("POST", PATH, body, minor=minor)
    both.same("GET", f"{PATH}/late")
    both.same("GET", f"/v1/nodes/{one}?fields=instance_uuid,instance_info,allocation_uuid")
    both.same("POST", PATH, {"node": "active", "uuid": both.uuid()})
    both.same("DELETE", f"{PATH}/late")
    both.set_node(one, provision_state="available")
