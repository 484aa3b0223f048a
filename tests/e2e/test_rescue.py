"""A deployed machine is rescued: SSH with the password, its disk is there, and it goes back to its own system.

A file that was injected when it was deployed is seen from there, too.
"""

import socket
from pathlib import Path

import pytest

from tests.e2e.rescue_login import address_of, by_password
from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import config_drive, make_deployable, publish_os_image, ramdisk_settings
from tests.lab.hardware import Bus, Disk, Firmware
from tests.lab.lab import Lab

pytestmark = [pytest.mark.vm, pytest.mark.long]

PASSWORD = "a password, with $pecial 'letters'"  # a test's
_INJECT = {
    "interface": "deploy",
    "step": "inject_files",
    "priority": 70,
    "args": {"files": [{"path": "/etc/injected", "content": "aW5qZWN0ZWQK", "mode": "0640"}]},
}
_LOOK_AT_THE_DISK = """
set -e
id -u
sudo mkdir /mnt/disk
for part in /dev/nvme0n1p*; do
    sudo mount -o ro "$part" /mnt/disk 2>/dev/null || continue
    ! grep -hs ^PRETTY_NAME= /mnt/disk/etc/os-release || echo "seen on $part"
    ! grep -s injected /mnt/disk/etc/injected || stat -c 'mode %a' /mnt/disk/etc/injected
    sudo umount /mnt/disk
done
"""


def refuses_ssh(address: str) -> bool:
    """Say whether nothing listens at the port of SSH."""
    try:
        socket.create_connection((address, 22), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_deployed_machine_is_rescued_by_ssh_and_goes_back_to_its_system(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings())
        machine = lab.machine(
            name="m1",
            firmware=Firmware.UEFI,
            memory_mib=1024,
            disks=(Disk(size_bytes=8 << 30, bus=Bus.NVME),),
        )
        image, key = publish_os_image(lab), make_key(lab.scratch)
        with lab.network.inside():
            api = ApiClient(controller.url)
            make_deployable(api, machine, image)
            api.provision(
                "m1",
                "active",
                configdrive=config_drive("to-be-rescued", key),
                deploy_steps=[_INJECT],
            )
            assert refuses_ssh(address_of(machine, 0)), "nobody is let into a deployment"
            api.wait_for_state("m1", "active", timeout_s=1500)
            wait_for_system(machine, hostname="to-be-rescued", key=key, since=0, timeout_s=600)

            mark = machine.console.mark()
            api.provision("m1", "rescue", rescue_password=PASSWORD)
            node = api.wait_for_state("m1", "rescue", timeout_s=900)
            assert node["last_error"] is None
            address = address_of(machine, mark)
            status, said = by_password(lab.scratch, address, PASSWORD, _LOOK_AT_THE_DISK)
            assert status == 0, said
            assert said.startswith("0\n"), said
            assert "PRETTY_NAME=" in said, said
            assert "seen on /dev/nvme0n1p" in said, said
            assert "injected\nmode 640" in said, said
            status, said = by_password(lab.scratch, address, "another", "true")
            assert "Permission denied" in said
            assert status != 0

            mark = machine.console.mark()
            api.provision("m1", "unrescue")
            node = api.wait_for_state("m1", "active", timeout_s=300)
            assert node["power_state"] == "power on"
            wait_for_system(machine, hostname="to-be-rescued", key=key, since=mark, timeout_s=600)
            assert PASSWORD not in machine.console.text
