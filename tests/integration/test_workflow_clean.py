from pathlib import Path

from controller.store.nodes import get_node
from tests.integration.running_controller import RunningController, running_controller
from tests.integration.steps_asked_for import orders, step
from tests.integration.waiting import wait_until


def test_steps_run_by_the_operators_priorities_then_the_agents(tmp_path: Path) -> None:
    with running_controller(tmp_path, erase_devices_priority=5) as controller:
        bmc = controller.enrol("m1", "manageable")
        offered = [step("erase_devices", 99), step("erase_devices_metadata", 99)]
        offered += [step("update_firmware", 7), step("burnin_cpu", 0)]
        bmc.machine.behaviour.steps = {"clean": offered}
        controller.ask("m1", "provide")
        controller.wait_for("m1", "available")
    assert orders(bmc.machine) == [
        "get_clean_steps",
        "erase_devices_metadata",
        "update_firmware",
        "erase_devices",
    ]


def test_cleaning_can_be_switched_off_for_a_node(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "manageable", automated_clean=False)
    controller.ask("m1", "provide")
    controller.wait_for("m1", "available")
    assert bmc.machine.boots == []


def test_a_step_that_asks_for_a_reboot_gets_one_before_the_next(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    offered = [step("update_bios", 20, reboot_requested=True), step("erase_devices_metadata", 1)]
    bmc.machine.behaviour.steps = {"clean": offered}
    controller.ask("m1", "provide")
    controller.wait_for("m1", "available")
    assert bmc.machine.boots == ["pxe", "off", "pxe", "off"]
    names = [name for name, _params in bmc.machine.orders]
    assert names == ["get_clean_steps", "update_bios", "erase_devices_metadata"]


def test_changed_hardware_managers_are_planned_for_again(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "manageable")
    offered = [step("update_bios", 20, reboot_requested=True), step("erase_devices_metadata", 1)]
    bmc.machine.behaviour.steps = {"clean": offered}
    bmc.machine.behaviour.versions = ["1", "1", "2"]  # the version after the first reboot
    controller.ask("m1", "provide")
    controller.wait_for("m1", "available")
    names = [name for name, _params in bmc.machine.orders]
    assert names.count("get_clean_steps") == 2
    assert names[-1] == "erase_devices_metadata"


def test_a_failed_step_puts_the_node_into_maintenance_and_it_recovers(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.failures["erase_devices_metadata"] = "/dev/sda: write error"
    controller.ask("m1", "provide")
    node = controller.wait_for("m1", "clean failed")
    assert "erase_devices_metadata failed on the agent: /dev/sda: write error" in str(
        node.last_error
    )
    assert (node.maintenance, node.fault, node.clean_step) == (True, "clean failure", {})

    bmc.machine.behaviour.failures.clear()
    controller.maintain("m1", is_on=False)
    controller.ask("m1", "manage")
    controller.wait_for("m1", "manageable")
    controller.ask("m1", "provide")
    assert controller.wait_for("m1", "available").last_error is None


def test_a_failure_before_any_step_does_not_put_the_node_into_maintenance(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.is_reachable = False
    controller.ask("m1", "provide")
    node = controller.wait_for("m1", "clean failed")
    assert (node.maintenance, node.fault) == (False, None)


def test_wrong_credentials_leave_the_node_enrolled_with_the_reason(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "enroll")
    bmc.is_reachable = False
    controller.ask("m1", "manage")
    wait_until(lambda: controller.node("m1").last_error is not None, 5, "the failure")
    node = controller.wait_for("m1", "enroll")
    assert "verification failed: BMC 10.0.0.1: no answer" in str(node.last_error)


def test_a_cleaning_that_an_older_controller_began_goes_on_at_its_step(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    offered = [step("flash", 50), step("erase_devices_metadata", 10)]
    bmc.machine.behaviour.steps = {"clean": offered}
    bmc.machine.behaviour.seconds["flash"] = 3.0
    controller.ask("m1", "provide")
    wait_until(lambda: controller.node("m1").stage == "clean.step.watch", 20, "the step")
    with controller.store.edit() as session:
        work = get_node(session, "m1", for_update=True).work
        assert work is not None
        course = work.data["course"]
        old = {"steps": offered, "index": 0, "version": course["version"], "plans": 1}
        work.data = {**old, "step_started_at": course["begun_at"], "order": work.data["order"]}
    controller.wait_for("m1", "available")
    names = [name for name, _params in bmc.machine.orders]
    assert names == ["get_clean_steps", "flash", "erase_devices_metadata"]
