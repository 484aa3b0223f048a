"""Inspection of a real machine: real firmware, iPXE and ramdisk; what it finds is what the machine was made of."""

from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.enrol import BUILD, enrol, ramdisk_settings
from tests.lab.hardware import Bus, Disk, Firmware
from tests.lab.lab import Lab

pytestmark = pytest.mark.vm

_DISK_BYTES = 8 << 30
_MEMORY_MIB = 2048  # what the real agent's ramdisk needs


_REAL_AGENT = pytest.param(
    "ipa",
    marks=[
        pytest.mark.interop,
        pytest.mark.skipif(
            not (BUILD / "ramdisk/ipa.initramfs").exists(),
            reason="make ramdisk-ipa builds the real agent's ramdisk",
        ),
    ],
)


@pytest.mark.parametrize("ramdisk", ["ingot", _REAL_AGENT])
def test_a_machine_is_inspected_and_its_missing_port_created(ramdisk: str, logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        settings = {**ramdisk_settings(ramdisk), "inspection_add_ports": "all"}
        controller = lab.controller(settings=settings)
        machine = lab.machine(
            name="m1",
            firmware=Firmware.UEFI,
            memory_mib=_MEMORY_MIB,
            disks=(Disk(size_bytes=_DISK_BYTES, bus=Bus.NVME, serial="INSPECTED1"),),
            nics=2,
        )
        boot_mac, other_mac = (nic.mac for nic in machine.nics)
        with lab.network.inside():
            api = ApiClient(controller.url)
            uuid = enrol(api, machine)["uuid"]
            (extra,) = [
                port["uuid"]
                for port in api.call("GET", f"/v1/nodes/{uuid}/ports")["ports"]
                if port["address"] == other_mac
            ]
            api.call("DELETE", f"/v1/ports/{extra}", ok=204)
            api.provision("m1", "manage")
            api.wait_for_state("m1", "manageable", timeout_s=60)

            api.provision("m1", "inspect")
            node = api.wait_for_state("m1", "manageable", timeout_s=600)
            assert node["last_error"] is None
            assert (node["power_state"], machine.is_on) == ("power off", False)
            assert node["inspection_finished_at"] is not None
            assert node["properties"]["cpu_arch"] == "x86_64"
            assert node["properties"]["memory_mb"] == _MEMORY_MIB
            assert node["properties"]["local_gb"] == 7

            found = api.call("GET", "/v1/nodes/m1/inventory")
            inventory = found["inventory"]
            macs = {interface["mac_address"] for interface in inventory["interfaces"]}
            assert macs == {boot_mac, other_mac}
            (disk,) = inventory["disks"]
            assert (disk["size"], disk["serial"]) == (_DISK_BYTES, "INSPECTED1")
            assert inventory["boot"] == {"current_boot_mode": "uefi", "pxe_interface": boot_mac}
            ports = api.call("GET", f"/v1/ports?node_uuid={uuid}&fields=address,pxe_enabled")
            enabled = {port["address"]: port["pxe_enabled"] for port in ports["ports"]}
            assert enabled == {boot_mac: True, other_mac: False}
