"""Service of a machine in use, its end in the middle, and adoption."""

from pathlib import Path

import pytest

from controller.errors import BmcError, Conflict, Invalid, InvalidStateRequested
from tests.integration.running_controller import (
    IMAGE,
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.steps_asked_for import Reset, held, in_use, orders, step, wish
from tests.integration.waiting import wait_until


def refuse(*_args: object, **_keywords: object) -> None:
    raise BmcError("BMC 10.0.0.1: it refused; look at its log")


def test_a_service_boots_the_ramdisk_runs_its_steps_and_brings_the_system_back(
    controller: RunningController,
) -> None:
    bmc = in_use(controller)
    controller.ask("m1", "service", service_steps=[wish("burn"), wish("flash")])
    assert controller.node("m1").target_provision_state == "active"
    node = controller.wait_for("m1", "active")
    assert orders(bmc.machine) == ["get_service_steps", "burn", "flash"]
    assert bmc.machine.boots == ["disk", "off", "pxe", "off", "disk"]
    assert bmc.machine.ordered("burn")[0]["service_version"] == {"generic_hardware_manager": "1"}
    assert (node.service_step, node.last_error, node.agent_secret) == ({}, None, None)
    assert node.driver_internal_info["boot_target"] == "disk"
    assert node.instance_info == IMAGE


def test_a_bmcs_service_step_leaves_the_running_system_alone(
    controller: RunningController,
) -> None:
    bmc, reset = in_use(controller), Reset()
    controller.driver.offered = (reset.offer("tune", service=0), reset.offer("other", clean=0))
    controller.ask("m1", "service", service_steps=[wish("tune", "bios")])
    controller.wait_for("m1", "active")
    assert (bmc.machine.boots, len(reset.args)) == (["disk"], 1)
    with pytest.raises(Invalid, match=r"service step bios\.other is offered by nobody; offered ar"):
        controller.ask("m1", "service", service_steps=[wish("other", "bios")], disable_ramdisk=True)


def test_a_failed_service_step_says_so_and_abort_brings_the_system_back(
    controller: RunningController,
) -> None:
    bmc = in_use(controller)
    bmc.machine.behaviour.failures["flash"] = "wrong vendor"
    controller.ask("m1", "service", service_steps=[wish("flash")])
    node = controller.wait_for("m1", "service failed")
    assert "service failed: flash failed on the agent: wrong vendor" in str(node.last_error)
    assert (node.maintenance, node.fault) == (True, "service failure")
    with pytest.raises(Conflict, match="end the maintenance before the service is aborted"):
        controller.ask("m1", "abort")
    controller.maintain("m1", is_on=False)
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "active")
    assert (node.last_error, bmc.machine.boots[-2:]) == ("Aborted by request", ["off", "disk"])


@pytest.mark.parametrize("is_held", [True, False])
def test_an_aborted_service_ends_active_with_the_machines_own_system(
    controller: RunningController, is_held: bool
) -> None:
    bmc = in_use(controller)
    bmc.machine.behaviour.seconds["flash"] = 120.0
    controller.ask("m1", "service", service_steps=[wish("hold" if is_held else "flash")])
    if is_held:
        held(controller, "m1", "service hold")
    else:
        wait_until(lambda: bool(controller.node("m1").progress), 20, "the step")
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "active")
    assert (node.last_error, node.service_step) == ("Aborted by request", {})
    assert bmc.machine.boots == ["disk", "off", "pxe", "off", "disk"]
    seen = [one.message for one in controller.events("m1") if one.kind in {"state", "power"}]
    assert seen[-2:] == ["power: power off -> power on", "service failed -> active"]


def test_an_abort_that_fails_on_the_way_back_can_be_asked_for_again(
    controller: RunningController, monkeypatch: pytest.MonkeyPatch
) -> None:
    bmc = in_use(controller)
    controller.ask("m1", "service", service_steps=[wish("hold")])
    held(controller, "m1", "service hold")
    for broken in ("set_boot_device", "power_on"):  # before and after the boot device is the disk
        with monkeypatch.context() as patch:
            patch.setattr(bmc, broken, refuse)
            controller.ask("m1", "abort")
            node = controller.wait_for("m1", "service failed")
        assert "Aborted by request; return to the machine's own system after an aborted" in str(
            node.last_error
        )
        assert not bmc.machine.is_on
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "active")
    assert (node.last_error, bmc.machine.boots[-2:]) == ("Aborted by request", ["off", "disk"])
    assert "system_is_down" not in node.driver_internal_info


@pytest.mark.parametrize("verb", ["abort", "service"])
def test_a_service_that_failed_with_the_machine_off_does_not_leave_it_off(
    controller: RunningController, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    bmc = in_use(controller)
    controller.driver.offered = (Reset().offer("tune", service=0),)
    with monkeypatch.context() as patch:
        patch.setattr(bmc, "set_boot_device", refuse)
        controller.ask("m1", "service", service_steps=[wish("flash")])
        controller.wait_for("m1", "service failed")
    assert bmc.machine.boots == ["disk", "off"]
    steps = {"service_steps": [wish("tune", "bios")]} if verb == "service" else {}
    controller.ask("m1", verb, **steps)
    node = controller.wait_for("m1", "active")
    assert bmc.machine.boots == ["disk", "off", "disk"]
    assert "system_is_down" not in node.driver_internal_info


def test_a_service_without_the_ramdisk_ends_the_ramdisk_of_one_that_failed(
    controller: RunningController,
) -> None:
    bmc = in_use(controller)
    controller.driver.offered = (Reset().offer("tune", service=0),)
    bmc.machine.behaviour.failures["flash"] = "wrong vendor"
    controller.ask("m1", "service", service_steps=[wish("flash")])
    controller.wait_for("m1", "service failed")
    controller.maintain("m1", is_on=False)
    controller.ask("m1", "service", service_steps=[wish("tune", "bios")])
    node = controller.wait_for("m1", "active")
    assert bmc.machine.boots == ["disk", "off", "pxe", "off", "disk"]
    assert node.driver_internal_info["boot_target"] == "disk"


def test_deleted_behind_a_service_step_begins_an_automated_cleaning(
    controller: RunningController,
) -> None:
    bmc = in_use(controller)
    bmc.machine.behaviour.seconds["burn"] = 1.0
    bmc.machine.behaviour.steps["clean"] = [step("wipe", 50)]
    controller.ask("m1", "service", service_steps=[wish("burn"), wish("flash")])
    wait_until(lambda: bool(controller.node("m1").progress), 20, "the step")
    controller.ask("m1", "deleted")
    assert controller.node("m1").service_step["abort_after"] is True
    controller.wait_for("m1", "available")
    assert orders(bmc.machine) == ["get_service_steps", "burn", "get_clean_steps", "wipe"]


def test_a_service_that_is_held_goes_on_or_begins_anew(controller: RunningController) -> None:
    bmc = in_use(controller)
    controller.ask("m1", "service", service_steps=[wish("hold"), wish("flash")])
    held(controller, "m1", "service hold")
    controller.ask("m1", "unhold")
    controller.wait_for("m1", "active")
    assert orders(bmc.machine) == ["get_service_steps", "flash"]


def test_abort_waits_for_a_service_step_that_must_not_be_interrupted(
    controller: RunningController,
) -> None:
    bmc = in_use(controller)
    bmc.machine.behaviour.seconds["burn"] = 1.0
    controller.ask("m1", "service", service_steps=[wish("burn"), wish("flash")])
    wait_until(lambda: bool(controller.node("m1").progress), 20, "the step")
    controller.ask("m1", "abort")
    assert controller.node("m1").service_step["abort_after"] is True
    controller.wait_for("m1", "active")
    assert orders(bmc.machine) == ["get_service_steps", "burn"]


def test_a_deleted_instance_ends_its_service(controller: RunningController) -> None:
    bmc = in_use(controller)
    bmc.machine.behaviour.seconds["flash"] = 120.0
    controller.ask("m1", "service", service_steps=[wish("flash")])
    wait_until(lambda: bool(controller.node("m1").progress), 20, "the step")
    bmc.machine.behaviour.steps = {"clean": []}
    controller.ask("m1", "deleted")
    assert controller.wait_for("m1", "available").instance_info == {}


def test_the_death_of_the_controller_in_a_hold_loses_nothing(tmp_path: Path) -> None:
    with running_controller(tmp_path) as controller:
        bmc = in_use(controller)
        controller.ask("m1", "service", service_steps=[wish("hold"), wish("flash")])
        held(controller, "m1", "service hold")
        controller.engine.stop(timeout_s=5)
        again = type(controller.engine)()
        controller.engine = again
        object.__setattr__(controller.services, "wake", again.wake)
        again.start(controller.services)
        controller.ask("m1", "unhold")
        controller.wait_for("m1", "active")
        assert orders(bmc.machine) == ["get_service_steps", "flash"]


def test_adoption_takes_a_machine_as_it_is(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "manageable", instance_info=IMAGE)
    bmc.machine.power_on()
    bmc.calls.clear()
    controller.ask("m1", "adopt")
    node = controller.wait_for("m1", "active")
    assert set(bmc.calls) == {"power_state"}
    assert (node.power_state, bmc.machine.boots) == ("power on", ["disk"])
    assert node.driver_internal_info["boot_target"] == "disk"


def test_a_failed_adoption_says_why_and_is_tried_again(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.is_reachable = False
    controller.ask("m1", "adopt")
    node = controller.wait_for("m1", "adopt failed")
    assert "adoption failed: BMC 10.0.0.1: no answer" in str(node.last_error)
    with pytest.raises(InvalidStateRequested, match="possible there: adopt, manage"):
        controller.ask("m1", "provide")
    bmc.is_reachable = True
    controller.ask("m1", "adopt")
    assert controller.wait_for("m1", "active").last_error is None


def test_child_nodes_carry_out_a_step_of_their_parent(controller: RunningController) -> None:
    parent = in_use(controller, "host")
    uuid = controller.node("host").uuid
    cards = [controller.enrol(name, "active", parent_node=uuid) for name in ("dpu1", "dpu2")]
    reset = Reset()
    controller.driver.offered = (reset.offer("tune", service=0),)
    all_of_them = {"execute_on_child_nodes": True}
    one = [controller.node("dpu2").uuid]
    steps = [
        wish("power_on", "power", **all_of_them),
        wish("power_off", "power", **all_of_them, limit_child_node_execution=one),
        wish("tune", "bios", **all_of_them),
    ]
    controller.ask("host", "service", service_steps=steps)
    controller.wait_for("host", "active")
    assert [card.machine.is_on for card in cards] == [True, False]
    assert (len(reset.args), parent.machine.boots) == (2, ["disk"])
    told = [event.message for event in controller.events("dpu1", "request")]
    assert "service step tune was asked for by its parent node host" in told

    cards[1].is_reachable = False
    controller.ask("host", "service", service_steps=[wish("power_on", "power", **all_of_them)])
    node = controller.wait_for("host", "service failed")
    assert "power_on failed on child node dpu2: " in str(node.last_error)
    assert "no answer within 1 s" in str(node.last_error)


def test_a_step_for_a_node_that_is_no_child_fails_with_the_children(
    controller: RunningController,
) -> None:
    in_use(controller, "host")
    stranger = controller.enrol("other", "active")
    uuid = controller.node("other").uuid
    step_on = wish(
        "power_on", "power", execute_on_child_nodes=True, limit_child_node_execution=[uuid]
    )
    controller.ask("host", "service", service_steps=[step_on])
    node = controller.wait_for("host", "service failed")
    assert f"names {uuid}, which have not host as their parent_node; its child nodes are: none" in (
        str(node.last_error)
    )
    assert stranger.machine.boots == []


def host_with_cards(controller: RunningController) -> list[MachineBmc]:
    in_use(controller, "host")
    uuid = controller.node("host").uuid
    return [controller.enrol(name, "active", parent_node=uuid) for name in ("dpu1", "dpu2")]


@pytest.mark.parametrize("end", ["abort", "late"])
def test_the_steps_that_children_began_end_with_their_parents_workflow(
    tmp_path: Path, end: str
) -> None:
    limit_s = 5.0 if end == "late" else 300.0
    with running_controller(
        tmp_path, power_change_timeout_s=300.0, service_step_timeout_s=limit_s
    ) as controller:
        cards = host_with_cards(controller)
        cards[0].stays_off = cards[1].stays_off = True
        power_on = wish("power_on", "power", execute_on_child_nodes=True)
        controller.ask("host", "service", service_steps=[power_on])

        def begun() -> list[str]:
            return [n for n in ("dpu1", "dpu2") if controller.node(n).stage == "child.look"]

        wait_until(lambda: bool(begun()), 20, "a child's step")
        wait_until(lambda: any("power_on" in card.calls for card in cards), 20, "its order")
        if end == "abort":
            controller.ask("host", "abort")
            wait_until(lambda: controller.node("host").stage is None, 20, "the abort")
        else:
            controller.wait_for("host", "service failed")
        nodes = [controller.node(name) for name in ("dpu1", "dpu2")]
        assert [node.stage for node in nodes] == [None, None]
        told = [str(node.last_error) for node in nodes if node.last_error]
        assert len(told) == 1  # the other one had not begun, and does not
        assert "the step for the parent node host was ended before its end" in told[0]
        assert sorted("power_on" in card.calls for card in cards) == [False, True]


def test_a_step_is_refused_before_anything_happens_if_one_child_cannot_begin(
    controller: RunningController,
) -> None:
    cards = host_with_cards(controller)
    power_on = wish("power_on", "power", execute_on_child_nodes=True)
    controller.maintain("dpu2", is_on=True, reason="dust")
    with pytest.raises(Conflict, match=r"child node dpu2 is in maintenance \(dust\); mend that"):
        controller.ask("host", "service", service_steps=[power_on])
    assert controller.node("host").provision_state == "active"
    assert cards[0].machine.boots == []

    one = {"limit_child_node_execution": [controller.node("dpu1").uuid]}
    controller.ask("host", "service", service_steps=[{**power_on, **one}])
    controller.wait_for("host", "active")
    assert cards[0].machine.is_on

    controller.maintain("dpu2", is_on=False)
    steps = [wish("hold", "power"), wish("power_off", "power", execute_on_child_nodes=True)]
    controller.ask("host", "service", service_steps=steps)
    wait_until(lambda: controller.node("host").provision_state == "service hold", 20, "the hold")
    controller.maintain("dpu2", is_on=True)
    controller.ask("host", "unhold")
    node = controller.wait_for("host", "service failed")
    assert "power_off was not begun on child nodes: child node dpu2 is in" in str(node.last_error)
    assert cards[0].machine.is_on
