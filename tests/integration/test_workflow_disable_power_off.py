"""A node with disable_power_off goes all the way without being switched off once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import Conflict
from controller.workflow.verbs import set_power
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.waiting import wait_until


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path) as running:
        yield running


@pytest.mark.parametrize("target", ["power off", "soft power off", "soft rebooting"])
def test_requests_that_switch_off_are_refused(controller: RunningController, target: str) -> None:
    bmc = controller.enrol("m1", "active", disable_power_off=True)
    with pytest.raises(Conflict, match=r'disable_power_off.*"rebooting"'):
        set_power(controller.services, "m1", target, None)
    assert bmc.calls == []


def test_a_reboot_is_a_reset_and_power_on_is_only_that(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "active", disable_power_off=True)
    for target in ("power on", "power on", "rebooting"):
        set_power(controller.services, "m1", target, None)
        wait_until(lambda: controller.node("m1").stage is None, 20, target)
    assert controller.node("m1").power_state == "power on"
    assert [call for call in bmc.calls if call != "power_state"] == ["power_on", "reset"]


def test_the_whole_life_of_an_instance_goes_by_resets(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "manageable", disable_power_off=True, instance_info=IMAGE)
    bmc.machine.power_on()
    controller.ask("m1", "provide")
    controller.wait_for("m1", "available")
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "active")
    assert node.power_state == "power on"
    controller.ask("m1", "deleted")
    controller.wait_for("m1", "available")
    assert not {"power_off", "soft_power_off", "power_on"} & set(bmc.calls)
    assert "standby.power_off" not in [order for order, _params in bmc.machine.orders]
    boots = [boot for boot in bmc.machine.boots if boot != "off"]
    assert boots == ["disk", "pxe", "disk", "pxe", "disk", "pxe", "disk"]
