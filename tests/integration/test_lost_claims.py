"""A controller that stood still orders nothing for work that another one has taken over since."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from controller.agent_client.client import AgentClient
from controller.errors import ClaimLost
from controller.hardware.bmc import PowerState
from controller.store.nodes import get_node
from controller.store.still_held import holding
from controller.store.tables import WORKFLOW, Node, Work
from controller.workflow.verbs import set_power
from tests.integration.running_controller import RunningController
from tests.integration.waiting import wait_until


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    """Give one that looks after others once a minute, and at idle machines never."""
    running = RunningController(tmp_path, claim_lease_s=600.0, power_sync_interval_s=0.0)
    running.start()
    yield running
    running.stop()


def take_over(controller: RunningController, name: str) -> None:
    """Do what another controller does that takes this one for dead."""
    with controller.store.edit() as session:
        node = get_node(session, name, for_update=True)
        mine = (Work.subject_id == node.id, Work.lane == WORKFLOW)
        taken = {"claim_id": "another-1", "claim_owner": "other", "conductor": "other"}
        session.execute(update(Work).where(*mine).values(taken))
        session.execute(update(Node).where(Node.id == node.id).values(conductor="other"))


@pytest.mark.parametrize("is_taken", [True, False], ids=["taken over", "still its own"])
def test_a_power_off_is_ordered_only_by_who_still_holds_the_work(
    controller: RunningController, monkeypatch: pytest.MonkeyPatch, *, is_taken: bool
) -> None:
    bmc = controller.enrol("m1", "active", power_state="power on")
    bmc.machine.power_on()
    asked, go_on = threading.Event(), threading.Event()

    def slow_state(**_named: float) -> PowerState:
        asked.set()
        assert go_on.wait(60)
        return PowerState.ON if bmc.machine.is_on else PowerState.OFF

    monkeypatch.setattr(bmc, "power_state", slow_state)
    set_power(controller.services, "m1", "power off", None)
    assert asked.wait(20)
    if is_taken:
        take_over(controller, "m1")
    go_on.set()
    wait_until(lambda: controller.engine.lanes_busy()[WORKFLOW][0] == 0, 20, "the run's end")
    assert ("power_off" in bmc.calls) is not is_taken


def test_nothing_is_sent_to_an_agent_for_work_that_was_taken_away() -> None:
    def check() -> None:
        raise ClaimLost("it is another controller's")

    client = AgentClient("http://192.0.2.1:9999", "token", verify_ca=None, timeout_s=1.0)
    with holding(check):
        with pytest.raises(ClaimLost):
            client.execute("clean.execute_clean_step", {})
        with pytest.raises(ClaimLost):
            client.stop("an id")
