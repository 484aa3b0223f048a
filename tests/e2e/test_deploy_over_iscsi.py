"""The deploy interface ``iscsi``: the ramdisk exports its disk by the kernel's own target, the controller writes it, and the system starts.

The machine asks the image's server for nothing.
"""

from pathlib import Path

import pytest

from tests.e2e.test_controller_is_killed import Killer
from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import (
    config_drive,
    enrol,
    make_available,
    publish_os_image,
    ramdisk_settings,
)
from tests.lab.hardware import Bus, Disk, Firmware
from tests.lab.lab import Lab

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(1500)]


@pytest.mark.parametrize(
    ("firmware", "bus"), [(Firmware.UEFI, Bus.NVME), (Firmware.BIOS, Bus.VIRTIO)]
)
def test_the_controller_writes_the_disk_and_the_machine_shows_its_login_prompt(
    logs: Path, firmware: Firmware, bus: Bus
) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings())
        disk = Disk(size_bytes=8 << 30, bus=bus)
        machine = lab.machine(name="m1", firmware=firmware, memory_mib=1024, disks=(disk,))
        image, key = publish_os_image(lab), make_key(lab.scratch)
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine, deploy_interface="iscsi")
            make_available(api, "m1", clean=False)
            api.set_image("m1", image.url, image.sha256)
            mark = machine.console.mark()
            seen: set[int] = set()
            api.provision("m1", "active", configdrive=config_drive("over-iscsi", key))
            node = api.wait_for_state(
                "m1",
                "active",
                timeout_s=900,
                on_look=lambda node: seen.add((node.get("progress") or {}).get("bytes_done") or 0),
            )
            assert node["last_error"] is None
            assert len(seen) > 2, "the image write showed no progress"
            receipt = node["driver_internal_info"]["image_receipt"]
            assert receipt["digest"] == f"sha256:{image.sha256}"
            assert receipt["compared_bytes"] > 0
            senders = {one.sender for one in lab.http.requests}
            assert senders == {lab.network.gateway}, "the machine has asked the image's server"
            wait_for_system(machine, hostname="over-iscsi", key=key, since=mark, timeout_s=300)
            assert machine.console.text.count("INGOT-OS-READY") == 1


def test_a_controller_that_is_killed_in_every_stage_writes_again(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings())
        disk = Disk(size_bytes=8 << 30, bus=Bus.VIRTIO)
        machine = lab.machine(name="m1", firmware=Firmware.UEFI, memory_mib=1024, disks=(disk,))
        image, key = publish_os_image(lab), make_key(lab.scratch)
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine, deploy_interface="iscsi")
            make_available(api, "m1", clean=False)
            api.set_image("m1", image.url, image.sha256)
            mark = machine.console.mark()
            killer = Killer(controller)
            killer.hold_new_stages()
            api.provision("m1", "active", configdrive=config_drive("killed", key))
            killer.kill_in_every_stage()
            said = [str(entry["event"]) for entry in api.history("m1")]
            wait_for_system(machine, hostname="killed", key=key, since=mark, timeout_s=300)
        assert any("it is begun again" in text for text in said), said
        stages = {name for name in killer.killed_at if ".iscsi." in name}
        assert stages == {f"deploy.iscsi.{name}" for name in ("begin", "export", "watch", "end")}
