"""Partition images: one root filesystem instead of a whole disk; what ``instance_info`` says about the partitions around it. Pure.

Source: Ironic's ``direct`` deploy interface and its ``parse_instance_info``; names and units are the ones its conductor sends.
"""

from collections.abc import Mapping
from typing import Any

from agent.protocol.loose_values import truth, whole_number
from controller.errors import Invalid

_MIB_PER_GIB = 1024
_DEFAULT_FORMAT = "ext4"


def is_partition_image(instance_info: Mapping[str, Any]) -> bool:
    """Tell whether a partition image is meant: by ``image_type``, or without it by a kernel or ramdisk beside the image."""
    kind = instance_info.get("image_type")
    if kind:
        return bool(kind == "partition")
    return bool(instance_info.get("kernel") or instance_info.get("ramdisk"))


def check_bootable(
    instance_info: Mapping[str, Any], boot_mode: str, *, may_install_grub: bool
) -> None:
    """Check that the firmware can boot what is deployed.

    Args:
        instance_info: The node's.
        boot_mode: ``uefi`` or ``bios``.
        may_install_grub: Whether the operator lets agents run the image's own ``grub-install``.

    Raises:
        Invalid: A partition image in BIOS mode, and they do not.
    """
    if is_partition_image(instance_info) and boot_mode != "uefi" and not may_install_grub:
        raise Invalid(
            "a partition image cannot boot in BIOS mode here: it has no boot loader, and to install its own one would run its"
            " programs as root in the ramdisk (CVE-2026-43003); use a whole-disk image, or the capability boot_mode:uefi with an"
            " image that has its loader in /boot/efi/EFI, or set enable_bios_bootloader_install in the controller's settings if"
            " you trust your images"
        )


def partition_fields(
    instance_info: Mapping[str, Any], boot_mode: str, disk_label: str | None
) -> dict[str, Any]:
    """Return what ``image_info`` has besides the image itself; empty for images of whole disks.

    Args:
        instance_info: The node's.
        boot_mode: ``uefi`` or ``bios``.
        disk_label: The capability of this name; ``None`` = not given.

    Raises:
        Refusal: A size is no number, or a truth value none.
    """
    if not is_partition_image(instance_info):
        return {}
    root_gb = whole_number(instance_info.get("root_gb"), "root_gb")
    ephemeral_gb = whole_number(instance_info.get("ephemeral_gb"), "ephemeral_gb")
    default_format = _DEFAULT_FORMAT if ephemeral_gb else None
    fields: dict[str, Any] = {
        "image_type": "partition",
        "kernel": instance_info.get("kernel"),
        "ramdisk": instance_info.get("ramdisk"),
        "root_gb": root_gb,
        "root_mb": _MIB_PER_GIB * root_gb,
        "swap_mb": whole_number(instance_info.get("swap_mb"), "swap_mb"),
        "ephemeral_mb": _MIB_PER_GIB * ephemeral_gb,
        "ephemeral_format": instance_info.get("ephemeral_format") or default_format,
        "preserve_ephemeral": truth(instance_info.get("preserve_ephemeral"), "preserve_ephemeral"),
        "deploy_boot_mode": boot_mode,
        "boot_option": "local",
    }
    if label := disk_label or ("gpt" if boot_mode == "uefi" else None):
        fields["disk_label"] = label
    if truth(instance_info.get("grow_root_filesystem"), "grow_root_filesystem"):
        fields["grow_root_filesystem"] = True
    return fields
