"""A root filesystem alone is deployed, becomes a system that the firmware starts, and finds its config drive."""

from pathlib import Path

import pytest

from tests.e2e.partition_roots import deploy_and_wait, packed, root_with_grub, root_with_loader
from tests.lab.controller import Setting
from tests.lab.enrol import ramdisk_settings
from tests.lab.hardware import Bus, Firmware
from tests.lab.lab import Lab

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1500)]
MEMORY_MIB = 1024


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
        root = packed(root_with_grub(lab.scratch))
        machine = (Firmware.BIOS, Bus.VIRTIO, MEMORY_MIB)
        deploy_and_wait(lab, root, settings, machine, capabilities={"disk_label": label})


def test_a_root_filesystem_is_deployed_and_boots_under_uefi(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        root = packed(root_with_loader(lab.scratch))
        deploy_and_wait(lab, root, ramdisk_settings(), (Firmware.UEFI, Bus.NVME, MEMORY_MIB))
