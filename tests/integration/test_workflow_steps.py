"""Manual cleaning: what was asked for in that order, reserved steps, hold, and what is refused before."""

from pathlib import Path
from typing import Any

import pytest

from controller.errors import Conflict, Invalid
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.steps_asked_for import held, orders, step, wish
from tests.integration.waiting import wait_until


def test_a_manual_cleaning_takes_exactly_what_was_asked_for_and_leads_back(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    takes = {"x": {"description": "A number.", "required": True}}
    offered = [step("erase_devices", 99), step("burn"), step("tune", argsinfo=takes)]
    bmc.machine.behaviour.steps = {"clean": offered}
    wishes = [wish("tune", args={"x": 1}), wish("burn"), wish("tune", args={"x": 2})]
    controller.ask("m1", "clean", clean_steps=wishes)
    assert controller.node("m1").target_provision_state == "manageable"
    node = controller.wait_for("m1", "manageable")
    assert orders(bmc.machine) == ["get_clean_steps", "tune", "burn", "tune"]
    assert [one["step"]["args"] for one in bmc.machine.ordered("tune")] == [{"x": 1}, {"x": 2}]
    assert bmc.machine.boots == ["pxe", "off"]
    assert (node.last_error, node.clean_step, node.target_provision_state) == (None, {}, None)
    assert set(node.driver_internal_info["agent_cached_clean_steps"]) == {"deploy"}

    with pytest.raises(Invalid, match=r"deploy\.tune has no argument y; it takes: x \(required"):
        controller.ask("m1", "clean", clean_steps=[wish("tune", args={"x": 1, "y": 2})])
    assert controller.node("m1").provision_state == "manageable"


def test_a_step_that_the_agent_does_not_have_fails_with_those_that_it_has(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    controller.ask("m1", "clean", clean_steps=[wish("polish")])
    node = controller.wait_for("m1", "clean failed")
    assert "deploy.polish is offered by nobody; offered are: deploy.erase_devices, " in str(
        node.last_error
    )
    assert node.target_provision_state == "manageable"
    assert (node.maintenance, orders(bmc.machine)[0]) == (False, "get_clean_steps")


def test_impossible_requests_leave_the_node_as_it_is(controller: RunningController) -> None:
    controller.enrol("m1", "manageable", disable_power_off=True)
    controller.enrol("m2", "manageable", maintenance=True, maintenance_reason="dust")
    refused: list[tuple[str, dict[str, Any], type[Exception], str]] = [
        ("m1", {}, Invalid, '"clean_steps" is required'),
        ("m1", {"clean_steps": []}, Invalid, '"clean_steps" is required'),
        ("m1", {"clean_steps": [wish("send_raw", "vendor")]}, Invalid, "disallow_clean_steps"),
        ("m1", {"clean_steps": [wish("power_off", "power")]}, Conflict, "disable_power_off"),
        (
            "m1",
            {"clean_steps": [wish("erase_devices")], "disable_ramdisk": True},
            Invalid,
            "deploy.erase_devices is offered by nobody; offered are: none",
        ),
        ("m1", {"clean_steps": [wish("hold")], "runbook": "r"}, Invalid, "or a runbook, not both"),
        ("m2", {"clean_steps": [wish("hold")]}, Invalid, "in maintenance .dust."),
    ]
    for name, arguments, error, words in refused:
        with pytest.raises(error, match=words):
            controller.ask(name, "clean", **arguments)
        assert controller.node(name).provision_state == "manageable"


def test_hold_waits_for_unhold_with_the_ramdisk_up_and_can_be_aborted(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    wishes = [wish("hold"), wish("erase_devices"), wish("hold")]
    controller.ask("m1", "clean", clean_steps=wishes)
    held(controller, "m1", "clean hold")
    assert bmc.machine.is_on
    assert controller.node("m1").clean_step["step"] == "hold"
    assert bmc.machine.agent.heartbeat().status_code == 202
    controller.ask("m1", "unhold")
    wait_until(lambda: "erase_devices" in orders(bmc.machine), 20, "the step after the hold")
    held(controller, "m1", "clean hold")
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "clean failed")
    assert (node.last_error, node.maintenance) == ("Aborted by request", False)
    assert not bmc.machine.is_on


def test_reserved_steps_switch_the_machine_and_the_ramdisk_comes_back(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    names = ["reboot", "erase_devices", "power_off", "erase_devices_metadata", "power_off"]
    wishes = [wish(name) for name in names]
    wishes[3:3] = [wish("wait", args={"seconds": 0.1})]
    controller.ask("m1", "clean", clean_steps=wishes)
    controller.wait_for("m1", "manageable")
    assert bmc.machine.boots == ["pxe", "off", "pxe", "off", "pxe", "off"]
    assert orders(bmc.machine) == ["get_clean_steps", "erase_devices", "erase_devices_metadata"]
    messages = [event.message for event in controller.events("m1", "step")]
    assert any(text.startswith("clean step wait ended after 0.") for text in messages)
    assert "clean step erase_devices_metadata needs the ramdisk, which has ended" in str(messages)


def test_without_the_ramdisk_reserved_steps_only_switch_the_power(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    wishes = [wish("power_on"), wish("reboot"), wish("wait", args={"seconds": 0.05})]
    controller.ask("m1", "clean", clean_steps=wishes, disable_ramdisk=True)
    controller.wait_for("m1", "manageable")
    assert bmc.machine.boots == ["disk", "off", "disk"]
    assert not bmc.machine.orders


def test_a_wait_without_seconds_ends_at_the_agents_next_heartbeat(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    with pytest.raises(Invalid, match="0 to 3600 are possible"):
        controller.ask("m1", "clean", clean_steps=[wish("wait", args={"seconds": 1e9})])
    controller.ask("m1", "clean", clean_steps=[wish("wait")])
    wait_until(
        lambda: controller.node("m1").stage == "clean.step.watch", 20, "the wait for a heartbeat"
    )

    def beats() -> bool:
        return (
            bmc.machine.agent.heartbeat().status_code == 202
            and controller.node("m1").provision_state == "manageable"
        )

    wait_until(lambda: not bmc.machine.is_on or beats(), 20, "the end of the wait")
    controller.wait_for("m1", "manageable")


@pytest.mark.parametrize(
    ("steps", "boots"),
    [
        ([("flash", 50)], ["pxe", "off", "pxe", "off", "disk"]),
        ([("reboot", 50)], ["pxe", "off", "pxe", "off", "disk"]),
        ([("power_off", 55), ("burn", 50)], ["pxe", "off", "pxe", "off", "disk"]),
        ([("power_off", 70)], ["pxe", "off", "pxe", "off", "disk"]),
        ([("power_off", 50)], ["pxe", "off", "disk"]),
    ],
    ids=lambda value: "-".join(map(str, value[0])) if isinstance(value[0], tuple) else "",
)
def test_a_deployment_ends_on_the_disk_whatever_its_steps_do_to_the_power(
    controller: RunningController, steps: list[tuple[str, int]], boots: list[str]
) -> None:
    bmc = controller.enrol("m1", "available", instance_info=IMAGE)
    offered = [step("flash", reboot_requested=True), step("burn")]
    bmc.machine.behaviour.steps = {"deploy": offered}
    wishes = [wish(name, args={}, priority=priority) for name, priority in steps]
    controller.ask("m1", "active", deploy_steps=wishes)
    node = controller.wait_for("m1", "active")
    assert bmc.machine.boots == boots
    assert node.driver_internal_info["boot_target"] == "disk"


def test_deleted_behind_a_deploy_step_begins_an_automated_cleaning(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "available", instance_info=IMAGE)
    offered = {"deploy": [step("burn", abortable=False)], "clean": [step("wipe", 50)]}
    bmc.machine.behaviour.steps = offered
    bmc.machine.behaviour.seconds["burn"] = 1.0
    controller.ask("m1", "active", deploy_steps=[wish("burn", args={}, priority=90)])
    wait_until(lambda: bool(controller.node("m1").progress), 20, "the step")
    controller.ask("m1", "deleted")
    controller.wait_for("m1", "available")
    assert orders(bmc.machine) == ["get_deploy_steps", "burn", "get_clean_steps", "wipe"]


def test_priorities_and_disallowed_steps_are_the_operators(tmp_path: Path) -> None:
    changes = {
        "clean_step_priority_override": "deploy.burn:5",
        "disallow_clean_steps": "deploy.erase_devices_metadata",
    }
    with running_controller(tmp_path, **changes) as controller:
        bmc = controller.enrol("m1", "manageable")
        offered = [step("erase_devices_metadata", 99), step("burn", 0), step("other", 7)]
        bmc.machine.behaviour.steps = {"clean": offered}
        controller.ask("m1", "provide")
        controller.wait_for("m1", "available")
        assert orders(bmc.machine) == ["get_clean_steps", "other", "burn"]
        planned = next(e.message for e in controller.events("m1", "step"))
        assert planned == (
            "clean steps planned: other (7), burn (5); left out by disallow_clean_steps: "
            "deploy.erase_devices_metadata"
        )


def test_changed_hardware_managers_in_a_manual_cleaning_repeat_nothing(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.steps = {"clean": [step("flash", reboot_requested=True), step("burn")]}
    bmc.machine.behaviour.versions = ["1", "1", "2"]
    controller.ask("m1", "clean", clean_steps=[wish("flash"), wish("burn")])
    controller.wait_for("m1", "manageable")
    assert orders(bmc.machine).count("flash") == 1
    assert orders(bmc.machine).count("get_clean_steps") == 2


def test_a_retired_node_is_cleaned_and_stays_with_its_operator(
    controller: RunningController,
) -> None:
    controller.enrol("m1", "active", instance_info=IMAGE, retired=True)
    controller.ask("m1", "deleted")
    controller.wait_for("m1", "manageable")


def test_a_foreign_agents_step_under_a_reserved_name_is_left_out_and_told(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.steps = {"clean": [step("hold", 50), step("wait", 40), step("a", 9)]}
    controller.ask("m1", "provide")
    controller.wait_for("m1", "available")
    assert orders(bmc.machine) == ["get_clean_steps", "a"]
    (told,) = [one for one in controller.events("m1", "step") if one.severity == "WARNING"]
    assert (
        "clean steps deploy.hold, deploy.wait are left out: their names are reserved"
        in told.message
    )
