"""A root filesystem alone is deployed, becomes a system that the firmware starts, and finds its config drive."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.partition_roots import root_with_grub, root_with_loader
from tests.lab.api_client import ApiClient
from tests.lab.controller import Setting
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import config_drive, make_deployable, publish_image, ramdisk_settings
from tests.lab.hardware import Bus, Disk, Firmware
from tests.lab.lab import Lab

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1500)]


@pytest.mark.long
@pytest.mark.parametrize("label", ["msdos", "gpt"])
def test_a_root_filesystem_is_deployed_and_boots_under_bios_by_its_own_grub(
    logs: Path, label: str
) -> None:
    with Lab(workdir=logs) as lab:
        settings: dict[str, Setting] = {
            **ramdisk_settings(),
            "enable_bios_bootloader_install": True,
        }
        root = root_with_grub(lab.scratch)
        wishes = {"capabilities": {"disk_label": label}}
        deploy_and_wait(lab, root, settings, Firmware.BIOS, Bus.VIRTIO, **wishes)


def test_a_root_filesystem_is_deployed_and_boots_under_uefi(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        root = root_with_loader(lab.scratch)
        deploy_and_wait(lab, root, ramdisk_settings(), Firmware.UEFI, Bus.NVME)


def deploy_and_wait(
    lab: Lab,
    root: Path,
    settings: Mapping[str, Setting],
    firmware: Firmware,
    bus: Bus,
    **wishes: Any,
) -> None:
    """Deploy a root filesystem on a new machine and wait for the login prompt of its system."""
    controller = lab.controller(settings=settings)
    machine = lab.machine(
        name="m1",
        firmware=firmware,
        memory_mib=1024,
        disks=(Disk(size_bytes=4 << 30, bus=bus),),
    )
    image, key = publish_image(lab, root), make_key(lab.scratch)
    with lab.network.inside():
        api = ApiClient(controller.url)
        make_deployable(
            api,
            machine,
            image,
            image_type="partition",
            root_gb=2,
            swap_mb=64,
            grow_root_filesystem=True,
            **wishes,
        )
        mark = machine.console.mark()
        api.provision("m1", "active", configdrive=config_drive("part-1", key))
        node = api.wait_for_state("m1", "active", timeout_s=1200)
        assert node["last_error"] is None
        wait_for_system(machine, hostname="part-1", key=key, since=mark, timeout_s=300)
