"""Puts the ramdisk's own GRUB on a disk for BIOS: boot code, core, and a configuration that leads into one array. Pure.

The image's own ``grub-install`` is not run: it would put the ramdisk into the image's hands (CVE-2026-43003). GRUB manual, "Images";
``include/grub/i386/pc/boot.h`` of GRUB 2.06; the build of ``core.img`` is in ``image-build/elements/ingot-tools``.
"""

import struct
from collections.abc import Sequence

from agent.boot.grub_configs import CONFIG_PLACES
from agent.errors import BootloaderError

BOOT_CODE_BYTES = 440
"""What of the first sector belongs to boot code; the rest is the disk's signature and table."""
SECTOR_BYTES = 512
CONFIG_AT_BYTES = 4 << 20
"""Where the core looks for its configuration, from the beginning of the BIOS boot partition; ``8192+16`` in sectors."""
CONFIG_BYTES = 8 << 10
_KERNEL_SECTOR_AT = 0x5C
_DRIVE_CHECK_AT = 0x66
_BLOCK_LIST_AT = 0x1F4


def boot_code(boot_image: bytes, core_sector: int) -> bytes:
    """Return the first 440 bytes of the disk: GRUB's ``boot.img`` that loads its core from ``core_sector``.

    Raises:
        BootloaderError: It is no ``boot.img``.
    """
    if len(boot_image) != SECTOR_BYTES or boot_image[510:] != b"\x55\xaa":
        raise BootloaderError(f"GRUB's boot.img is no boot sector ({len(boot_image)} bytes)")
    code = bytearray(boot_image)
    struct.pack_into("<Q", code, _KERNEL_SECTOR_AT, core_sector)
    code[_DRIVE_CHECK_AT : _DRIVE_CHECK_AT + 2] = b"\x90\x90"  # trust the BIOS's drive number
    return bytes(code[:BOOT_CODE_BYTES])


def core(core_image: bytes, core_sector: int) -> bytes:
    """Return GRUB's ``core.img`` that finds the rest of itself behind ``core_sector``; whole sectors.

    Raises:
        BootloaderError: It is too long for its place.
    """
    if not SECTOR_BYTES < len(core_image) <= CONFIG_AT_BYTES:
        raise BootloaderError(f"GRUB's core.img has {len(core_image)} bytes, which do not fit")
    content = bytearray(core_image) + bytes(-len(core_image) % SECTOR_BYTES)
    struct.pack_into("<Q", content, _BLOCK_LIST_AT, core_sector + 1)
    return bytes(content)


def configuration(array_uuid: str, partitions: Sequence[str]) -> bytes:
    """Return the text that has GRUB go on with the configuration of the system on an array.

    Args:
        array_uuid: As mdadm writes it, with colons.
        partitions: GRUB's names of the partitions inside the array: ``gpt1``, ``msdos2``.

    Raises:
        BootloaderError: There are too many partitions.
    """
    array = "mduuid/" + array_uuid.replace(":", "")
    lines = []
    for part in partitions:
        for place in CONFIG_PLACES:
            folder = place.rpartition("/")[0]
            lines += [
                f"if [ -f ({array},{part}){place} ]; then",
                f"  set root={array},{part}",
                f"  set prefix=({array},{part}){folder}",
                f"  configfile ({array},{part}){place}",
                "fi",
            ]
    lines += [
        f'echo "The array {array_uuid} has no configuration of GRUB;"',
        'echo "deploy an image that boots with GRUB, or see whether its disks are there."',
        "sleep 60",
        "",
    ]
    text = "\n".join(lines).encode()
    if len(text) > CONFIG_BYTES:
        raise BootloaderError(
            f"the array has {len(partitions)} partitions, more than GRUB's configuration has room for"
        )
    return text.ljust(CONFIG_BYTES, b"\n")
