"""What ``image_info`` wants of a disk that gets a partition image. Pure.

Sources: Ironic's agent API (``image_info``) and its rules for the kind of partition table: GPT with UEFI, else the capability
``disk_label``, else an MBR.
"""

from dataclasses import dataclass
from typing import Literal

from agent.protocol.image import ImageInfo
from agent.protocol.loose_values import truth, whole_number
from agent.protocol.refusal import Refusal

EPHEMERAL_FORMATS = ("ext4", "ext3", "ext2")
_MIB_PER_GIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionWishes:
    """Partitions around the image; ``label`` is the kind of partition table, sizes are in MiB, 0 = no such partition."""

    boot_mode: Literal["uefi", "bios"]
    label: Literal["gpt", "msdos"]
    root_mib: int
    swap_mib: int
    ephemeral_mib: int
    ephemeral_format: str
    preserves_ephemeral: bool
    grows_root: bool


def is_partition_image(image: ImageInfo) -> bool:
    """Tell whether the image is one root filesystem instead of a whole disk."""
    return image.image_type == "partition"


def partition_wishes(image: ImageInfo, firmware_mode: str) -> PartitionWishes:
    """Return the wishes.

    Args:
        image: A partition image.
        firmware_mode: How the machine was booted, ``uefi`` or ``bios``; counts if the controller does not say.

    Raises:
        Refusal: A size is missing or no number, or a word is unknown.
    """
    boot_mode = _boot_mode(image.deploy_boot_mode or firmware_mode)
    root_mib = whole_number(image.root_mb, "root_mb")
    root_mib = root_mib or _MIB_PER_GIB * whole_number(image.root_gb, "root_gb")
    if not root_mib:
        raise Refusal(
            "is missing: a partition image needs the size of its root partition; set root_gb, e.g. to 20, or"
            " image_type=whole-disk if the image brings its own partitions",
            field="root_gb",
        )
    label = _label(image.disk_label or "msdos")
    return PartitionWishes(
        boot_mode=boot_mode,
        label="gpt" if boot_mode == "uefi" else label,
        root_mib=root_mib,
        swap_mib=whole_number(image.swap_mb, "swap_mb"),
        ephemeral_mib=whole_number(image.ephemeral_mb, "ephemeral_mb"),
        ephemeral_format=_ephemeral_format(image.ephemeral_format),
        preserves_ephemeral=truth(image.preserve_ephemeral, "preserve_ephemeral"),
        grows_root=truth(image.grow_root_filesystem, "grow_root_filesystem"),
    )


def _boot_mode(text: str) -> Literal["uefi", "bios"]:
    match text.lower():
        case "uefi":
            return "uefi"
        case "bios":
            return "bios"
    raise Refusal(f"{text!r} is neither uefi nor bios", field="deploy_boot_mode")


def _label(text: str) -> Literal["gpt", "msdos"]:
    match text:
        case "gpt":
            return "gpt"
        case "msdos":
            return "msdos"
    raise Refusal(f"{text!r} is neither gpt nor msdos", field="disk_label")


def _ephemeral_format(wanted: str | None) -> str:
    if wanted and wanted not in EPHEMERAL_FORMATS:
        raise Refusal(
            f"{wanted!r} cannot be made here; choose one of {', '.join(EPHEMERAL_FORMATS)}",
            field="ephemeral_format",
        )
    return wanted or EPHEMERAL_FORMATS[0]
