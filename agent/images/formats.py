"""What a file is, judged by its content alone. Pure."""

from enum import StrEnum

from agent.errors import ImageError
from agent.images import qcow2

PROBE_BYTES = 65536
"""Bytes of the beginning that :func:`detect` wants to see."""


class ImageFormat(StrEnum):
    """What can be streamed to a disk; the last three hold a raw image."""

    RAW = "raw"
    QCOW2 = "qcow2"
    GZIP = "gzip"
    XZ = "xz"
    ZSTD = "zstd"


_KNOWN = (
    (0, qcow2.MAGIC, ImageFormat.QCOW2),
    (0, b"\x1f\x8b\x08", ImageFormat.GZIP),
    (0, b"\xfd7zXZ\x00", ImageFormat.XZ),
    (0, b"\x28\xb5\x2f\xfd", ImageFormat.ZSTD),
)
_REFUSED = (
    (0, b"KDMV", "a VMDK image"),
    (0, b"# Disk DescriptorFile", "a VMDK descriptor"),
    (0, b"vhdxfile", "a VHDX image"),
    (0, bytes.fromhex("636f6e6563746978"), "a VHD image"),
    (0, b"QED\x00", "a QED image"),
    (0x40, b"\x7f\x10\xda\xbe", "a VDI image"),
    (0, b"LUKS\xba\xbe", "a LUKS volume"),
    (0, b"BZh", "a bzip2 file"),
    (0, b"\x04\x22\x4d\x18", "an LZ4 file"),
    (0, b"PK\x03\x04", "a zip archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"<!DOCTYPE", "a web page"),
    (0, b"<!doctype", "a web page"),
    (0, b"<html", "a web page"),
)
_RAW_NAMES = ("raw", "gpt", "iso")


def detect(start: bytes, name: str) -> ImageFormat:
    """Return the format of the file that begins with ``start``.

    Raises:
        ImageError: It is empty or something that is known and cannot be written; ``name`` says which image.
    """
    if not start:
        raise ImageError(f"{name}: empty")
    for at, magic, what in _REFUSED:
        if start[at : at + len(magic)] == magic:
            raise ImageError(f"{name}: is {what}; convert it with qemu-img to raw or qcow2")
    for at, magic, found in _KNOWN:
        if start[at : at + len(magic)] == magic:
            return found
    return ImageFormat.RAW


def check_declared(found: ImageFormat, declared: str | None, name: str) -> None:
    """Compare with ``disk_format`` of the controller; not given or ``unknown`` allows anything.

    Raises:
        ImageError: The image is not what it was said to be.
    """
    if not declared or declared == "unknown":
        return
    is_raw = found is not ImageFormat.QCOW2
    if (is_raw and declared in _RAW_NAMES) or found == declared:
        return
    raise ImageError(
        f"{name}: its content is {found}, but disk_format says {declared};"
        " correct image_disk_format or publish the right file"
    )
