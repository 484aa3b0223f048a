"""A machine inspected by its Redfish BMC and by the agent in its ramdisk, which agree; and volumes made by the BMC between steps of the agent, through a start of the machine."""

from pathlib import Path
from typing import Any

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.enrol import document_of, ramdisk_settings
from tests.lab.hardware import BmcKind, Disk
from tests.lab.lab import Lab
from tests.lab.redfish.faults import RedfishFaults

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(1500)]
ERASE = {"interface": "deploy", "step": "erase_devices_metadata"}
DISKS = [{"raid_level": "1", "size_gb": 2, "is_root_volume": True}]


def inspected(api: ApiClient, by: str) -> dict[str, Any]:
    api.call("PATCH", "/v1/nodes/m1", [{"op": "add", "path": "/inspect_interface", "value": by}])
    api.provision("m1", "inspect")
    api.wait_for_state("m1", "manageable", timeout_s=600)
    found: dict[str, Any] = api.call("GET", "/v1/nodes/m1/inventory")["inventory"]
    return found


def test_bmc_and_agent_tell_one_machine_and_the_bmc_makes_its_volumes(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings())
        machine = lab.machine(name="m1", bmc=BmcKind.REDFISH, disks=(Disk(), Disk()))
        machine.redfish.set_faults(RedfishFaults(volumes_at_start=True, task_s=2))
        with lab.network.inside():
            api = ApiClient(controller.url)
            api.create_node(document_of(machine), macs=())  # the inspection makes its port
            api.provision("m1", "manage")
            api.wait_for_state("m1", "manageable", timeout_s=60)
            told = inspected(api, "redfish")
            assert not machine.is_on
            (port,) = api.call("GET", "/v1/ports")["ports"]
            assert port["address"] == machine.nics[0].mac
            seen = inspected(api, "agent")
            assert [one["mac_address"] for one in told["interfaces"]] == [
                one["mac_address"] for one in seen["interfaces"] if one["name"] != "lo"
            ]
            for fact in ("count", "architecture"):
                assert told["cpu"][fact] == seen["cpu"][fact]
            assert told["memory"]["physical_mb"] == seen["memory"]["physical_mb"]
            assert {(one["serial"], one["size"]) for one in told["disks"]} == {
                (one["serial"], one["size"]) for one in seen["disks"]
            }
            for fact in ("system_uuid",):
                assert told["system_vendor"][fact] == seen["system_vendor"][fact]
            api.call("PUT", "/v1/nodes/m1/states/raid", {"logical_disks": DISKS}, ok=204)
            make = {"interface": "raid", "step": "create_configuration"}
            api.provision("m1", "clean", clean_steps=[ERASE, make, ERASE])
            api.wait_for_state("m1", "manageable", timeout_s=1000)
            node, said = api.node("m1"), [one["event"] for one in api.history("m1")]
        (volume,) = node["raid_config"]["logical_disks"]
        assert (volume["raid_level"], volume["size_gb"], volume["controller"]) == ("1", 2, "RAID.1")
        assert node["properties"]["root_device"] == volume["root_device_hint"]
        assert any(
            "needs a start of the machine: the ramdisk is booted again" in one for one in said
        )
        assert sum("step erase_devices_metadata ended" in one for one in said) == 2
