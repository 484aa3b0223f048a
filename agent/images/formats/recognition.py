"""What a file is, judged by its content alone. Pure."""

from collections.abc import Collection
from enum import StrEnum

from agent.errors import ImageError
from agent.images.formats import qcow2_header

PROBE_BYTES = 65536
"""Bytes of the beginning that :func:`detect` wants to see."""
END_BYTES = 512
"""Bytes of the end that :func:`check_end` wants to see."""


class ImageFormat(StrEnum):
    """What can be streamed to a disk; all but the first two hold a raw image."""

    RAW = "raw"
    QCOW2 = "qcow2"
    GZIP = "gzip"
    XZ = "xz"
    ZSTD = "zstd"
    BZIP2 = "bzip2"


_KNOWN = (
    (0, qcow2_header.MAGIC, ImageFormat.QCOW2),
    (0, b"\x1f\x8b\x08", ImageFormat.GZIP),
    (0, b"\xfd7zXZ\x00", ImageFormat.XZ),
    (0, b"\x28\xb5\x2f\xfd", ImageFormat.ZSTD),
    *((0, bytes((low, 0x2A, 0x4D, 0x18)), ImageFormat.ZSTD) for low in range(0x50, 0x60)),
    *((0, b"BZh%d1AY&SY" % level, ImageFormat.BZIP2) for level in range(1, 10)),
    *((0, b"BZh%d\x17\x72\x45\x38\x50\x90" % level, ImageFormat.BZIP2) for level in range(1, 10)),
)
"""Zstandard may begin with a skippable frame (RFC 8878, 3.1.2), bzip2 with the mark of a block or of its end."""

_CONVERT = "convert it: qemu-img convert -O qcow2"
_UNPACK = "unpack it, and publish the disk image as it is or packed with gzip, xz, zstd or bzip2"
_INSTALL = (
    "it is a medium to install from or to boot from, not an installed system: publish a whole-disk"
    " image made by an image builder, or install it into a virtual machine and convert that disk"
    " with qemu-img convert -O qcow2"
)
_VHD_MARK = bytes.fromhex("636f6e6563746978")
_REFUSED = (
    (0, b"KDMV", "a VMDK image", _CONVERT),
    (0, b"COWD", "a VMDK image", _CONVERT),
    (0, b"# Disk DescriptorFile", "a VMDK descriptor", f"take the image beside it and {_CONVERT}"),
    (0, b"vhdxfile", "a VHDX image", _CONVERT),
    (0, _VHD_MARK, "a VHD image", _CONVERT),
    (0, b"QED\x00", "a QED image", _CONVERT),
    (0, b"WithoutFreeSpace", "a Parallels image", _CONVERT),
    (0, b"WithouFreSpacExt", "a Parallels image", _CONVERT),
    (0x40, b"\x7f\x10\xda\xbe", "a VDI image", _CONVERT),
    (0x8001, b"CD001", "an ISO 9660 image", _INSTALL),
    (0x8001, b"BEA01", "a UDF image", _INSTALL),
    (0, b"LUKS\xba\xbe", "a LUKS volume", "publish a whole-disk image"),
    (0, b"hsqs", "a squashfs filesystem", "publish a whole-disk image"),
    (0, b"\x04\x22\x4d\x18", "an LZ4 file", _UNPACK),
    (0, b"LZIP", "an lzip file", _UNPACK),
    (0, b"\x5d\x00\x00", "an LZMA file", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (0, b"PK\x03\x04", "a zip archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"<!DOCTYPE", "a web page", "correct the image's URL"),
    (0, b"<!doctype", "a web page", "correct the image's URL"),
    (0, b"<html", "a web page", "correct the image's URL"),
)
_RAW_NAMES = ("raw", "gpt")


def detect(start: bytes, name: str) -> ImageFormat:
    """Return the format of the file that begins with ``start``.

    An ISO image is refused even if it carries a partition table of its own: a disk that it is written to boots an
    installer, and its table cannot take a config drive.

    Raises:
        ImageError: It is empty or something that is known and cannot be written; ``name`` says which image.
    """
    if not start:
        raise ImageError(f"{name}: empty; publish the image again")
    for at, magic, what, remedy in _REFUSED:
        if start[at : at + len(magic)] == magic:
            raise ImageError(f"{name}: is {what}; {remedy}")
    for at, magic, found in _KNOWN:
        if start[at : at + len(magic)] == magic:
            return found
    return ImageFormat.RAW


def check_end(end: bytes, name: str) -> None:
    """Look at the last ``END_BYTES`` of a file that seems to be raw: a VHD image of fixed size has its mark there only.

    Raises:
        ImageError: It is one.
    """
    if end.startswith(_VHD_MARK):
        raise ImageError(f"{name}: is a VHD image of fixed size; {_CONVERT}")


def check_permitted(
    found: ImageFormat, declared: str | None, permitted: Collection[str], name: str
) -> None:
    """Refuse a format that the controller does not permit; raw content that was declared raw always passes, as with Ironic's agent.

    Raises:
        ImageError: The format is not among ``permitted``.
    """
    is_raw = found is not ImageFormat.QCOW2
    if is_raw and (declared in _RAW_NAMES or not set(_RAW_NAMES).isdisjoint(permitted)):
        return
    if not is_raw and found in permitted:
        return
    raise ImageError(
        f"{name}: its content is {found}, but the controller permits {', '.join(permitted) or 'no format'} only;"
        " publish it in such a format, or correct the conductor's permitted_image_formats"
    )


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
