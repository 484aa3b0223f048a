"""From power-on to the deployed system's login prompt, on real firmware, over real IPMI, DHCP, iPXE and HTTP, by the image store.

UEFI and NVMe here; BIOS and virtio are what ``test_demo.py`` runs.
"""

from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import (
    config_drive,
    enrol,
    make_available,
    make_deployable,
    publish_os_image,
    ramdisk_settings,
    register_image,
)
from tests.lab.hardware import Bus, Disk, Firmware
from tests.lab.lab import Lab

pytestmark = pytest.mark.vm


def test_a_machine_is_cleaned_and_deployed_and_shows_its_own_login_prompt(logs: Path) -> None:
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
            enrol(api, machine)
            make_available(api, machine.name, clean=True)
            assert not machine.is_on
            kept = register_image(api, "debian", image)
            assert kept["os_hash_value"] == image.sha256
            fetched = len(lab.http.requests)
            api.set_instance(machine.name, image_source="debian")
            mark = machine.console.mark()
            seen: list[int] = []
            api.provision("m1", "active", configdrive=config_drive("first-light", key))
            node = api.wait_for_state(
                "m1",
                "active",
                timeout_s=900,
                on_look=lambda node: seen.append(
                    (node.get("progress") or {}).get("bytes_done") or 0
                ),
            )
            assert node["last_error"] is None
            assert len(lab.http.requests) == fetched, "the machine needs the store alone"
            assert node["power_state"] == "power on"
            assert len({count for count in seen if count}) > 1, "the image write showed no progress"
            wait_for_system(machine, hostname="first-light", key=key, since=mark, timeout_s=300)
            assert machine.console.text.count("INGOT-OS-READY") == 1


@pytest.mark.long
def test_three_machines_are_deployed_at_once(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings())
        machines = [
            lab.machine(
                name=f"m{number}", memory_mib=1024, cpus=1, disks=(Disk(size_bytes=8 << 30),)
            )
            for number in range(3)
        ]
        image, key = publish_os_image(lab), make_key(lab.scratch)
        with lab.network.inside():
            api = ApiClient(controller.url)
            for machine in machines:
                make_deployable(api, machine, image)
                api.provision(
                    machine.name,
                    "active",
                    configdrive=config_drive(f"{machine.name}-deployed", key),
                )
            for machine in machines:
                api.wait_for_state(machine.name, "active", timeout_s=900)
                wait_for_system(
                    machine, hostname=f"{machine.name}-deployed", key=key, since=0, timeout_s=300
                )
