"""Steps of a BMC driver: without the ramdisk, among those of the agent, and under names that they may not have."""

import pytest

from controller.errors import Invalid
from tests.integration.running_controller import IMAGE, RunningController
from tests.integration.steps_asked_for import Reset, step, wish


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


def test_a_bmc_driver_with_a_step_under_a_reserved_name_is_refused_by_its_name(
    controller: RunningController,
) -> None:
    controller.enrol("m1", "manageable")
    controller.driver.offered = (Reset().offer("reboot", clean=50),)
    with pytest.raises(Invalid, match=r"offers the steps bios\.reboot: these names are reserved"):
        controller.ask("m1", "clean", clean_steps=[wish("a")])
