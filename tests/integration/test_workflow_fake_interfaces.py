"""Ironic's fake interfaces: a node without a machine, a ramdisk or an image takes every road at once."""

from pathlib import Path

from controller.workflow.verbs import validate
from tests.integration.running_controller import running_controller


def test_a_node_of_fake_interfaces_goes_all_the_way_without_a_machine(tmp_path: Path) -> None:
    interfaces = {"boot": "fake", "deploy": "fake", "inspect": "fake"}
    with running_controller(tmp_path) as controller:
        bmc = controller.enrol("m1", "enroll", interfaces=interfaces)
        answer = validate(controller.services, "m1")
        assert {answer[kind]["result"] for kind in ("boot", "deploy", "inspect", "power")} == {True}
        controller.ask("m1", "manage")
        controller.wait_for("m1", "manageable")
        controller.ask("m1", "inspect")
        node = controller.wait_for("m1", "manageable")
        assert node.inspection_finished_at is not None
        controller.ask("m1", "provide")
        controller.wait_for("m1", "available")
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
        controller.ask("m1", "rebuild")
        controller.wait_for("m1", "active")
        controller.ask("m1", "deleted")
        controller.wait_for("m1", "available")
        assert controller.node("m1").last_error is None
        assert "power_on" not in bmc.calls
        assert bmc.machine.boots == []


def test_inspection_alone_can_be_fake(tmp_path: Path) -> None:
    with running_controller(tmp_path) as controller:
        bmc = controller.enrol("m1", "manageable", interfaces={"boot": "fake", "inspect": "fake"})
        controller.ask("m1", "inspect")
        assert controller.wait_for("m1", "manageable").inspection_finished_at is not None
        controller.ask("m1", "provide")
        controller.wait_for("m1", "available")
        assert "pxe" in bmc.machine.boots
