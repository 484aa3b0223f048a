"""Every way out of fast track switches the machine off that it kept on, or says why not."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import update

from controller.store.tables import Work
from controller.workflow import stay
from tests.integration.running_controller import (
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.test_workflow_fast_track import change, cleaned
from tests.integration.waiting import wait_until

HEADERS = {"X-OpenStack-Ironic-API-Version": "1.115"}


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path, fast_track=True, power_sync_interval_s=0.1) as running:
        yield running


def call(controller: RunningController, method: str, path: str, body: Any = None) -> Any:
    url = f"{controller.url}/v1/{path}"
    return requests.request(method, url, json=body, headers=HEADERS, timeout=60)


def forbid(controller: RunningController) -> None:
    patch = [{"op": "add", "path": "/driver_info/fast_track", "value": "false"}]
    assert call(controller, "PATCH", "nodes/m1", patch).status_code == 200


def delete_port(controller: RunningController) -> None:
    (port,) = call(controller, "GET", "nodes/m1/ports").json()["ports"]
    assert call(controller, "DELETE", f"ports/{port['uuid']}").status_code == 204


def retire(controller: RunningController) -> None:
    change(controller, retired=True)


def want_uefi(controller: RunningController) -> None:
    change(controller, properties={"capabilities": "boot_mode:uefi"})


def assert_off(controller: RunningController, bmc: MachineBmc, why: str) -> None:
    wait_until(lambda: controller.node("m1").power_state == "power off", 10, "the power-off")
    wait_until(lambda: controller.node("m1").stage is None, 10, "the end")
    node = controller.node("m1")
    assert (bmc.machine.boots, node.last_error) == (["pxe", "off"], None)
    assert not {"agent_url", "agent_kept_as", "boot_target"} & set(node.driver_internal_info)
    assert (node.agent_secret, node.provision_state) == (None, "available")
    told = [event.message for event in controller.events("m1", "request")]
    assert f"fast track: {why}; the machine is switched off" in told[-1]


@pytest.mark.parametrize(
    ("leave", "why"),
    [
        (forbid, "fast track has been switched off"),
        (
            delete_port,
            "driver_info, ports or the ramdisk's settings have been changed since its boot",
        ),
        (retire, "the node has been retired"),
        (want_uefi, "the ramdisk was booted in bios mode, and uefi is wanted now"),
    ],
)
def test_a_way_out_of_fast_track_switches_the_machine_off(
    controller: RunningController, leave: Callable[[RunningController], None], why: str
) -> None:
    bmc = cleaned(controller)
    leave(controller)
    assert_off(controller, bmc, why)


def test_a_controller_that_begins_without_fast_track_switches_off_what_it_kept(
    tmp_path: Path,
) -> None:
    first = RunningController(tmp_path, fast_track=True)
    first.start()
    bmc = cleaned(first)
    first.engine.stop(timeout_s=5)
    settings = {"fast_track": False, "power_sync_interval_s": 0.1}
    with running_controller(tmp_path, driver=first.driver, **settings) as second:
        with second.store.edit() as session:
            session.execute(update(Work).values(due_at=second.services.steady()))
        assert_off(second, bmc, "fast track has been switched off")
    first.stop()


def test_a_machine_that_stays_on_is_told_once_and_the_node_says_so(tmp_path: Path) -> None:
    limits = {"power_sync_interval_s": 0.1, "power_change_timeout_s": 0.5}
    with running_controller(tmp_path, fast_track=True, **limits) as controller:
        bmc = cleaned(controller)
        bmc.stays_on = True
        forbid(controller)
        wait_until(lambda: bool(controller.node("m1").last_error), 10, "the failure")
        assert "switching off after fast track failed" in str(controller.node("m1").last_error)
        looks = bmc.calls.count("power_state")
        wait_until(lambda: bmc.calls.count("power_state") > looks + 3, 10, "further looks")
        assert bmc.calls.count("power_off") == 1


def test_what_another_bmc_switches_and_a_maintenance_leave_the_machine_alone(
    controller: RunningController,
) -> None:
    bmc = cleaned(controller)
    controller.maintain("m1", is_on=True, reason="a new disk")
    forbid(controller)
    change(controller, driver_info={"fake_id": "m1", "ipmi_address": "192.0.2.9"})
    controller.maintain("m1", is_on=False)
    looks = bmc.calls.count("power_state")
    wait_until(lambda: bmc.calls.count("power_state") > looks + 2, 10, "two looks")
    assert bmc.machine.is_on
    reply = call(controller, "DELETE", "nodes/m1")
    assert reply.status_code == 409
    assert "its BMC may be another machine's; set the node into maintenance mode" in reply.text


def test_a_deleted_node_leaves_no_machine_on(controller: RunningController) -> None:
    bmc = cleaned(controller)
    assert call(controller, "DELETE", "nodes/m1").status_code == 204
    assert bmc.machine.boots == ["pxe", "off"]
    assert call(controller, "GET", "nodes/m1").status_code == 404


def test_a_machine_that_must_stay_on_is_reset_into_something_else(
    controller: RunningController,
) -> None:
    bmc = cleaned(controller, disable_power_off=True)
    assert call(controller, "DELETE", "nodes/m1").status_code == 204
    assert bmc.calls[-1] == "reset"


def test_a_machine_that_must_stay_on_and_is_off_is_left_alone(tmp_path: Path) -> None:
    with running_controller(tmp_path, fast_track=True) as controller:
        bmc = cleaned(controller, disable_power_off=True)
        bmc.machine.power_off()  # by somebody else, and nobody has looked since
        stay.end_stay(controller.services, "m1")
        assert "reset" not in bmc.calls
        assert not bmc.machine.is_on
        node = controller.node("m1")
        assert (node.power_state, node.agent_secret) == ("power off", None)


def test_a_deletion_in_maintenance_switches_off_if_the_bmc_answers(
    controller: RunningController,
) -> None:
    bmc = cleaned(controller)
    controller.maintain("m1", is_on=True)
    assert call(controller, "DELETE", "nodes/m1").status_code == 204
    assert bmc.machine.boots == ["pxe", "off"]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("is_reachable", "BMC 10.0.0.1: no answer within 1 s"), ("stays_on", "still on after 0.2 s")],
)
def test_a_deletion_without_a_power_off_is_refused_or_in_maintenance_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str, words: str
) -> None:
    monkeypatch.setattr(stay, "_LONGEST_S", 0.2)
    with running_controller(tmp_path, fast_track=True) as controller:
        _delete_with(controller, trouble, words)


def _delete_with(controller: RunningController, trouble: str, words: str) -> None:
    bmc = cleaned(controller)
    setattr(bmc, trouble, trouble == "stays_on")
    reply = call(controller, "DELETE", "nodes/m1")
    assert reply.status_code == 409
    for word in (words, "was not deleted", "set the node into maintenance mode to delete it"):
        assert word in reply.text
    assert controller.node("m1").agent_secret
    controller.maintain("m1", is_on=True)
    assert call(controller, "DELETE", "nodes/m1").status_code == 204
    assert bmc.machine.is_on
