"""Inspection with a machine without hardware that obeys its boot script, and with the real agent as a process."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import delete, select

from agent.protocol.lldp import as_raw
from controller.errors import Invalid
from controller.store.tables import Port
from tests.integration.agent_process import ROOT
from tests.integration.fake_machine import MAC as REAL_MAC
from tests.integration.running_controller import (
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.waiting import wait_until
from tests.unit.agent.protocol.lldp_frames import SWITCH

MAC, SECOND_MAC = "52:54:00:00:00:01", "52:54:00:00:aa:02"
BMC = "192.0.2.10"


def inspection(mac: str = MAC, **changes: Any) -> dict[str, Any]:
    """What the real agent posted to the real Ironic, shortened."""
    inventory = {
        "interfaces": [
            {"name": "enp0s1", "mac_address": mac, "ipv4_address": "172.22.0.121"},
            {"name": "enp0s2", "mac_address": SECOND_MAC, "ipv4_address": None},
        ],
        "cpu": {"architecture": "x86_64", "count": 2, "flags": ["fpu"]},
        "disks": [{"name": "/dev/vda", "size": 8589934592}],
        "memory": {"total": 3054686208, "physical_mb": 3072},
        "bmc_address": None,
        "bmc_v6address": None,
        "boot": {"current_boot_mode": "uefi", "pxe_interface": mac},
        "hostname": "ipa-ramdisk",
    }
    return {
        "inventory": {**inventory, **changes.pop("inventory", {})},
        "root_disk": {"name": "/dev/vda", "size": 8589934592},
        "boot_interface": mac,
        "logs": "bG9ncw==",
        "error": None,
        **changes,
    }


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    for name in ("kernel", "ramdisk"):
        (tmp_path / name).write_bytes(b"boot file")
    return {
        "deploy_kernel": str(tmp_path / "kernel"),
        "deploy_ramdisk": str(tmp_path / "ramdisk"),
    }


@pytest.fixture
def controller(tmp_path: Path, settings: dict[str, Any]) -> Iterator[RunningController]:
    with running_controller(tmp_path, **settings) as running:
        yield running


def enrol(controller: RunningController, name: str = "m1", **columns: Any) -> MachineBmc:
    values: dict[str, Any] = {"interfaces": {}, **columns}
    bmc = controller.enrol(name, values.pop("state", "manageable"), **values)
    bmc.machine.behaviour.inspection = inspection()
    return bmc


def without_ports(controller: RunningController) -> None:
    with controller.store.edit() as session:
        session.execute(delete(Port))


def ports(controller: RunningController) -> dict[str, bool]:
    with controller.store.read() as session:
        return {port.address: port.pxe_enabled for port in session.scalars(select(Port))}


def wait_for_state(controller: RunningController, state: str) -> None:
    wait_until(lambda: controller.node("m1").provision_state == state, 10, state)


def post(controller: RunningController, body: Any, version: str | None = None, **query: str) -> Any:
    headers = {"X-OpenStack-Ironic-API-Version": version} if version else {}
    url = f"{controller.url}/v1/continue_inspection"
    return requests.post(url, json=body, headers=headers, params=query, timeout=10)


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
    tmp_path: Path, settings: dict[str, Any], add_ports: str, expected: dict[str, bool]
) -> None:
    with running_controller(tmp_path, inspection_add_ports=add_ports, **settings) as controller:
        enrol(controller)
        controller.ask("m1", "inspect")
        controller.wait_for("m1", "manageable")
        assert ports(controller) == expected


def test_a_machine_without_ports_is_recognized_by_the_address_of_its_bmc(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, driver_info={"fake_id": "m1", "ipmi_address": BMC})
    without_ports(controller)
    bmc.machine.behaviour.inspection = inspection(inventory={"bmc_address": BMC})
    controller.ask("m1", "inspect")
    controller.wait_for("m1", "manageable")
    assert ports(controller) == {MAC: True}
    texts = [event.message for event in controller.events("m1")]
    assert any(text.startswith("A machine that no port names asked what") for text in texts)
    assert any(text.endswith(f"ports created: {MAC}") for text in texts)


def test_an_unknown_machine_with_another_bmc_or_none_is_not_taken_for_it(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, driver_info={"fake_id": "m1", "ipmi_address": BMC})
    without_ports(controller)
    bmc.machine.behaviour.calls_back = False
    bmc.machine.behaviour.inspection = None
    controller.ask("m1", "inspect")
    wait_for_state(controller, "inspect wait")
    stranger = inspection("52:54:00:99:99:99")
    assert post(controller, stranger).status_code == 404
    stranger["inventory"]["bmc_address"] = "192.0.2.66"
    assert post(controller, stranger).status_code == 404
    node = controller.node("m1")
    assert (node.provision_state, node.inventory, ports(controller)) == ("inspect wait", None, {})
    texts = [event.message for event in controller.events("m1", "agent")]
    assert any("BMC 192.0.2.66" in text and BMC in text for text in texts)
    stranger["inventory"]["bmc_address"] = BMC
    assert post(controller, stranger).status_code == 202
    controller.wait_for("m1", "manageable")


def test_a_machine_that_nothing_would_identify_is_not_even_booted(
    controller: RunningController,
) -> None:
    bmc = enrol(controller)
    without_ports(controller)
    controller.ask("m1", "inspect")
    node = controller.wait_for("m1", "inspect failed")
    assert "create a port" in str(node.last_error)
    assert bmc.machine.boots == []


def script(controller: RunningController, mac: str = "52:54:00:99:99:99") -> str:
    url = f"{controller.url}/boot/ipxe/script?mac={mac}&platform=pcbios"
    return requests.get(url, timeout=5).text


def test_an_unknown_machine_is_inspected_only_while_a_node_without_ports_waits_for_it(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, driver_info={"fake_id": "m1", "ipmi_address": BMC})
    bmc.machine.behaviour.inspection = None
    bmc.machine.behaviour.calls_back = False
    assert "deploy_ramdisk" not in script(controller)
    controller.ask("m1", "inspect")
    wait_for_state(controller, "inspect wait")
    assert "deploy_ramdisk" not in script(controller)  # the node has a port
    without_ports(controller)
    given = script(controller)
    assert f"ipa-inspection-callback-url={controller.url}/v1/continue_inspection" in given
    assert "ipa-api-url" not in given
    assert "nothing is changed on this machine" in given
    controller.ask("m1", "abort")
    assert "deploy_ramdisk" not in script(controller)


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


def test_a_machine_that_never_answers_fails_with_the_reason(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    with running_controller(tmp_path, callback_timeout_s=0.5, **settings) as controller:
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


def test_contradictions_about_who_the_machine_is_are_refused(
    controller: RunningController,
) -> None:
    first = enrol(controller, "m1", driver_info={"fake_id": "m1", "ipmi_address": BMC})
    second = enrol(controller, "m2", driver_info={"fake_id": "m2", "ipmi_address": "192.0.2.11"})
    for bmc, name in ((first, "m1"), (second, "m2")):
        bmc.machine.behaviour.boot_s = 60
        controller.ask(name, "inspect")
    wait_for_state(controller, "inspect wait")
    wait_until(lambda: controller.node("m2").provision_state == "inspect wait", 10, "m2")
    uuid = controller.node("m2").uuid
    assert post(controller, inspection(), node_uuid=uuid).status_code == 404
    assert post(controller, inspection(), node_uuid="no-such-node").status_code == 404
    foreign_bmc = inspection(inventory={"bmc_address": "192.0.2.11"})
    assert post(controller, foreign_bmc).status_code == 404
    both = inspection(inventory={"boot": {}})
    both["inventory"]["interfaces"].append({"name": "x", "mac_address": "52:54:00:00:00:02"})
    assert post(controller, both).status_code == 404
    assert post(controller, inspection(inventory={"bmc_address": "10.9.9.9"})).status_code == 202
    controller.wait_for("m1", "manageable")
    texts = [event.message for event in controller.events("m1", "agent")]
    assert any("another machine may be switched" in text for text in texts)


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
def hooked(tmp_path: Path, settings: dict[str, Any]) -> Iterator[RunningController]:
    more = {
        "inspection_hooks": "parse-lldp,local-link-connection,pci-devices",
        "inspection_pci_aliases": "10de:2330=h100",
        "inspection_add_ports": "all",
    }
    with running_controller(tmp_path, **settings, **more) as running:
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
