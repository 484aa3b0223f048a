"""Discovery from power-on: a machine that no node knows boots the ramdisk, says what it is made of, and becomes a node."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab.api_client import ApiClient, Document
from tests.lab.boot_loaders import fetch_loaders
from tests.lab.enrol import ramdisk_settings
from tests.lab.errors import LabError
from tests.lab.hardware import BootDevice, Disk, Firmware
from tests.lab.lab import Lab

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(1200)]
BOOT_S = 480
DISK_BYTES = 8 << 30


def discovered(api: ApiClient) -> Document:
    """Wait for the first node and return it, rules carried out."""
    deadline = time.monotonic() + BOOT_S
    while time.monotonic() < deadline:
        nodes: list[Document] = api.call("GET", "/v1/nodes")["nodes"]
        if nodes and (node := api.node(nodes[0]["uuid"]))["properties"]:
            return node
        time.sleep(1)
    raise LabError(f"no machine became a node within {BOOT_S} s")


@pytest.mark.parametrize(("loader", "firmware"), [("ipxe", Firmware.BIOS), ("grub", Firmware.UEFI)])
def test_a_machine_that_nobody_enrolled_becomes_a_node_with_its_port(
    logs: Path, loader: str, firmware: Firmware
) -> None:
    settings: dict[str, Any] = {
        **ramdisk_settings(),
        "loader": loader,
        "grub_directory": str(fetch_loaders()),
        "unknown_machine": "inspect",
        "discovery": "all",
        "discovery_driver": "ipmi",
        "discovery_most": 1,
    }
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=settings)
        machine = lab.machine(
            name="m1",
            firmware=firmware,
            memory_mib=1536,
            disks=(Disk(size_bytes=DISK_BYTES, serial="STRANGER1"),),
        )
        (card,) = machine.nics
        with lab.network.inside():
            api = ApiClient(controller.url)
            machine.set_boot_device(BootDevice.PXE, persistent=True)
            machine.power_on()
            node = discovered(api)
            assert (node["provision_state"], node["driver"]) == ("enroll", "ipmi")
            assert node["properties"]["cpu_arch"] == "x86_64"
            ports = api.call("GET", f"/v1/nodes/{node['uuid']}/ports")["ports"]
            assert [port["address"] for port in ports] == [card.mac]
            inventory = api.call("GET", f"/v1/nodes/{node['uuid']}/inventory")["inventory"]
            assert [disk["serial"] for disk in inventory["disks"]] == ["STRANGER1"]
            assert inventory["boot"]["pxe_interface"] == card.mac
            mark = machine.console.mark()
            machine.reset()  # known by now, and nothing is ordered
            machine.console.wait_for("booting from the local disk", timeout_s=240, since=mark)
            other = lab.machine(name="m2", memory_mib=768, disks=())
            other.set_boot_device(BootDevice.PXE, persistent=True)
            machine.power_off()
            other.power_on()  # discovery_most nodes are there
            other.console.wait_for("discovery has reached its limits", timeout_s=240)
            assert len(api.call("GET", "/v1/nodes")["nodes"]) == 1
