"""What ``image_info`` wants of a disk that gets a partition image. Pure.

Sources: Ironic's agent API (``image_info``) and its rules for the kind of partition table: GPT with UEFI, else the capability
``disk_label``, else an MBR.
"""

from agent.disks.layout import MIB, DiskLabel, LayoutWishes
from agent.errors import InvalidRequest
from agent.protocol.image import ImageInfo

EPHEMERAL_FORMATS = ("ext4", "ext3", "ext2")
_MIB_PER_GIB = 1024
_TRUE = ("1", "t", "true", "on", "y", "yes")
_FALSE = ("0", "f", "false", "off", "n", "no", "")


def is_partition_image(image: ImageInfo) -> bool:
    """Tell whether the image is one root filesystem instead of a whole disk."""
    return image.image_type == "partition"


def layout_wishes(
    image: ImageInfo, config_drive_bytes: int, *, firmware_mode: str, is_ppc64: bool
) -> LayoutWishes:
    """Return the wishes.

    Args:
        image: A partition image.
        config_drive_bytes: Size of the config drive, 0 = none.
        firmware_mode: How this ramdisk was booted, ``uefi`` or ``bios``; counts if the controller does not say.
        is_ppc64: Whether the machine is a 64-bit PowerPC.

    Raises:
        InvalidRequest: A size is missing or no number, or a word is unknown; the message names the field.
    """
    boot_mode = (image.deploy_boot_mode or firmware_mode).lower()
    if boot_mode not in ("uefi", "bios"):
        raise InvalidRequest(
            f"image_info.deploy_boot_mode {image.deploy_boot_mode!r} is neither uefi nor bios"
        )
    root_mib = _number(image.root_mb, "root_mb") or (
        _MIB_PER_GIB * _number(image.root_gb, "root_gb")
    )
    if not root_mib:
        raise InvalidRequest(
            f"image {image.id}: a partition image needs root_mb (or root_gb), the size of the root partition;"
            " set instance_info.root_gb"
        )
    return LayoutWishes(
        label=_label(image, boot_mode),
        boot_mode=boot_mode,
        root_bytes=root_mib * MIB,
        swap_bytes=_number(image.swap_mb, "swap_mb") * MIB,
        ephemeral_bytes=_number(image.ephemeral_mb, "ephemeral_mb") * MIB,
        config_drive_bytes=config_drive_bytes,
        is_ppc64=is_ppc64,
    )


def ephemeral_format(image: ImageInfo) -> str:
    """Return the filesystem of the ephemeral partition.

    Raises:
        InvalidRequest: It is none that can be made here.
    """
    wanted = image.ephemeral_format or EPHEMERAL_FORMATS[0]
    if wanted not in EPHEMERAL_FORMATS:
        raise InvalidRequest(
            f"image_info.ephemeral_format {wanted!r} cannot be made here; choose one of"
            f" {', '.join(EPHEMERAL_FORMATS)}"
        )
    return wanted


def flag(value: bool | str | None, name: str) -> bool:
    """Return a truth value that a controller may have left as text; not given = false.

    Raises:
        InvalidRequest: It is neither true nor false.
    """
    text = "" if value is None else str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise InvalidRequest(f"image_info.{name}: {value!r} is neither true nor false")


def _label(image: ImageInfo, boot_mode: str) -> DiskLabel:
    if boot_mode == "uefi":
        return DiskLabel.GPT
    try:
        return DiskLabel(image.disk_label or DiskLabel.MBR)
    except ValueError as error:
        raise InvalidRequest(
            f"image_info.disk_label {image.disk_label!r} is neither gpt nor msdos"
        ) from error


def _number(value: int | str | None, name: str) -> int:
    try:
        number = int(value or 0)
    except ValueError as error:
        raise InvalidRequest(f"image_info.{name}: {value!r} is not a whole number") from error
    if number < 0:
        raise InvalidRequest(f"image_info.{name}: {value} is negative")
    return number
