from dataclasses import replace

import pytest

from agent.disks.virtual_media import is_virtual_medium
from agent.hardware.devices import BlockDevice
from tests.unit.fakes import disk

SMALL = disk("/dev/sdd", 64 << 20)
USB = replace(SMALL, transport="usb")


@pytest.mark.parametrize(
    "medium",
    [
        replace(USB, vendor="Dell", model="Virtual Floppy"),
        replace(USB, vendor="AMI", model="VIRTUAL MEDIA"),
        replace(USB, label="ir-vfd-dev"),
        replace(USB, label="IR-VFD-DEV"),
        replace(USB, label="VMEDIA_BOOT_ISO"),
        replace(USB, label="config-2"),
        replace(SMALL, is_removable=True, label="config-2"),
    ],
)
def test_what_the_ramdisk_takes_its_settings_from_is_a_virtual_medium(medium: BlockDevice) -> None:
    assert is_virtual_medium(medium)


@pytest.mark.parametrize(
    "other",
    [
        SMALL,
        USB,
        replace(SMALL, label="config-2"),
        replace(SMALL, vendor="VMware", model="Virtual disk"),
        replace(USB, label="config-2", size_bytes=64 << 30),
        replace(USB, label="ir-vfd-dev", size_bytes=4 << 30),
        replace(USB, model="Virtual Drive", size_bytes=64 << 30),
    ],
)
def test_no_disk_evades_its_erasure_by_a_name_alone(other: BlockDevice) -> None:
    assert not is_virtual_medium(other)
