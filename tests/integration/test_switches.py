"""A node's ports on a switch through a machine's life: which network at which moment, and what failures leave."""

import threading
from pathlib import Path

from tests.integration.running_controller import IMAGE
from tests.integration.steps_asked_for import step, wish
from tests.integration.switch_site import (
    BLUE,
    CLEANING,
    IDLE,
    PROVISIONING,
    RESCUING,
    SERVICING,
    Site,
    change_port,
    enrol,
    link,
    ports,
    site,
    switching,
)

__all__ = ["site"]


def watch(site: Site, name: str) -> list[tuple[str, str | None]]:
    """Note at each change of the machine's power what its port is set to."""
    controller, switch = site
    seen: list[tuple[str, str | None]] = []
    machine = controller.driver.bmcs[name].machine

    def note(what: str) -> None:
        if not what.startswith("order "):
            seen.append((what, switch.ports().get(name)))

    machine.on_change = note
    return seen


def test_a_machine_boots_in_the_network_of_each_moment(site: Site) -> None:
    controller, switch = site
    enrol(controller, "m1", "manageable", instance_info=IMAGE)
    seen = watch(site, "m1")
    controller.ask("m1", "provide")
    controller.wait_for("m1", "available")
    assert seen == [("on pxe", CLEANING), ("off", CLEANING)]
    assert switch.ports() == {"m1": IDLE, "m1-data": IDLE}
    seen.clear()
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert seen == [("on pxe", PROVISIONING), ("off", PROVISIONING), ("on disk", BLUE)]
    assert switch.ports() == {"m1": BLUE, "m1-data": IDLE}
    first, second = ports(controller, "m1")
    assert first.internal_info["switch_attachment"] == {
        "switch": "tor-1",
        "port": "m1",
        "network": "VIF blue",
        "switchport": BLUE,
    }
    assert "switch_attachment" not in second.internal_info
    told = [event.message for event in controller.events("m1", "network")]
    assert told[-1] == (
        f"port m1 of switch tor-1 (the node's port {first.address}) was set to VIF blue: {BLUE}"
    )
    seen.clear()
    controller.ask("m1", "deleted")
    controller.wait_for("m1", "available")
    assert seen == [("off", BLUE), ("on pxe", CLEANING), ("off", CLEANING)]
    assert switch.ports() == {"m1": IDLE, "m1-data": IDLE}


def test_a_rescued_and_a_serviced_machine_come_back_into_their_network(site: Site) -> None:
    controller, switch = site
    machine = enrol(controller, "m1", "active", instance_info=IMAGE).machine
    machine.power_on()
    machine.behaviour.steps = {"service": [step("burn")]}
    seen = watch(site, "m1")
    controller.ask("m1", "rescue", rescue_password="geheim geheim")
    controller.wait_for("m1", "rescue")
    assert seen[-1] == ("on pxe", RESCUING)
    controller.ask("m1", "unrescue")
    controller.wait_for("m1", "active")
    assert seen[-1] == ("on disk", BLUE)
    controller.ask("m1", "service", service_steps=[wish("burn")])
    controller.wait_for("m1", "active")
    assert ("on pxe", SERVICING) in seen
    assert seen[-1] == ("on disk", BLUE)
    assert switch.ports()["m1"] == BLUE


def test_a_switch_that_refuses_fails_the_node_with_its_words(site: Site) -> None:
    controller, switch = site
    bmc = enrol(controller, "m1", "available", instance_info=IMAGE)
    switch.order(fail={"m1": "% VLAN 20 does not exist"})
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "deploy failed")
    assert f"port m1 of switch tor-1 (the node's port {ports(controller, 'm1')[0].address})" in str(
        node.last_error
    )
    assert "cannot be set to provisioning (access/native_vlan=20)" in str(node.last_error)
    assert "% VLAN 20 does not exist; look at the switch, then try again" in str(node.last_error)
    assert bmc.machine.boots == []
    switch.order()
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert switch.ports()["m1"] == BLUE


def test_a_switch_that_lies_is_found_out(site: Site) -> None:
    controller, switch = site
    enrol(controller, "m1", "available", instance_info=IMAGE)
    switch.order(ignore=["m1"])
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "deploy failed")
    assert "the switch took the change and says no VLAN afterwards" in str(node.last_error)


def test_after_a_failure_in_the_middle_the_machine_is_in_no_network(site: Site) -> None:
    controller, switch = site
    bmc = enrol(controller, "m1", "available", instance_info=IMAGE)
    bmc.machine.behaviour.failures["write_image"] = "no space"
    controller.ask("m1", "active")
    controller.wait_for("m1", "deploy failed")
    assert PROVISIONING in [line.rpartition(" ")[2] for line in switch.changes()]
    assert switch.ports()["m1"] == IDLE
    assert bmc.machine.boots[-1] == "off"


def test_a_port_that_has_been_moved_is_taken_out_where_it_was(site: Site) -> None:
    controller, switch = site
    enrol(controller, "m1", "available", instance_info=IMAGE)
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    change_port(controller, "m1", local_link_connection=link("elsewhere"))
    controller.ask("m1", "rebuild")
    controller.wait_for("m1", "active")
    assert switch.ports() == {"m1": IDLE, "m1-data": IDLE, "elsewhere": BLUE}


def test_fast_track_does_not_keep_a_machine_that_has_to_move(tmp_path: Path) -> None:
    with switching(tmp_path, fast_track=True) as (controller, switch):
        bmc = enrol(controller, "m1", "manageable", instance_info=IMAGE)
        controller.ask("m1", "provide")
        controller.wait_for("m1", "available")
        assert switch.ports()["m1"] == CLEANING
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
        assert bmc.machine.boots == ["pxe", "off", "pxe", "off", "disk"]
        told = [e.message for e in controller.events("m1") if "fast track" in e.message]
        assert "its ports have to be moved to the provisioning network" in told[-1]


def test_fast_track_takes_the_agent_where_both_networks_are_one(tmp_path: Path) -> None:
    with switching(tmp_path, fast_track=True, provisioning_network=CLEANING) as site:
        controller, switch = site
        bmc = enrol(controller, "m1", "manageable", instance_info=IMAGE)
        seen = watch(site, "m1")
        controller.ask("m1", "provide")
        controller.wait_for("m1", "available")
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
        assert bmc.machine.boots == ["pxe", "off", "disk"]
        assert seen == [("on pxe", CLEANING), ("off", CLEANING), ("on disk", BLUE)]
        assert switch.ports()["m1"] == BLUE


def test_a_slow_switch_holds_up_only_those_who_are_plugged_into_it(site: Site) -> None:
    controller, switch = site
    for number in range(6):
        name = f"slow-{number}"
        enrol(controller, name, "available", instance_info=IMAGE)
    quick = controller.enrol("quick", "available", instance_info=IMAGE)
    switch.order(delay_s=1.0)
    for number in range(6):
        controller.ask(f"slow-{number}", "active")
    controller.ask("quick", "active")
    controller.wait_for("quick", "active")
    assert quick.machine.boots == ["pxe", "off", "disk"]
    states = {controller.node(f"slow-{number}").provision_state for number in range(6)}
    assert "active" not in states
    busy = [run for run in threading.enumerate() if run.name == "switch tor-1"]
    assert len(busy) <= 1
    switch.order()
    for number in range(6):
        controller.wait_for(f"slow-{number}", "active", timeout_s=60)


def test_a_switch_that_does_not_answer_in_time_is_named(tmp_path: Path) -> None:
    with switching(tmp_path, switch_timeout_s=0.5, bmc_tries=1) as (controller, switch):
        enrol(controller, "m1", "available", instance_info=IMAGE)
        switch.order(delay_s=30)
        controller.ask("m1", "active")
        error = controller.wait_for("m1", "deploy failed").last_error
        assert "of switch tor-1" in str(error)
        assert "no answer within" in str(error)
