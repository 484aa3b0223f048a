"""Manual cleaning: what was asked for in that order, reserved steps, hold, steps of a BMC, and what is refused before."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.bmc.interface import BmcStep, BmcStepLook, StepArgument
from controller.errors import Conflict, Invalid
from tests.integration.agent_double import Machine
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.waiting import wait_until


def step(name: str, priority: int = 0, **changes: object) -> dict[str, object]:
    plain = {"interface": "deploy", "reboot_requested": False, "abortable": True}
    return {"step": name, "priority": priority, **plain, **changes}


def wish(name: str, interface: str = "deploy", **changes: object) -> dict[str, object]:
    return {"interface": interface, "step": name, **changes}


def orders(machine: Machine) -> list[str]:
    return [name for name, _params in machine.orders]


def held(controller: RunningController, name: str, state: str) -> None:
    wait_until(
        lambda: (
            controller.node(name).provision_state == state
            and controller.node(name).claim_owner is None
        ),
        20,
        state,
    )


class Reset:
    """Steps of a BMC: one that ends at its third look, and one that fails."""

    def __init__(self) -> None:
        self.args: list[Mapping[str, Any]] = []

    def begin(self, _bmc: Any, args: Mapping[str, Any], _timeout_s: float) -> BmcStepLook:
        self.args.append(args)
        return BmcStepLook(state={"looks": 0})

    def look(self, _bmc: Any, state: Mapping[str, Any], _timeout_s: float) -> BmcStepLook:
        looks = state["looks"] + 1
        return BmcStepLook(state={"looks": looks} if looks < 3 else None, message=f"look {looks}")

    def offer(self, name: str = "reset", **priorities: int) -> BmcStep:
        return BmcStep(
            name=name,
            interface="bios",
            priorities=priorities,
            begin=self.begin,
            look=self.look,
            arguments={"profile": StepArgument(description="Which settings.", required=True)}
            if name == "reset"
            else {},
        )


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
        ("m1", {"clean_steps": [wish("hold")], "runbook": "r"}, Invalid, "runbook does not go"),
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


def test_a_bmcs_steps_need_no_ramdisk_and_run_among_the_agents_by_priority(
    controller: RunningController,
) -> None:
    bmc, reset = controller.enrol("m1", "manageable"), Reset()
    controller.driver.offered = (reset.offer(clean=0), reset.offer("tidy", clean=50))
    controller.ask("m1", "clean", clean_steps=[wish("reset", "bios", args={"profile": "a"})])
    controller.wait_for("m1", "manageable")
    assert (bmc.machine.boots, reset.args) == ([], [{"profile": "a"}])
    with pytest.raises(Invalid, match=r"bios\.reset lacks the argument profile; it takes: prof"):
        controller.ask("m1", "clean", clean_steps=[wish("reset", "bios")])

    bmc.machine.behaviour.steps = {"clean": [step("first", 60), step("last", 40)]}
    controller.ask("m1", "provide")
    controller.wait_for("m1", "available")
    messages = [event.message for event in controller.events("m1", "step")]
    begun = [text.split()[2] for text in messages if text.endswith(" begins")]
    assert begun == ["reset", "first", "tidy", "last"]


def test_deploy_steps_of_a_bmc_run_before_and_after_the_agent(
    controller: RunningController,
) -> None:
    bmc, reset = controller.enrol("m1", "available", instance_info=IMAGE), Reset()
    controller.driver.offered = (reset.offer("early", deploy=150), reset.offer("late", deploy=30))
    waits = [wish("wait", "deploy", args={"seconds": 0.01}, priority=70)]
    controller.ask("m1", "active", deploy_steps=waits)
    controller.wait_for("m1", "active")
    messages = [event.message for event in controller.events("m1", "step")]
    begun = [text.split()[2] for text in messages if text.endswith(" begins")]
    assert begun == [
        "early",
        "deploy",
        "write_image",
        "wait",
        "prepare_instance_boot",
        "tear_down_agent",
        "late",
        "boot_instance",
    ]
    assert bmc.machine.boots == ["pxe", "off", "disk"]


def test_a_cleaning_without_the_ramdisk_ends_the_ramdisk_of_one_that_failed(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    controller.driver.offered = (Reset().offer("tidy", clean=0),)
    bmc.machine.behaviour.failures["erase_devices"] = "a bad sector"
    controller.ask("m1", "clean", clean_steps=[wish("erase_devices")])
    controller.wait_for("m1", "clean failed")
    assert bmc.machine.is_on
    controller.maintain("m1", is_on=False)
    controller.ask("m1", "manage")
    controller.wait_for("m1", "manageable")
    controller.ask("m1", "clean", clean_steps=[wish("tidy", "bios")])
    node = controller.wait_for("m1", "manageable")
    assert bmc.machine.boots == ["pxe", "off"]
    assert "boot_target" not in node.driver_internal_info


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


@pytest.mark.parametrize("is_abortable", [True, False])
def test_a_step_that_can_be_stopped_is_stopped_before_the_machine_is_switched_off(
    controller: RunningController, is_abortable: bool
) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.steps = {"clean": [step("wipe", 50, abortable=is_abortable)]}
    bmc.machine.behaviour.seconds["wipe"] = 60.0
    bmc.machine.behaviour.stoppable = {"wipe"}
    controller.ask("m1", "provide")
    wait_until(lambda: bool(controller.node("m1").progress), 20, "the step")
    for command in bmc.machine.agent.commands:
        command["seconds"] = 0.2  # what is left of it
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "clean failed")
    assert "Aborted by request: clean step wipe was stopped in the middle after " in str(
        node.last_error
    )
    assert str(node.last_error).endswith("stopped after 3 of 20 blocks")
    assert (node.maintenance, bmc.machine.is_on) == (False, False)
    requests = [event.message for event in controller.events("m1", "request")]
    assert requests[-1] == "abort was asked for; the agent is told to stop clean step wipe"
    told = [event.message for event in controller.events("m1", "step")]
    assert "the agent was told to stop clean step wipe" in told


def test_a_step_that_fails_by_itself_after_it_was_told_to_stop_is_a_failure(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    behaviour = bmc.machine.behaviour
    behaviour.steps = {"clean": [step("wipe", 50)]}
    behaviour.seconds["wipe"], behaviour.stoppable = 60.0, {"wipe"}
    behaviour.failures["wipe"] = "the disk died"
    controller.ask("m1", "provide")
    wait_until(lambda: bool(controller.node("m1").progress), 20, "the step")
    for command in bmc.machine.agent.commands:
        command["seconds"] = 0.2  # what is left of it
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "clean failed")
    assert "wipe failed on the agent: the disk died" in str(node.last_error)
    assert node.fault == "clean failure"


def test_a_stop_that_a_controller_died_before_it_could_note_is_an_abort(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    behaviour = bmc.machine.behaviour
    behaviour.steps = {"clean": [step("wipe", 50)]}
    behaviour.seconds["wipe"], behaviour.stoppable = 60.0, {"wipe"}
    controller.ask("m1", "provide")
    wait_until(lambda: bool(controller.node("m1").progress), 20, "the step")
    controller.engine.stop(timeout_s=5)
    wait_until(lambda: controller.node("m1").claim_owner is None, 5, "the end of the claim")
    controller.ask("m1", "abort")
    (command,) = [one for one in bmc.machine.agent.commands if one["name"] == "wipe"]
    command["seconds"], command["is_stopped"] = 0.2, True  # the dead controller had told it
    wait_until(lambda: command["command_status"] == "FAILED", 20, "the end of the step")
    controller.engine.start(controller.services)
    node = controller.wait_for("m1", "clean failed")
    assert "clean step wipe was stopped in the middle" in str(node.last_error)
    assert node.fault is None


def test_an_abortable_step_that_does_not_stop_in_time_is_cut_off(tmp_path: Path) -> None:
    with running_controller(tmp_path, step_stop_timeout_s=0.3) as controller:
        bmc = controller.enrol("m1", "manageable")
        behaviour = bmc.machine.behaviour
        behaviour.steps = {"clean": [step("wipe", 50)]}
        behaviour.seconds["wipe"], behaviour.stoppable = 60.0, {"wipe"}
        behaviour.ignores_stop = True
        controller.ask("m1", "provide")
        wait_until(lambda: bool(controller.node("m1").progress), 20, "the step")
        controller.ask("m1", "abort")
        node = controller.wait_for("m1", "clean failed")
        assert "still runs after 0 s (setting step_stop_timeout_s): the machine is sw" in str(
            node.last_error
        )
        assert not bmc.machine.is_on


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


def test_a_bmc_driver_with_a_step_under_a_reserved_name_is_refused_by_its_name(
    controller: RunningController,
) -> None:
    controller.enrol("m1", "manageable")
    controller.driver.offered = (Reset().offer("reboot", clean=50),)
    with pytest.raises(Invalid, match=r"offers the steps bios\.reboot: these names are reserved"):
        controller.ask("m1", "clean", clean_steps=[wish("a")])
