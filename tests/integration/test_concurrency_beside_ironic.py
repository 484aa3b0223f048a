"""Limits on concurrent deployments and cleanings: the same statuses from us and from real Ironic."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import requests

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside, beside_ironic
from tests.integration.waiting import wait_until

pytestmark = list(BESIDE_IRONIC)
STEP = {"interface": "power", "step": "power_on", "args": {}}
CLEAN = {"target": "clean", "clean_steps": [STEP], "disable_ramdisk": True}
LIMITS = {"max_concurrent_deploy": 1, "max_concurrent_clean": 1}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with beside_ironic(tmp_path_factory.mktemp("beside"), conductor=LIMITS) as pair:
        yield pair
        assert not pair.differences, "\n".join(pair.differences)


def node(both: Beside, state: str) -> str:
    uuid = both.node(boot_interface="fake", deploy_interface="fake")
    both.set_node(uuid, provision_state=state, power_state="power off")
    return uuid


DEPLOY, REBUILD = ({"target": "active"}, "available"), ({"target": "rebuild"}, "active")
DELETE, PROVIDE = ({"target": "deleted"}, "active"), ({"target": "provide"}, "manageable")
MANUAL, TOO_EARLY = (CLEAN, "manageable"), ({"target": "active"}, "enroll")
CASES = {
    "deploying": (DEPLOY, REBUILD, DELETE, MANUAL, TOO_EARLY),
    "wait call-back": (DEPLOY, REBUILD),
    "deploy hold": (DEPLOY,),
    "deleting": (DELETE, MANUAL, PROVIDE),
    "cleaning": (DELETE, DEPLOY, PROVIDE),
    "clean wait": (MANUAL,),
    "clean hold": (MANUAL,),
    "clean failed": (DELETE,),
}
"""What is asked of a node, and its state then, by the state of another that counts or does not."""


@pytest.mark.parametrize(
    ("running", "body", "begin"),
    [(running, *case) for running, cases in CASES.items() for case in cases],
)
def test_one_more_is_taken_or_refused_as_by_ironic(
    both: Beside, running: str, body: dict[str, Any], begin: str
) -> None:
    first, second = node(both, running), node(both, begin)
    ours, theirs = both.ask("PUT", f"/v1/nodes/{second}/states/provision", body)
    if theirs.status == HTTPStatus.ACCEPTED:
        wait_until(lambda: is_idle(both, second), 60, "Ironic has let go of the node")
    for uuid in (first, second):
        both.set_node(uuid, provision_state="active")
    assert ours.status == theirs.status, f"{body} from {begin} while one is {running}"


def is_idle(both: Beside, uuid: str) -> bool:
    headers = {"X-OpenStack-Ironic-API-Version": "1.115"}
    reply = requests.get(f"{both.theirs.url}/v1/nodes/{uuid}", headers=headers, timeout=60)
    return bool(reply.ok and reply.json()["reservation"] is None)
