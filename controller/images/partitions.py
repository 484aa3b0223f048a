"""Partition images: one root filesystem instead of a whole disk; what ``instance_info`` says about the partitions around it. Pure.

Source: Ironic's ``direct`` deploy interface and its ``parse_instance_info``; names and units are the ones its conductor sends.
"""

from collections.abc import Mapping
from typing import Any

from controller.errors import Invalid

_MIB_PER_GIB = 1024
_LABELS = ("gpt", "msdos")
_DEFAULT_FORMAT = "ext4"
_TRUE = ("1", "t", "true", "on", "y", "yes")
_FALSE = ("0", "f", "false", "off", "n", "no", "none", "")


def is_partition_image(instance_info: Mapping[str, Any]) -> bool:
    """Tell whether a partition image is meant: by ``image_type``, or without it by a kernel or ramdisk beside the image."""
    kind = instance_info.get("image_type")
    if kind:
        return bool(kind == "partition")
    return bool(instance_info.get("kernel") or instance_info.get("ramdisk"))


def check_partitions(
    instance_info: Mapping[str, Any], boot_mode: str, disk_label: str | None
) -> None:
    """Check what a partition image needs; says nothing about other images.

    Args:
        instance_info: The node's.
        boot_mode: ``uefi`` or ``bios``.
        disk_label: The capability of this name; ``None`` = not given.

    Raises:
        Invalid: Names the key that is missing or wrong.
    """
    if not is_partition_image(instance_info):
        return
    if _number(instance_info, "root_gb") == 0:
        raise Invalid(
            "instance_info.root_gb is missing: a partition image needs the size of its root partition in GiB;"
            " set e.g. root_gb=20, or image_type=whole-disk if the image brings its own partitions"
        )
    for name in ("swap_mb", "ephemeral_gb"):
        _number(instance_info, name)
    for name in ("preserve_ephemeral", "grow_root_filesystem"):
        _flag(instance_info, name)
    if disk_label is not None and disk_label not in _LABELS:
        raise Invalid(f"the capability disk_label {disk_label!r} is neither gpt nor msdos")
    if boot_mode != "uefi":
        raise Invalid(
            "a partition image cannot boot in BIOS mode: it has no boot loader, and none is installed from it"
            " because that would run its programs in the ramdisk (CVE-2026-43003); use a whole-disk image, or"
            " the capability boot_mode:uefi with an image that has its loader in /boot/efi/EFI"
        )


def partition_fields(
    instance_info: Mapping[str, Any], boot_mode: str, disk_label: str | None
) -> dict[str, Any]:
    """Return what ``image_info`` has besides the image itself; empty for images of whole disks.

    Args:
        instance_info: One that :func:`check_partitions` accepts.
        boot_mode: ``uefi`` or ``bios``.
        disk_label: The capability of this name; ``None`` = not given.
    """
    if not is_partition_image(instance_info):
        return {}
    ephemeral_gb = _number(instance_info, "ephemeral_gb")
    default_format = _DEFAULT_FORMAT if ephemeral_gb else None
    fields: dict[str, Any] = {
        "image_type": "partition",
        "kernel": instance_info.get("kernel"),
        "ramdisk": instance_info.get("ramdisk"),
        "root_gb": _number(instance_info, "root_gb"),
        "root_mb": _MIB_PER_GIB * _number(instance_info, "root_gb"),
        "swap_mb": _number(instance_info, "swap_mb"),
        "ephemeral_mb": _MIB_PER_GIB * ephemeral_gb,
        "ephemeral_format": instance_info.get("ephemeral_format") or default_format,
        "preserve_ephemeral": _flag(instance_info, "preserve_ephemeral"),
        "deploy_boot_mode": boot_mode,
        "boot_option": "local",
    }
    if label := disk_label or ("gpt" if boot_mode == "uefi" else None):
        fields["disk_label"] = label
    if _flag(instance_info, "grow_root_filesystem"):
        fields["grow_root_filesystem"] = True
    return fields


def _number(instance_info: Mapping[str, Any], name: str) -> int:
    value = instance_info.get(name) or 0
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        raise Invalid(f"instance_info.{name} {value!r} is not a whole number") from error
    if number < 0:
        raise Invalid(f"instance_info.{name} {number} is negative")
    return number


def _flag(instance_info: Mapping[str, Any], name: str) -> bool:
    text = str(instance_info.get(name)).strip().lower()
    if text not in (*_TRUE, *_FALSE):
        raise Invalid(f"instance_info.{name} {text!r} is neither true nor false")
    return text in _TRUE
