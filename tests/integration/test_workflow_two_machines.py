"""Nodes behind one Redfish BMC of two machines, with a whole controller: each has its own power, and one that names no system says what to do."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.store.tables import Node
from controller.workflow.power_sync import watch_power
from controller.workflow.verbs import set_power
from tests.integration.redfish_doubles import RedfishLab, driver_info, redfish_lab
from tests.integration.running_controller import RunningController, running_controller
from tests.integration.waiting import wait_until

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[RedfishLab]:
    with redfish_lab(tmp_path / "lab") as made, made.as_new():
        made.bmc.add(made.other)
        yield made


def enrol(controller: RunningController, name: str, **info: object) -> None:
    with controller.store.edit() as session:
        node = Node(
            uuid=str(uuid.uuid4()),
            name=name,
            created_at=time.time(),
            provision_state="manageable",
            driver="redfish",
            driver_info=info,
            instance_info={},
            interfaces={},
            conductor=controller.services.hostname,
        )
        session.add(node)
        session.flush()
        watch_power(controller.services, session, node)


def test_nodes_of_one_bmc_are_driven_apart(lab: RedfishLab, tmp_path: Path) -> None:
    with running_controller(tmp_path, power_sync_interval_s=1) as controller:
        for number in (1, 2):
            path = f"/redfish/v1/Systems/{number}"
            enrol(controller, f"m{number}", **driver_info(lab, redfish_system_id=path))
        enrol(controller, "lost", **driver_info(lab))
        set_power(controller.services, "m2", "power on", None)
        wait_until(lambda: controller.node("m2").power_state == "power on", 30, "power on")
        wait_until(lambda: controller.node("m1").power_state == "power off", 30, "a look")
        assert (lab.machine.is_on, lab.other.is_on) == (False, True)
        set_power(controller.services, "lost", "power on", None)
        wait_until(lambda: bool(controller.node("lost").last_error), 30, "the error")
        error = controller.node("lost").last_error
        assert "Systems/2, /redfish/v1/Systems/1); set redfish_system_id to one" in str(error)
        assert not lab.machine.is_on
        sessions = lab.client().get("SessionService/Sessions")["Members"]
        assert len(sessions) == 1
