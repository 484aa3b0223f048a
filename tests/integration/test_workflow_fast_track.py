"""Fast track with machines without hardware: which agent is used again, and what ends it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from controller.hardware.bmc import BmcStep, BmcStepLook
from controller.store.nodes import get_node
from controller.workflow.verbs import set_power
from tests.integration.inspections import inspection
from tests.integration.running_controller import (
    IMAGE,
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.waiting import wait_until


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    for name in ("kernel", "ramdisk"):
        (tmp_path / name).write_bytes(b"boot file")
    files = {
        "deploy_kernel": str(tmp_path / "kernel"),
        "deploy_ramdisk": str(tmp_path / "ramdisk"),
    }
    with running_controller(tmp_path, fast_track=True, **files) as running:
        yield running


def cleaned(controller: RunningController, **columns: Any) -> MachineBmc:
    """Return the BMC of a machine that waits in the ramdisk after a cleaning."""
    bmc = controller.enrol("m1", "manageable", instance_info=IMAGE, **columns)
    controller.ask("m1", "provide")
    controller.wait_for("m1", "available")
    return bmc


def deployed(controller: RunningController) -> str:
    """Deploy and return what the history says of fast track."""
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    told = [event.message for event in controller.events("m1") if "fast track" in event.message]
    return told[-1]


def change(controller: RunningController, **columns: Any) -> None:
    with controller.store.edit() as session:
        node = get_node(session, "m1", for_update=True)
        for name, value in columns.items():
            setattr(node, name, value)


def test_a_deployment_takes_the_agent_that_cleaned(controller: RunningController) -> None:
    bmc = cleaned(controller)
    node = controller.node("m1")
    assert (node.power_state, bmc.machine.is_on) == ("power on", True)
    assert bmc.machine.agent.heartbeat().status_code == 202  # it goes on beating in available
    assert bmc.machine.boots == ["pxe"]
    assert deployed(controller).endswith("the agent that runs already is used, without a boot")
    assert bmc.machine.boots == ["pxe", "off", "disk"]
    assert [name for name, _params in bmc.machine.orders] == [
        "get_clean_steps",
        "erase_devices_metadata",
        "get_deploy_steps",
        "write_image",
        "get_partition_uuids",
        "sync",
        "power_off",
    ]
    node = controller.node("m1")
    assert (node.agent_secret, node.driver_internal_info.get("agent_kept_as")) == (None, None)


def test_an_inspection_a_cleaning_and_a_deployment_share_one_boot(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable", interfaces={}, instance_info=IMAGE)
    bmc.machine.behaviour.inspection = inspection()
    controller.ask("m1", "inspect")
    node = controller.wait_for("m1", "manageable")
    assert (node.power_state, len(bmc.machine.inspections)) == ("power on", 1)
    controller.ask("m1", "provide")
    controller.wait_for("m1", "available")
    deployed(controller)
    assert bmc.machine.boots == ["pxe", "off", "disk"]


def test_an_inspected_machine_whose_agent_does_not_call_is_switched_off(
    controller: RunningController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.workflow.stages.inspect._CALLS_BACK_WITHIN_S", 0.3)
    bmc = controller.enrol("m1", "manageable", interfaces={})
    bmc.machine.behaviour.inspection = inspection()
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", "inspect")
    assert controller.wait_for("m1", "manageable").power_state == "power off"
    assert "no agent has called back after the inspection" in str(
        [event.message for event in controller.events("m1", "agent")]
    )


def test_nothing_stays_on_where_it_is_not_allowed(controller: RunningController) -> None:
    bmc = cleaned(controller, driver_info={"fake_id": "m1", "fast_track": "false"})
    assert controller.node("m1").power_state == "power off"
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert bmc.machine.boots == ["pxe", "off", "pxe", "off", "disk"]


def test_a_node_can_be_the_only_one_that_is_allowed(tmp_path: Path) -> None:
    with running_controller(tmp_path) as controller:
        bmc = cleaned(controller, driver_info={"fake_id": "m1", "fast_track": True})
        deployed(controller)
        assert bmc.machine.boots == ["pxe", "off", "disk"]


def _dies(bmc: MachineBmc, _controller: RunningController) -> None:
    bmc.machine.agent.stop()


def _restarts(bmc: MachineBmc, _controller: RunningController) -> None:
    """Reset the machine; its new agent has not asked yet when the old one is looked for, and never will before the next boot."""
    behaviour = bmc.machine.behaviour
    behaviour.boot_s = 3600.0
    bmc.machine.crash()

    def boot_quickly(what: str) -> None:
        if what.startswith("on "):  # the agent of the reset has been told to stop by then
            behaviour.boot_s = 0.0

    bmc.machine.on_change = boot_quickly


def _has_restarted(bmc: MachineBmc, controller: RunningController) -> None:
    """Reset the machine; its new agent has asked before the old one is looked for."""
    _restarts(bmc, controller)
    change(
        controller, provision_state="deploying"
    )  # as it is for a moment when a deployment begins
    reply = requests.get(
        f"{controller.url}/v1/lookup?addresses=52:54:00:00:00:01",
        headers={"X-OpenStack-Ironic-API-Version": "1.62"},
        timeout=5,
    )
    assert reply.json()["config"]["agent_token"] == "******"
    change(controller, provision_state="available")


def _loses_power(bmc: MachineBmc, _controller: RunningController) -> None:
    bmc.machine.power_off()


def _grows_old(_bmc: MachineBmc, controller: RunningController) -> None:
    info = controller.node("m1").driver_internal_info
    change(
        controller, driver_internal_info={**info, "agent_heard_at": info["agent_heard_at"] - 400}
    )


def _changes_firmware_mode(_bmc: MachineBmc, controller: RunningController) -> None:
    change(controller, properties={"capabilities": "boot_mode:uefi"})


def _moves(_bmc: MachineBmc, controller: RunningController) -> None:
    change(controller, driver_info={"fake_id": "m1", "ipmi_address": "192.0.2.9"})


def _is_forbidden(_bmc: MachineBmc, controller: RunningController) -> None:
    change(controller, driver_info={"fake_id": "m1", "fast_track": "no"})


def _is_busy(bmc: MachineBmc, controller: RunningController) -> None:
    agent = bmc.machine.agent
    bmc.machine.behaviour.seconds["sync"] = 30.0
    order = {"name": "standby.sync", "params": {}}
    url = f"{agent.url}/v1/commands/?wait=false&agent_token={agent.token}"
    assert requests.post(url, json=order, timeout=5).status_code == 200


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (_dies, "the agent does not answer"),
        (_restarts, "the agent does not answer"),
        (_has_restarted, "the agent has restarted and lost its token"),
        (_loses_power, "the machine is off"),
        (_grows_old, "last heartbeat is 40. s old, more than fast_track_timeout_s"),
        (_changes_firmware_mode, "booted in bios mode, and uefi is wanted now"),
        (_moves, "driver_info, ports or the ramdisk's settings have been changed"),
        (_is_forbidden, "fast track has been switched off"),
        (_is_busy, "the agent is still at sync"),
    ],
)
def test_an_agent_that_cannot_be_used_costs_a_boot_and_nothing_else(
    controller: RunningController,
    happens: Callable[[MachineBmc, RunningController], None],
    why: str,
) -> None:
    bmc = cleaned(controller)
    happens(bmc, controller)
    controller.ask("m1", "active")
    wait_until(lambda: "pxe" in bmc.machine.boots[1:], 10, "another boot")
    bmc.machine.behaviour.seconds.clear()
    controller.wait_for("m1", "active")
    (told,) = [one.message for one in controller.events("m1") if "is booted" in one.message]
    assert re.search(why, told)
    assert bmc.machine.boots.count("pxe") == 2


def test_a_step_of_the_bmc_before_it_costs_a_boot(controller: RunningController) -> None:
    step = BmcStep(
        interface="bios",
        name="apply_configuration",
        priorities={"deploy": 150},
        begin=lambda _bmc, _args, _timeout_s: BmcStepLook(state=None),
        look=lambda _bmc, _state, _timeout_s: BmcStepLook(state=None),
    )
    bmc = cleaned(controller)
    controller.driver.offered = (step,)
    told = deployed(controller)
    assert "deploy step apply_configuration has run since, whose changes may need a boot" in told
    assert bmc.machine.boots.count("pxe") == 2


@pytest.mark.parametrize("target", ["power off", "rebooting"])
def test_a_power_order_ends_it(controller: RunningController, target: str) -> None:
    bmc = cleaned(controller)
    set_power(controller.services, "m1", target, None)
    wait_until(lambda: controller.node("m1").stage is None, 5, target)
    node = controller.node("m1")
    assert node.agent_secret is None
    assert not {"agent_url", "agent_kept_as", "boot_target"} & set(node.driver_internal_info)
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert bmc.machine.boots.count("pxe") == 2


def test_a_machine_that_is_found_off_has_no_agent_any_more(tmp_path: Path) -> None:
    with running_controller(tmp_path, fast_track=True, power_sync_interval_s=0.2) as controller:
        bmc = cleaned(controller)
        bmc.machine.power_off()
        wait_until(lambda: controller.node("m1").agent_secret is None, 10, "the look")
        assert "agent_url" not in controller.node("m1").driver_internal_info


def test_an_idle_node_tells_nobody_its_token(controller: RunningController) -> None:
    cleaned(controller)
    url = f"{controller.url}/v1/lookup?addresses=52:54:00:00:00:01"
    headers = {"X-OpenStack-Ironic-API-Version": "1.62"}
    assert requests.get(url, headers=headers, timeout=5).status_code == 404


def test_manual_steps_an_abort_and_a_retirement_on_a_kept_agent(
    controller: RunningController,
) -> None:
    bmc = cleaned(controller)
    controller.ask("m1", "manage")
    controller.wait_for("m1", "manageable")
    steps = [{"interface": "deploy", "step": "erase_devices_metadata"}]
    controller.ask("m1", "clean", clean_steps=steps)
    controller.wait_for("m1", "manageable")
    assert bmc.machine.boots == ["pxe"]
    bmc.machine.behaviour.seconds["erase_devices_metadata"] = 30.0
    controller.ask("m1", "clean", clean_steps=steps)
    wait_until(lambda: controller.node("m1").provision_state == "clean wait", 10, "the step")
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "clean failed")
    assert (bmc.machine.boots, node.agent_secret) == (["pxe", "off"], None)
    bmc.machine.behaviour.seconds.clear()
    controller.ask("m1", "manage")
    controller.wait_for("m1", "manageable")
    change(controller, retired=True)
    controller.ask("m1", "clean", clean_steps=steps)
    assert controller.wait_for("m1", "manageable").power_state == "power off"


def test_an_adopted_machine_is_said_to_run_the_ramdisk(controller: RunningController) -> None:
    cleaned(controller)
    controller.ask("m1", "manage")
    controller.wait_for("m1", "manageable")
    controller.ask("m1", "adopt")
    node = controller.wait_for("m1", "active")
    assert (node.agent_secret, node.driver_internal_info["boot_target"]) == (None, "disk")
    assert "reboot it" in controller.events("m1", "agent")[-1].message
