"""A node's ports on a switch through a machine's life: which network at which moment, and what failures leave."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.protocol.lldp import as_raw
from controller.errors import Invalid, SwitchError
from controller.store.nodes import get_node
from controller.workflow.questions import validate
from controller.workflow.vifs import attach_vif, detach_vif
from tests.integration.running_controller import IMAGE, RunningController
from tests.integration.steps_asked_for import step, wish
from tests.integration.switch_site import (
    BLUE,
    CLEANING,
    IDLE,
    INSPECTION,
    PROVISIONING,
    RED,
    RESCUING,
    SERVICING,
    SWITCH_ID,
    FakeSwitchFiles,
    change_port,
    enrol,
    link,
    ports,
    switching,
)
from tests.integration.waiting import wait_until

Site = tuple[RunningController, FakeSwitchFiles]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with switching(tmp_path) as both:
        yield both


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


def test_what_is_missing_is_told_before_the_machine_is_touched(site: Site) -> None:
    controller, switch = site
    bmc = enrol(controller, "m1", "available", instance_info=IMAGE, vif="green")
    answer = validate(controller.services, "m1")["network"]
    assert answer["result"] is False
    assert "VIF green names no network; add it to [networks] in " in answer["reason"]
    with pytest.raises(Invalid, match="VIF green names no network"):
        controller.ask("m1", "active")
    change_port(controller, "m1", internal_info={"tenant_vif_port_id": "blue.2"})
    assert validate(controller.services, "m1")["network"] == {"result": True}
    change_port(controller, "m1", local_link_connection={})
    reason = validate(controller.services, "m1")["network"]["reason"]
    assert "it is not known where it is plugged in: set switch_id and port_id" in reason
    assert validate(controller.services, "m1")["inspect"]["result"] is True
    change_port(
        controller, "m1", local_link_connection={"switch_id": "aa:bb:cc:dd:ee:99", "port_id": "1"}
    )
    assert "no switch of " in validate(controller.services, "m1")["network"]["reason"]
    assert (bmc.machine.boots, switch.changes()) == ([], [])


def test_a_place_that_is_another_nodes_is_left_alone(site: Site) -> None:
    controller, switch = site
    enrol(controller, "m1", "available", instance_info=IMAGE)
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    enrol(controller, "m2", "available", instance_info=IMAGE)
    change_port(controller, "m2", local_link_connection=link("m1"))
    reason = validate(controller.services, "m2")["network"]["reason"]
    address = ports(controller, "m1")[0].address
    assert f"is where port {address} of node m1 is attached" in reason
    assert switch.ports()["m1"] == BLUE


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


def test_a_vif_of_another_physical_network_and_one_without_are_told(site: Site) -> None:
    controller, _switch = site
    enrol(controller, "m1", "available", instance_info=IMAGE, vif="red")
    change_port(controller, "m1", physical_network="blue")
    reason = validate(controller.services, "m1")["network"]["reason"]
    assert "is in physical network blue, VIF red in red" in reason
    change_port(controller, "m1", physical_network="red")
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert _switch.ports()["m1"] == RED
    assert INSPECTION not in "".join(_switch.changes())


def heard(controller: RunningController, name: str, port: str) -> None:
    """Have the node's last inspection say by LLDP where its port is."""
    (first, *_rest) = ports(controller, name)
    tlvs = [
        (1, b"\x04" + bytes.fromhex(SWITCH_ID.replace(":", ""))),
        (2, b"\x05" + port.encode()),
        (3, b"\x00\x78"),
    ]
    found = {
        "inventory": {"interfaces": [{"name": "eth0", "mac_address": first.address}]},
        "plugin_data": {"lldp_raw": {"eth0": as_raw(tlvs)}},
    }
    with controller.store.edit() as session:
        get_node(session, name).inventory = found


def test_a_port_that_lldp_has_seen_elsewhere_is_not_attached(site: Site) -> None:
    controller, switch = site
    bmc = enrol(controller, "m1", "available", instance_info=IMAGE)
    heard(controller, "m1", "m1")
    assert validate(controller.services, "m1")["network"] == {"result": True}
    heard(controller, "m1", "swp9")
    address = ports(controller, "m1")[0].address
    sentence = (
        f"nothing was changed at switch tor-1: port {address} is plugged in elsewhere than its local_link_connection says: "
        "port_id is m1, the switch says swp9 (by LLDP, in the last inspection); look at the cable, or correct "
        "local_link_connection, and inspect the node again"
    )
    assert validate(controller.services, "m1")["network"]["reason"] == sentence
    with pytest.raises(Invalid) as raised:
        controller.ask("m1", "active")
    assert str(raised.value) == sentence
    with controller.store.edit() as session:
        get_node(session, "m1").provision_state = "manageable"
    controller.ask("m1", "provide")  # whose steps are checked by its workflow
    node = controller.wait_for("m1", "clean failed")
    assert node.last_error == f"cleaning failed: {sentence}"
    assert [e.message for e in controller.events("m1", "error")] == [node.last_error]
    assert (bmc.machine.boots, switch.changes()) == ([], [])
    assert ports(controller, "m1")[0].local_link_connection == link("m1")  # as it was entered
    assert validate(controller.services, "m1")["inspect"]["result"] is True  # which may mend it


def test_a_contradiction_may_be_only_told(tmp_path: Path) -> None:
    with switching(tmp_path, network_link_check="warn") as (controller, switch):
        enrol(controller, "m1", "available", instance_info=IMAGE)
        heard(controller, "m1", "swp9")
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
        assert switch.ports()["m1"] == BLUE
        told = controller.events("m1", "network")
        assert "the switch says swp9" in next(e.message for e in told if e.severity == "WARNING")


def test_a_vif_moves_the_port_of_a_machine_in_use(site: Site) -> None:
    controller, switch = site
    enrol(controller, "m1", "active", instance_info=IMAGE, vif=None)
    second = ports(controller, "m1")[1].uuid
    attach_vif(controller.services, "m1", "blue", port=None, group=None)
    assert switch.ports()["m1"] == BLUE
    attach_vif(controller.services, "m1", "blue.2", port=second, group=None)
    assert switch.ports() == {"m1": BLUE, "m1-data": BLUE}
    infos = [port.internal_info for port in ports(controller, "m1")]
    assert [info["tenant_vif_port_id"] for info in infos] == ["blue", "blue.2"]
    assert [info["switch_attachment"]["network"] for info in infos] == ["VIF blue", "VIF blue.2"]
    detach_vif(controller.services, "m1", "blue")
    assert switch.ports() == {"m1": IDLE, "m1-data": BLUE}
    assert ports(controller, "m1")[0].internal_info == {}
    with pytest.raises(Invalid, match="names no network"):
        attach_vif(controller.services, "m1", "green", port=None, group=None)
    assert controller.node("m1").work is None


def test_a_vif_that_the_switch_refuses_is_not_attached_and_the_port_goes_back(site: Site) -> None:
    controller, switch = site
    enrol(controller, "m1", "active", instance_info=IMAGE, vif=None)
    switch.order(fail={"m1-data": "% no"})  # which is set first, as it is in no network
    with pytest.raises(SwitchError, match="% no; look at the switch"):
        attach_vif(controller.services, "m1", "blue", port=None, group=None)
    assert ports(controller, "m1")[0].internal_info.get("tenant_vif_port_id") is None
    switch.order()
    wait_until(lambda: controller.node("m1").work is None, 20, "the ports are put right")
    controller.services.wake()
    attach_vif(controller.services, "m1", "blue", port=None, group=None)
    assert switch.ports() == {"m1": BLUE, "m1-data": IDLE}


def test_a_vif_gets_a_port_in_the_physical_network_of_its_network(site: Site) -> None:
    controller, _switch = site
    enrol(controller, "m1", "available", instance_info=IMAGE, vif=None)
    change_port(controller, "m1", physical_network="blue")
    attach_vif(controller.services, "m1", "red", port=None, group=None)
    held = [port.internal_info.get("tenant_vif_port_id") for port in ports(controller, "m1")]
    assert held == [None, "red"]
    with pytest.raises(Invalid, match="in physical network red"):
        attach_vif(controller.services, "m1", "red.2", port=None, group=None)


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
