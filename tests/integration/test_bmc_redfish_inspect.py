"""Inspection by Redfish: what the laboratory's BMC tells of its machine, and what becomes of the node."""

import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from controller.bmc.redfish_inspect import InventoryOfSystem, RedfishInspect
from controller.hardware.inventory import LLDP_BY_MAC, InventoryTold, TellsInventory
from controller.store.inspection_rules import InspectionRule
from controller.store.tables import Node, Port
from controller.workflow.power_sync import watch_power
from tests.integration.redfish_doubles import UUID, RedfishLab, driver_info
from tests.integration.redfish_fixtures import lab, shared
from tests.integration.running_controller import RunningController, running_controller
from tests.integration.waiting import wait_until
from tests.lab.redfish.documents.devices import SWITCH_MAC
from tests.lab.redfish.faults import RedfishFaults

__all__ = ["lab", "shared"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 10.0
MACS = ("52:54:00:00:00:01", "52:54:00:00:00:02")
SWITCH = RedfishFaults(switch="leaf1")


def connection(lab: RedfishLab) -> InventoryOfSystem:
    return RedfishInspect().connect(driver_info(lab))


def told(lab: RedfishLab) -> dict[str, InventoryTold]:
    bmc = connection(lab)
    return {part.name: bmc.inventory_part(part.name, timeout_s=S) for part in bmc.inventory_parts}


def enrol(controller: RunningController, name: str, info: Mapping[str, Any], **fields: Any) -> None:
    with controller.store.edit() as session:
        node = Node(
            uuid=str(uuid.uuid4()),
            name=name,
            created_at=time.time(),
            provision_state="manageable",
            driver="redfish",
            driver_info=dict(info),
            instance_info={},
            interfaces={"inspect": "redfish"},
            conductor=controller.services.hostname,
            **fields,
        )
        session.add(node)
        session.flush()
        watch_power(controller.services, session, node)


def ports(controller: RunningController) -> dict[str, Port]:
    with controller.store.read() as session:
        return {port.address: port for port in session.scalars(select(Port))}


def test_the_machine_is_told_part_by_part(lab: RedfishLab) -> None:
    assert isinstance(connection(lab), TellsInventory)
    lab.bmc.set_faults(SWITCH)
    found = told(lab)
    machine = found["machine"].inventory
    assert machine["cpu"] == {
        "model_name": "QEMU",
        "frequency": "2400.0000",
        "flags": [],
        "socket_count": 1,
        "count": 2,
        "architecture": "x86_64",
    }
    assert machine["memory"] == {"total": 2 << 30, "physical_mb": 2048}
    vendor = machine["system_vendor"]
    assert (vendor["system_uuid"], vendor["sku"], vendor["manufacturer"]) == (
        UUID,
        "LAB-1",
        "Ingot",
    )
    assert found["machine"].capabilities == {"boot_mode": "uefi"}
    cards = found["network interfaces"].inventory["interfaces"]
    assert [(one["name"], one["mac_address"]) for one in cards] == [("NIC0", MACS[0]), ("NIC1", MACS[1])]  # fmt: skip
    disks = found["disks"].inventory["disks"]
    assert [(one["serial"], one["size"]) for one in disks] == [("SN0", 4 << 30), ("SN1", 4 << 30)]
    assert found["disks"].plugin_data["root_disk"]["serial"] == "SN0"
    devices = found["PCI devices"].inventory["pci_devices"]
    assert [(one["vendor_id"], one["product_id"]) for one in devices] == [
        ("1af4", "1000"),
        ("10de", "2342"),
    ]
    assert set(found["LLDP neighbours"].plugin_data[LLDP_BY_MAC]) == set(MACS)


def test_a_bare_bmc_tells_less_and_nothing_wrong(lab: RedfishLab) -> None:
    lab.bmc.set_faults(RedfishFaults(without_optional=True))
    found = told(lab)
    assert "architecture" not in found["machine"].inventory["cpu"]
    assert found["PCI devices"] == InventoryTold()
    assert found["LLDP neighbours"] == InventoryTold()
    assert len(found["network interfaces"].inventory["interfaces"]) == 2


def test_a_system_without_interfaces_has_those_of_its_adapters(lab: RedfishLab) -> None:
    lab.bmc.set_faults(RedfishFaults(without_nics=True))
    cards = told(lab)["network interfaces"].inventory["interfaces"]
    assert [(one["name"], one["mac_address"]) for one in cards] == [
        ("NIC-0", MACS[0]),
        ("NIC-1", MACS[1]),
    ]


def marking_rule() -> InspectionRule:
    return InspectionRule(
        uuid=str(uuid.uuid4()),
        description="mark machines of the lab",
        priority=0,
        sensitive=False,
        phase="main",
        conditions=[{"op": "eq", "args": {"values": ["{inventory[system_vendor][sku]}", "LAB-1"]}}],
        actions=[{"op": "set-attribute", "args": {"path": "extra/rack", "value": "7"}}],
        created_at=time.time(),
    )


def test_a_node_is_inspected_without_a_ramdisk(lab: RedfishLab, tmp_path: Path) -> None:
    lab.bmc.set_faults(SWITCH)
    hooks = "$default_hooks, local-link-connection, pci-devices"
    with running_controller(
        tmp_path, inspection_hooks=hooks, inspection_pci_aliases="10de:2342=gpu"
    ) as controller:
        with controller.store.edit() as session:
            session.add(marking_rule())
        enrol(controller, "m1", driver_info(lab))
        controller.ask("m1", "inspect")
        node = controller.wait_for("m1", "manageable", timeout_s=60)
        assert (node.last_error, node.work, lab.machine.boots) == (None, None, 0)
        assert node.inspection_finished_at is not None
        assert node.properties == {
            "cpu_arch": "x86_64",
            "cpus": 2,
            "memory_mb": 2048,
            "local_gb": 3,
            "vendor": "Ingot",
            "capabilities": "gpu:1,boot_mode:uefi",
        }
        assert node.extra == {"rack": "7"}
        found = ports(controller)
        assert set(found) == set(MACS)
        assert found[MACS[1]].local_link_connection == {
            "switch_id": SWITCH_MAC,
            "port_id": "Ethernet1/1",
            "switch_info": "leaf1",
        }
        states = [event.data["to"] for event in controller.events("m1", "state")]
        assert states == ["inspecting", "manageable"]
        headers = {"X-OpenStack-Ironic-API-Version": "1.81"}
        shown = requests.get(
            f"{controller.url}/v1/nodes/m1/inventory", headers=headers, timeout=5
        ).json()
        assert shown["inventory"]["system_vendor"]["serial_number"] == lab.machine.name
        assert shown["plugin_data"]["parsed_lldp"]["NIC0"]["switch_system_name"] == "leaf1"
        assert shown["plugin_data"]["told_by_bmc"] is True
        controller.ask("m1", "inspect")
        wait_until(lambda: len(controller.events("m1", "state")) == 4, 30, "once more")
        assert set(ports(controller)) == set(MACS)


def test_another_controller_goes_on_where_one_has_stopped(lab: RedfishLab, tmp_path: Path) -> None:
    lab.bmc.set_faults(RedfishFaults(slow_s=0.1))
    with running_controller(tmp_path) as first:
        enrol(first, "m1", driver_info(lab))
        first.ask("m1", "inspect")
        wait_until(lambda: "disks" not in _left(first), 30, "half of the inventory")
    assert _left(first), "it was interrupted"
    lab.bmc.set_faults()
    with running_controller(tmp_path) as second:
        node = second.wait_for("m1", "manageable", timeout_s=60)
        assert len((node.inventory or {})["inventory"]["disks"]) == 2
        assert set(ports(second)) == set(MACS)


def _left(controller: RunningController) -> list[str]:
    work = controller.node("m1").work
    told = (work.data if work else {}).get("bmc_inventory") or {"left": ["disks"]}
    left: list[str] = told["left"]
    return left


def test_what_cannot_be_told_is_a_warning_and_what_must_be_told_a_failure(
    lab: RedfishLab, tmp_path: Path
) -> None:
    lab.bmc.set_faults(RedfishFaults(fails_devices=True))
    with running_controller(tmp_path) as controller:
        enrol(controller, "m1", driver_info(lab))
        controller.ask("m1", "inspect")
        node = controller.wait_for("m1", "manageable", timeout_s=60)
        assert node.properties["cpus"] == 2
        warnings = [one.message for one in controller.events("m1") if one.severity == "WARNING"]
        words = f"PCI devices are not known: BMC {lab.bmc.url}: inspect the machine, PCI devices: answered 500"
        assert any(words in one for one in warnings), warnings
        lab.bmc.set_faults(RedfishFaults(refuses_systems=500))
        controller.ask("m1", "inspect")
        node = controller.wait_for("m1", "inspect failed", timeout_s=60)
    assert f"BMC {lab.bmc.url}: inspect the machine, machine: answered 500" in str(node.last_error)


def test_a_silent_bmc_stops_nobody_else(lab: RedfishLab, tmp_path: Path) -> None:
    silent = {**driver_info(lab), "redfish_address": f"https://{lab.network.address(21)}"}
    with running_controller(tmp_path, bmc_timeout_s=4.0, bmc_tries=2, workers=2) as controller:
        enrol(controller, "m1", driver_info(lab))
        enrol(controller, "dead", silent)
        controller.ask("dead", "inspect")
        controller.ask("m1", "inspect")
        controller.wait_for("m1", "manageable", timeout_s=30)
        assert controller.node("m1").inventory is not None
        node = controller.wait_for("dead", "inspect failed", timeout_s=60)
    assert lab.network.address(21) in str(node.last_error)


UNTOLD = {
    "root_device": {"name": "/dev/sda", "rotational": True},
    "expected": {"disks": 2, "disk_gib": 8, "mac": MACS[0], "cpus": 2},
}
"""What a person may have entered for the agent's inspections."""


def test_a_part_that_is_not_told_at_once_is_asked_for_again(
    lab: RedfishLab, tmp_path: Path
) -> None:
    lab.bmc.set_faults(RedfishFaults(slow_s=0.1))
    with running_controller(tmp_path, bmc_timeout_s=3.0) as controller:
        properties = {"expected": UNTOLD["expected"]}
        enrol(controller, "m1", driver_info(lab), properties=properties)
        controller.ask("m1", "inspect")
        wait_until(lambda: _is_turn_of_disks(controller), 30, "the turn of the disks")
        lab.bmc.set_faults(RedfishFaults(unreachable=True))
        wait_until(lambda: _silences(controller) > 0, 30, "a try in vain")
        assert _is_turn_of_disks(controller)
        lab.bmc.set_faults()
        node = controller.wait_for("m1", "manageable", timeout_s=60)
        assert node.last_error is None
        assert len((node.inventory or {})["inventory"]["disks"]) == 2
        warnings = [one.message for one in controller.events("m1") if one.severity == "WARNING"]
        assert not any("are not known" in one for one in warnings), warnings


def test_disks_that_are_not_told_in_the_end_fail_neither_hints_nor_expectations(
    lab: RedfishLab, tmp_path: Path
) -> None:
    lab.bmc.set_faults(RedfishFaults(slow_s=0.1))
    with running_controller(
        tmp_path, bmc_timeout_s=3.0, bmc_tries=1, inspection_add_ports="active"
    ) as controller:
        enrol(controller, "m1", driver_info(lab), properties=UNTOLD)
        controller.ask("m1", "inspect")
        wait_until(lambda: _is_turn_of_disks(controller), 30, "the turn of the disks")
        lab.bmc.set_faults(RedfishFaults(unreachable=True))
        node = controller.wait_for("m1", "manageable", timeout_s=60)
        assert node.last_error is None
        assert "disks" not in (node.inventory or {})["inventory"]
        assert set(ports(controller)) == set(MACS)
        warnings = [one.message for one in controller.events("m1") if one.severity == "WARNING"]
        for words in ("disks are not known", "root-device: ", "does not tell disks, disk_gib,"):
            assert any(words in one for one in warnings), warnings


def _is_turn_of_disks(controller: RunningController) -> bool:
    work = controller.node("m1").work
    told = (work.data if work else {}).get("bmc_inventory") or {"left": []}
    return bool(told["left"][:1] == ["disks"])


def _silences(controller: RunningController) -> int:
    work = controller.node("m1").work
    return int((work.data if work else {}).get("_tries") or 0)
