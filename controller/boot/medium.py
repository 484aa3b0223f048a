"""The disk that UEFI HTTP boot fetches and starts: signed loaders, kernel and ramdisk in a file system made while it is sent.

Debian's signed GRUB has no HTTP, so it could fetch nothing more after it was fetched that way; firmware can, and puts what it
fetched into memory as a disk (UEFI 2.10 section 24.7, "RAM disk image").
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.protocol.http_server.files import FileParts, Part, Transfer
from controller.boot.fat_image import FatImage, TooLarge, plan_fat
from controller.boot.loaders import DISK_GRUB, SHIM, find_loader
from controller.errors import Invalid, NotFound
from controller.settings import Settings

MEDIA_TYPE = "application/vnd.efi-img"
KERNEL = "/VMLINUZ"
RAMDISK = "/INITRD"
"""Names on the medium."""
_CONFIG = "BOOT/GRUB/GRUB.CFG"
_SHIM = "EFI/BOOT/BOOTX64.EFI"
_GRUB = "EFI/BOOT/GRUBX64.EFI"
_CONFIG_BYTES = 16384
"""The script is filled up to it: how long a medium is does not tell what is on it, and stays the same from HEAD to GET."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """A medium as planned."""

    config: bytes
    files: tuple[Path, ...]
    layout: FatImage

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return self.layout.size_bytes


def plan_medium(script: str, settings: Settings, *boot_files: Path) -> Medium:
    """Plan the medium of one machine.

    Args:
        script: What GRUB shall do.
        settings: Say where the loaders are.
        boot_files: Kernel and ramdisk, or neither.

    Raises:
        NotFound: The signed loaders are not installed.
        Invalid: The files are too large for a medium.
    """
    loaders = [find_loader(name, settings) for name in (SHIM, DISK_GRUB)]
    files = (*filter(None, loaders), *boot_files)
    if None in loaders:
        raise NotFound("the signed loaders could not be found in the setting grub_directory")
    config = script.encode("ascii").ljust(_CONFIG_BYTES, b"\n")
    names = (_SHIM, _GRUB, KERNEL.lstrip("/"), RAMDISK.lstrip("/"))
    sizes = {_CONFIG: len(config)}
    sizes |= {name: path.stat().st_size for name, path in zip(names, files, strict=False)}
    try:
        layout = plan_fat(sizes, "INGOT")
    except TooLarge as error:
        raise Invalid(str(error)) from error
    return Medium(config=config, files=files, layout=layout)


def open_medium(medium: Medium, on_end: Callable[[Transfer], None]) -> FileParts:
    """Return a medium to be sent; only its file system's own tables and the script are in memory."""
    layout = medium.layout
    own = os.fdopen(os.memfd_create("medium"), "w+b")
    own.write(layout.head + _filled(medium.config, layout.cluster_bytes))
    head_bytes = own.tell()
    own.truncate(head_bytes + max(layout.cluster_bytes, layout.tail_bytes))
    parts = [Part(file=own, start_byte=0, size_bytes=head_bytes)]
    for path in medium.files:
        file = path.open("rb")
        size_bytes = os.fstat(file.fileno()).st_size
        parts.append(Part(file=file, start_byte=0, size_bytes=size_bytes))
        zeros = -size_bytes % layout.cluster_bytes
        parts.append(Part(file=own, start_byte=head_bytes, size_bytes=zeros))
    parts.append(Part(file=own, start_byte=head_bytes, size_bytes=layout.tail_bytes))
    own.flush()
    return FileParts(parts, on_end)


def _filled(data: bytes, unit_bytes: int) -> bytes:
    return data.ljust(-(-len(data) // unit_bytes) * unit_bytes, b"\0")
