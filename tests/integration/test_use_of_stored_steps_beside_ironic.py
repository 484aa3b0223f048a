"""Which nodes may use a runbook, and what deploy templates refuse: the same statuses from us and from real Ironic."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import requests

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside, beside_ironic
from tests.integration.waiting import wait_until

pytestmark = list(BESIDE_IRONIC)
POWER = {"interface": "power", "step": "power_on", "args": {}}
CORE = {"interface": "deploy", "step": "deploy", "args": {}}
RUNBOOKS = {"CUSTOM_NAME": [], "CUSTOM_OTHER": ["CUSTOM_OTHER"], "both": ["CUSTOM_TRAIT"]}
"""Traits by name."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with beside_ironic(tmp_path_factory.mktemp("beside")) as pair:
        for name, traits in RUNBOOKS.items():
            steps = [POWER | {"order": 1}]
            body = {"name": name, "uuid": pair.uuid(), "steps": steps, "disable_ramdisk": True}
            pair.ok("POST", "/v1/runbooks", body)
            pair.same("PUT", f"/v1/runbooks/{name}/traits", {"traits": traits})
        for letter, priority in (("A", 90), ("B", 0), ("C", 0)):
            body = {"name": f"CUSTOM_{letter}", "steps": [CORE | {"priority": priority}]}
            pair.ok("POST", "/v1/deploy_templates", body | {"uuid": pair.uuid()})
        yield pair
        assert not pair.differences, "\n".join(pair.differences)


def node(both: Beside, state: str, *traits: str) -> str:
    """Create a node in a state, and return its place. Each takes one order at most: what becomes of it is nobody's affair here."""
    uuid = both.node(boot_interface="fake", deploy_interface="fake")
    both.same("PUT", f"/v1/nodes/{uuid}/traits", {"traits": list(traits)})
    both.set_node(uuid, provision_state=state, power_state="power off")
    return f"/v1/nodes/{uuid}"


def taken(both: Beside, place: str, body: dict[str, Any], minor: int = 115) -> bool:
    ours, theirs = both.ask("PUT", f"{place}/states/provision", body, minor=minor)
    assert ours.status == theirs.status, f"{body} at 1.{minor}"
    if ours.status == HTTPStatus.ACCEPTED:
        _wait_for_ironic(both, place)
    return ours.status == HTTPStatus.ACCEPTED


def _wait_for_ironic(both: Beside, place: str) -> None:
    """Wait until Ironic lets go of the node: what is asked of it meanwhile fails when its SQLite is locked."""
    headers = {"X-OpenStack-Ironic-API-Version": "1.115"}

    def is_idle() -> bool:
        reply = requests.get(f"{both.theirs.url}{place}", headers=headers, timeout=60)
        return bool(reply.ok and reply.json()["reservation"] is None)

    wait_until(is_idle, 60, "Ironic has let go of the node")


def test_a_runbook_is_for_nodes_that_have_its_trait_and_earlier_its_name(both: Beside) -> None:
    place = node(both, "manageable", "CUSTOM_NAME", "CUSTOM_TRAIT")
    for minor, name, is_taken in (
        (91, "CUSTOM_NAME", False),
        (92, "CUSTOM_OTHER", False),
        (92, "both", False),
        (92, "nobody", False),
        (111, "CUSTOM_NAME", True),
        (112, "CUSTOM_NAME", False),
        (115, "CUSTOM_OTHER", False),
        (115, "both", True),
        (115, "11111111-2222-4333-8444-555555555555", False),
    ):
        assert taken(both, place, {"target": "clean", "runbook": name}, minor) is is_taken
        if is_taken:
            place = node(both, "manageable", "CUSTOM_NAME", "CUSTOM_TRAIT")
    assert not taken(both, place, {"target": "clean", "runbook": "both", "clean_steps": [POWER]})
    for target in ("provide", "inspect", "adopt", "service"):
        assert not taken(both, place, {"target": target, "runbook": "both"})


def test_a_runbook_serves_since_1_108(both: Beside) -> None:
    place = node(both, "active", "CUSTOM_NAME", "CUSTOM_TRAIT")
    for minor, name in ((92, "CUSTOM_NAME"), (107, "CUSTOM_NAME"), (115, "CUSTOM_NAME")):
        assert not taken(both, place, {"target": "service", "runbook": name}, minor)
    body = {"target": "service", "runbook": "both", "service_steps": [POWER]}
    assert not taken(both, place, body)
    assert taken(both, place, {"target": "service", "runbook": "both"})


@pytest.mark.parametrize(
    "traits",
    [
        *(["CUSTOM_A"], ["CUSTOM_B", "CUSTOM_C"], ["CUSTOM_NOT_THERE"]),
        *("CUSTOM_A", [5], {"CUSTOM_A": True}),
    ],
    ids=str,
)
def test_traits_and_templates_refuse_a_deployment_as_ironic_does(both: Beside, traits: Any) -> None:
    place = node(both, "available", *(f"CUSTOM_{letter}" for letter in "ABC"))
    patch = [{"op": "add", "path": "/instance_info/traits", "value": traits}]
    for said in both.ask("PATCH", place, patch):
        assert said.status == 200
    assert not taken(both, place, {"target": "active"})
    for said in both.ask("GET", f"{place}/validate"):
        assert said.document["deploy"]["result"] is False


def test_traits_without_templates_are_deployed(both: Beside) -> None:
    place = node(both, "available", "CUSTOM_PLAIN")
    patch = [{"op": "add", "path": "/instance_info/traits", "value": ["CUSTOM_PLAIN"]}]
    both.ask("PATCH", place, patch)
    assert taken(both, place, {"target": "active"})
