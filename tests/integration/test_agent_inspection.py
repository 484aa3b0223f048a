"""What the agent posts when it is told what to collect."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.agent_process import Agent
from tests.integration.fake_controller import FakeController, fake_controller


@pytest.fixture
def controller() -> Iterator[FakeController]:
    with fake_controller() as served:
        yield served


@pytest.fixture
def agent(tmp_path: Path, controller: FakeController) -> Iterator[Agent]:
    made = Agent(tmp_path, controller)
    yield made
    made.kill()


def test_an_unknown_collector_is_named_and_the_inventory_is_posted_all_the_same(
    agent: Agent, controller: FakeController
) -> None:
    """Without a callback URL the result goes to the controller itself."""
    agent.start("ipa-inspection-collectors=default,nothing")
    controller.heartbeat()
    posted = controller.wait_for("POST", "/v1/continue_inspection").body
    assert posted["error"] is None
    assert "collector nothing: there is none of this name; there are default" in str(
        posted["warnings"]
    )
    assert posted["inventory"]["disks"][0]["serial"] == "FAKE1"
    assert posted["configuration"]["collectors"] == ["default"]


def test_ipa_collect_lldp_asks_for_the_collector_of_this_name(
    agent: Agent, controller: FakeController
) -> None:
    agent.start("ipa-inspection-collectors=default ipa-collect-lldp=1")
    controller.heartbeat()
    posted = controller.wait_for("POST", "/v1/continue_inspection").body
    assert posted["warnings"][0].startswith("collector lldp: there is none of this name")
    assert posted["inventory"]["interfaces"][0]["lldp"] is None
