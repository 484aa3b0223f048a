"""Inspection with a machine without hardware that obeys its boot script, and with the real agent as a process."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import select

from agent.protocol.lldp import as_raw
from controller.errors import Invalid
from controller.store.tables import Port
from tests.integration.agent_process import ROOT
from tests.integration.fake_machine import MAC as REAL_MAC
from tests.integration.inspections import (
    MAC,
    SECOND_MAC,
    enrol,
    inspecting,
    inspection,
    ports,
    post,
    script,
    wait_for_state,
)
from tests.integration.running_controller import (
    RunningController,
)
from tests.unit.agent.protocol.lldp_frames import SWITCH


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with inspecting(tmp_path) as running:
        yield running


def test_a_machine_is_inspected_and_switched_off(controller: RunningController) -> None:
    bmc = enrol(controller, properties={"capabilities": "boot_mode:uefi"})
    began = time.time()
    controller.ask("m1", "inspect")
    node = controller.wait_for("m1", "manageable")
    (reply,) = bmc.machine.inspections
    assert (reply.status_code, reply.json()) == (202, {"uuid": node.uuid})
    assert bmc.machine.boots == ["pxe", "off"]
    assert (node.power_state, node.last_error, node.work) == ("power off", None, None)
    assert node.target_provision_state is None
    assert node.inspection_started_at is None
    assert node.inspection_finished_at is not None
    assert began <= node.inspection_finished_at <= time.time()
    assert node.properties == {
        "capabilities": "boot_mode:uefi",
        "cpu_arch": "x86_64",
        "cpus": 2,
        "memory_mb": 3072,
        "local_gb": 7,
    }
    assert not {"boot_target", "lookup_bmc_addresses", "agent_url"} & set(node.driver_internal_info)
    headers = {"X-OpenStack-Ironic-API-Version": "1.81"}
    shown = requests.get(
        f"{controller.url}/v1/nodes/m1/inventory", headers=headers, timeout=5
    ).json()
    assert shown["inventory"] == inspection()["inventory"]
    assert shown["plugin_data"]["root_disk"]["name"] == "/dev/vda"
    assert "logs" not in shown["plugin_data"]
    states = [event.data["to"] for event in controller.events("m1", "state")]
    assert states == ["inspecting", "inspect wait", "inspecting", "manageable"]


@pytest.mark.parametrize(
    ("add_ports", "expected"),
    [
        ("pxe", {MAC: True}),
        ("all", {MAC: True, SECOND_MAC: False}),
        ("disabled", {MAC: True}),
    ],
)
def test_missing_ports_are_created_as_the_setting_says(
    tmp_path: Path, add_ports: str, expected: dict[str, bool]
) -> None:
    with inspecting(tmp_path, inspection_add_ports=add_ports) as controller:
        enrol(controller)
        controller.ask("m1", "inspect")
        controller.wait_for("m1", "manageable")
        assert ports(controller) == expected


def test_an_error_of_the_ramdisk_fails_the_inspection_and_its_logs_are_kept(
    controller: RunningController,
) -> None:
    bmc = enrol(controller)
    bmc.machine.behaviour.inspection = inspection(error="no disks were found")
    controller.ask("m1", "inspect")
    node = controller.wait_for("m1", "inspect failed")
    assert "no disks were found" in str(node.last_error)
    assert (node.inventory, node.inspection_finished_at) == (None, None)
    assert (bmc.machine.boots, node.power_state) == (["pxe", "off"], "power off")
    texts = [event.message for event in controller.events("m1", "agent")]
    (text,) = [text for text in texts if "logs are in" in text]
    assert Path(text.rpartition(" ")[2]).read_bytes() == b"logs"
    bmc.machine.behaviour.inspection = inspection()
    controller.ask("m1", "inspect")
    controller.wait_for("m1", "manageable")


def test_a_machine_that_never_answers_fails_with_the_reason(tmp_path: Path) -> None:
    with inspecting(tmp_path, callback_timeout_s=0.5) as controller:
        bmc = enrol(controller)
        bmc.machine.behaviour.inspection = None
        bmc.machine.behaviour.calls_back = False
        controller.ask("m1", "inspect")
        node = controller.wait_for("m1", "inspect failed")
        assert "no inspection result has come" in str(node.last_error)
        assert not bmc.machine.is_on


def test_a_wait_can_be_aborted(controller: RunningController) -> None:
    bmc = enrol(controller)
    bmc.machine.behaviour.boot_s = 60
    controller.ask("m1", "inspect")
    wait_for_state(controller, "inspect wait")
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "inspect failed")
    assert (node.last_error, node.power_state) == ("Aborted by request", "power off")
    assert post(controller, inspection()).status_code == 404
    controller.ask("m1", "manage")
    controller.wait_for("m1", "manageable")


def test_a_result_is_taken_at_once_again_while_the_node_waits_and_never_later(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, "m1")
    bmc.machine.behaviour.boot_s = 60
    controller.ask("m1", "inspect")
    wait_for_state(controller, "inspect wait")
    controller.engine.stop(timeout_s=5)  # so that both arrive before the engine looks
    assert [post(controller, inspection()).status_code for _try in range(2)] == [202, 202]
    assert ports(controller) == {MAC: True}
    node = controller.node("m1")
    with controller.store.edit() as session:
        session.add(node)
        node.provision_state = "manageable"
    assert post(controller, inspection()).status_code == 404


def test_the_newer_version_answers_as_a_lookup_does(controller: RunningController) -> None:
    bmc = enrol(controller)
    bmc.machine.behaviour.boot_s = 60
    controller.ask("m1", "inspect")
    wait_for_state(controller, "inspect wait")
    reply = post(controller, inspection(), "1.84", node_uuid=controller.node("m1").uuid)
    assert reply.status_code == 202
    assert reply.json()["node"]["uuid"] == controller.node("m1").uuid
    assert len(reply.json()["config"]["agent_token"]) >= 32
    controller.wait_for("m1", "manageable")


def test_the_real_agent_is_inspected_with_the_arguments_of_its_boot_script(
    controller: RunningController, tmp_path: Path
) -> None:
    enrol(controller).machine.behaviour.inspection = None
    controller.driver.bmcs["m1"].machine.behaviour.calls_back = False
    with controller.store.edit() as session:
        session.scalars(select(Port)).one().address = REAL_MAC
    controller.ask("m1", "inspect")
    wait_for_state(controller, "inspect wait")
    (kernel,) = re.findall(r"^kernel (.+) \|\| goto", script(controller, REAL_MAC), re.MULTILINE)
    cmdline = tmp_path / "cmdline"
    cmdline.write_text(kernel.replace("${mac}", REAL_MAC))
    with (tmp_path / "log").open("wb") as log:
        program = [sys.executable, "-m", "tests.integration.fake_machine"]
        agent = subprocess.Popen([*program, tmp_path, cmdline, ""], cwd=ROOT, stderr=log)
        try:
            node = controller.wait_for("m1", "manageable")
        finally:
            agent.terminate()
            status = agent.wait(20)
    assert status == 0, (tmp_path / "log").read_text()
    assert node.properties == {"cpu_arch": "x86_64", "cpus": 2, "memory_mb": 2048, "local_gb": 7}
    found = node.inventory or {}
    assert found["inventory"]["disks"][0]["serial"] == "FAKE1"
    assert found["plugin_data"]["configuration"]["managers"][0]["name"] == "fake_manager"
    assert found["plugin_data"]["valid_interfaces"]["eth0"]["pxe_enabled"] is True


@pytest.fixture
def hooked(tmp_path: Path) -> Iterator[RunningController]:
    more = {
        "inspection_hooks": "$default_hooks,local-link-connection,pci-devices",
        "inspection_pci_aliases": "10de:2330=h100",
        "inspection_add_ports": "all",
    }
    with inspecting(tmp_path, **more) as running:
        yield running


def test_what_the_switch_said_reaches_the_ports_and_the_cards_the_capabilities(
    hooked: RunningController,
) -> None:
    """The ramdisk sent raw data only, as the real agent does."""
    bmc = enrol(hooked, properties={"capabilities": "boot_mode:uefi"})
    card = {"vendor_id": "10de", "product_id": "2330"}
    bmc.machine.behaviour.inspection = inspection(
        lldp_raw={"enp0s1": as_raw(SWITCH), "enp0s2": [[1, "nonsense"]]}, pci_devices=[card, card]
    )
    with hooked.store.edit() as session:
        session.scalars(select(Port)).one().local_link_connection = {"port_id": "by hand"}
    hooked.ask("m1", "inspect")
    node = hooked.wait_for("m1", "manageable")
    assert node.properties["capabilities"] == "boot_mode:uefi,h100:2"
    found = node.inventory or {}
    assert found["plugin_data"]["parsed_lldp"]["enp0s1"]["switch_port_untagged_vlan_id"] == 101
    with hooked.store.read() as session:
        ports = {port.address: port.local_link_connection for port in session.scalars(select(Port))}
    assert ports[SECOND_MAC] == {}
    assert ports[MAC] == {
        "switch_id": "02:00:5e:00:10:01",
        "port_id": "by hand",
        "switch_info": "tor-a1",
    }


def test_inspection_can_be_switched_off_for_a_node(controller: RunningController) -> None:
    enrol(controller, interfaces={"inspect": "no-inspect"})
    with pytest.raises(Invalid, match="no-inspect"):
        controller.ask("m1", "inspect")
    assert controller.node("m1").provision_state == "manageable"


def test_what_an_optional_collector_missed_is_in_the_history_and_the_node_is_inspected(
    controller: RunningController,
) -> None:
    bmc = enrol(controller)
    why = "collector lldp: no end after 45 s"
    bmc.machine.behaviour.inspection = {**inspection(), "warnings": [why]}
    controller.ask("m1", "inspect")
    controller.wait_for("m1", "manageable")
    (warned,) = [one for one in controller.events("m1", "agent") if one.severity == "WARNING"]
    assert warned.message == f"the inspection is incomplete: {why}"
