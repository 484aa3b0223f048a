"""Real Ironic cleans and deploys a machine with our ramdisk: the agent's wire protocol held against its owner."""

from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.demo.road import read_checksum
from tests.lab.hardware import Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.real_ironic import PEER, RealIronic

BUILD = Path(__file__).resolve().parents[2] / "build"

pytestmark = [
    pytest.mark.vm,
    pytest.mark.interop,
    pytest.mark.skipif(
        not (PEER / "bin/ironic").exists(), reason="make peers installs the real Ironic"
    ),
]


def document_of(machine: Machine, firmware: Firmware) -> dict[str, object]:
    """Return the node that real Ironic shall have of the machine."""
    bmc = machine.bmc
    return {
        "name": "m1",
        "driver": "ipmi",
        "driver_info": {
            "ipmi_address": bmc.address,
            "ipmi_port": bmc.port,
            "ipmi_username": bmc.username,
            "ipmi_password": bmc.password,
        },
        "properties": {"capabilities": f"boot_mode:{firmware.value}", "cpu_arch": "x86_64"},
    }


@pytest.mark.parametrize("firmware", [Firmware.BIOS, Firmware.UEFI])
def test_real_ironic_cleans_and_deploys_with_our_ramdisk(
    firmware: Firmware, tmp_path: Path
) -> None:
    image = BUILD / "os-image/debian.qcow2"
    with Lab(workdir=tmp_path) as lab:
        key = make_key(lab.scratch)
        ironic = RealIronic(
            lab, kernel=BUILD / "ramdisk/ingot.vmlinuz", ramdisk=BUILD / "ramdisk/ingot.initramfs"
        )
        machine = lab.machine(name="m1", firmware=firmware, disks=(Disk(size_bytes=8 << 30),))
        url = lab.http.publish(image.name, image)
        with lab.network.inside():
            api = ApiClient(ironic.url)
            api.create_node(document_of(machine, firmware), macs=(machine.nics[0].mac,))
            api.provision("m1", "manage")
            api.wait_for_state("m1", "manageable", timeout_s=120)
            api.provision("m1", "provide")
            api.wait_for_state("m1", "available", timeout_s=600)
            api.set_instance(
                "m1",
                image_source=url,
                image_os_hash_algo="sha256",
                image_os_hash_value=read_checksum(image.with_suffix(".qcow2.sha256")),
            )
            mark = machine.console.mark()
            drive = {
                "meta_data": {
                    "hostname": "by-ironic",
                    "public_keys": {"k": key.public},
                    "uuid": "1",
                }
            }
            api.provision("m1", "active", configdrive=drive)
            api.wait_for_state("m1", "active", timeout_s=900)
            wait_for_system(machine, hostname="by-ironic", key=key, since=mark, timeout_s=300)
