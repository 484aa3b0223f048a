"""Machines that nothing can switch off while their own system runs: nothing claims that they are off but a person."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.store.nodes import get_node
from controller.workflow.verbs import set_power
from tests.integration import switch_site
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.waiting import wait_until

DRIVERS = ("manual-management", "wol")


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path) as running:
        yield running


def enrol(controller: RunningController, driver: str, state: str, booted: str) -> None:
    """Make the node of a machine that is on, as far as is known, without an agent."""
    columns = {"instance_info": IMAGE, "power_state": "power on", "automated_clean": False}
    controller.enrol("m1", state, **columns)
    become(controller, driver, booted)


def become(
    controller: RunningController, driver: str, booted: str | None, **interfaces: str
) -> None:
    """Have the node m1 be of this hardware type."""
    with controller.store.edit() as session:
        node = get_node(session, "m1", for_update=True)
        node.driver, node.interfaces = driver, interfaces
        files = {f"deploy_{one}": f"http://127.0.0.1:9/{one}" for one in ("kernel", "ramdisk")}
        node.driver_info = {"wol_host": "127.0.0.1", **files}
        node.driver_internal_info = {"boot_target": booted} if booted else {}


def order(controller: RunningController, target: str) -> str:
    """Ask for it, wait for its end, and return the error."""
    set_power(controller.services, "m1", target, None)
    wait_until(lambda: controller.node("m1").stage is None, 20, target)
    return str(controller.node("m1").last_error or "")


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_tenants_system_is_never_torn_down_by_assertion(
    controller: RunningController, driver: str
) -> None:
    enrol(controller, driver, "active", "disk")
    controller.ask("m1", "deleted")
    node = controller.wait_for("m1", "error")
    assert "no agent runs there that could switch the machine off; do it by hand" in str(
        node.last_error
    )
    assert node.power_state == "power on"
    assert node.instance_info, "the instance is still there"

    assert "set maintenance" in order(controller, "power off"), "anybody may ask"
    assert controller.node("m1").power_state == "power on"
    controller.maintain("m1", is_on=True)
    assert order(controller, "power off") == ""
    assert controller.node("m1").power_state == "power off"
    controller.maintain("m1", is_on=False)
    controller.ask("m1", "deleted")
    assert not controller.wait_for("m1", "available").instance_info


@pytest.mark.parametrize("driver", DRIVERS)
def test_neither_a_reboot_nor_a_soft_end_claims_to_be_one(
    controller: RunningController, driver: str
) -> None:
    enrol(controller, driver, "active", "disk")
    for target in ("rebooting", "soft rebooting", "soft power off"):
        assert "no agent runs there" in order(controller, target)
        assert controller.node("m1").power_state == "power on"


def test_a_failure_goes_on_to_its_end_and_says_that_the_machine_is_on(
    controller: RunningController,
) -> None:
    enrol(controller, "manual-management", "available", "disk")
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "deploy failed")
    wait_until(lambda: controller.node("m1").stage is None, 20, "the end")
    assert "no agent runs there that could switch the machine off" in str(node.last_error)
    assert controller.node("m1").power_state == "power on"


def test_what_last_booted_the_ramdisk_may_be_tried_again_without_a_word(
    controller: RunningController,
) -> None:
    enrol(controller, "manual-management", "deploy failed", "ramdisk")
    controller.ask("m1", "active")
    wait_until(lambda: controller.node("m1").provision_state == "wait call-back", 20, "the wait")
    told = [event.message for event in controller.events("m1", "power")]
    assert any("it counts as off" in one for one in told)
    assert any("asked of a person: switch the machine on" in one for one in told)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("verb", "failed", "arguments"),
    [
        ("rescue", "rescue failed", {"rescue_password": "geheim geheim"}),
        ("rebuild", "deploy failed", {}),
    ],
)
def test_a_tenants_running_system_keeps_its_network_when_nobody_can_switch_it_off(
    tmp_path: Path, driver: str, verb: str, failed: str, arguments: dict[str, Any]
) -> None:
    with switch_site.switching(tmp_path) as (controller, switch):
        switch_site.enrol(controller, "m1", "active", instance_info=IMAGE, power_state="power on")
        become(controller, driver, "disk", network="ironic-networking")
        controller.ask("m1", verb, **arguments)
        node = controller.wait_for("m1", failed)
        assert "no agent runs there" in str(node.last_error)
        assert (node.power_state, node.instance_info) == ("power on", IMAGE)
        assert switch.changes() == []
        assert switch_site.ports(controller, "m1")[0].internal_info["tenant_vif_port_id"] == "blue"


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_was_aborted_before_anybody_switched_it_on_may_be_tried_again_without_a_word(
    controller: RunningController, driver: str
) -> None:
    controller.enrol("m1", "manageable", power_state="power off")
    become(controller, driver, None)

    def clean() -> None:
        controller.ask("m1", "provide")
        wait_until(lambda: controller.node("m1").provision_state == "clean wait", 20, "the wait")

    clean()
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "clean failed")
    assert node.power_state == "power on", "it was asked of a person, who may have done it"
    assert "agent_url" not in node.driver_internal_info
    controller.ask("m1", "manage")
    controller.wait_for("m1", "manageable")
    clean()
