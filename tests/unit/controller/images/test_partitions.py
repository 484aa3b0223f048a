"""A partition image is recognised, and what it lacks is named before a machine is touched."""

from typing import Any

import pytest

from controller.errors import Invalid
from controller.images.partitions import check_bootable, is_partition_image, partition_fields

GOOD: dict[str, Any] = {"image_type": "partition", "root_gb": "20"}


@pytest.mark.parametrize(
    ("instance_info", "expected"),
    [
        ({}, False),
        ({"image_type": "whole-disk", "kernel": "http://s/k"}, False),
        ({"image_type": "partition"}, True),
        ({"kernel": "http://s/k", "ramdisk": "http://s/r"}, True),
    ],
)
def test_a_kernel_beside_the_image_means_a_partition_image(
    instance_info: dict[str, Any], expected: bool
) -> None:
    assert is_partition_image(instance_info) is expected


def test_what_cannot_boot_is_refused_before_the_machine_is_touched() -> None:
    check_bootable({"image_source": "http://s/i"}, "bios", may_install_grub=False)
    check_bootable(GOOD, "uefi", may_install_grub=False)
    check_bootable(GOOD, "bios", may_install_grub=True)
    with pytest.raises(
        Invalid, match=r"BIOS mode.*CVE-2026-43003.*set enable_bios_bootloader_install"
    ):
        check_bootable(GOOD, "bios", may_install_grub=False)


def test_the_fields_are_those_of_the_real_conductor() -> None:
    assert partition_fields({"image_source": "http://s/i"}, "uefi", None) == {}
    wishes = {**GOOD, "swap_mb": 512, "ephemeral_gb": 2, "preserve_ephemeral": "True"}
    assert partition_fields(wishes, "uefi", None) == {
        "image_type": "partition",
        "kernel": None,
        "ramdisk": None,
        "root_gb": 20,
        "root_mb": 20480,
        "swap_mb": 512,
        "ephemeral_mb": 2048,
        "ephemeral_format": "ext4",
        "preserve_ephemeral": True,
        "deploy_boot_mode": "uefi",
        "boot_option": "local",
        "disk_label": "gpt",
    }
    grown = partition_fields({**GOOD, "grow_root_filesystem": True}, "bios", "msdos")
    assert (grown["grow_root_filesystem"], grown["disk_label"]) == (True, "msdos")
    assert grown["ephemeral_format"] is None
