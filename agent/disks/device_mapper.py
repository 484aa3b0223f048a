"""Removes a mapping of the kernel's device mapper: crypt, LVM, multipath. The ramdisk has no ``dmsetup``.

Linux ``include/uapi/linux/dm-ioctl.h``: one structure of 312 bytes, interface version 4.
"""

import fcntl
import os
import struct
from pathlib import Path

from agent.errors import DiskInUse

CONTROL = Path("/dev/mapper/control")
_HEADER = struct.Struct("<3I 4I i 2I Q 128s 129s 7x")
_VERSION = (4, 0, 0)
_DM_DEV_REMOVE = 0xC138FD04
_NAME_BYTES = 127


def removal_order(name: str) -> bytes:
    """Return the structure that names the mapping to remove.

    Raises:
        ValueError: The name is longer than the kernel allows.
    """
    raw = os.fsencode(name)
    if not 0 < len(raw) <= _NAME_BYTES:
        raise ValueError(f"{name!r} is no name of a mapping")
    return _HEADER.pack(*_VERSION, _HEADER.size, _HEADER.size, 0, 0, 0, 0, 0, 0, raw, b"")


def remove_mapping(name: str) -> None:
    """Remove the mapping; what it stood on keeps its content.

    Raises:
        DiskInUse: It is open, or the kernel refuses.
    """
    try:
        with CONTROL.open("rb") as control:
            fcntl.ioctl(control, _DM_DEV_REMOVE, removal_order(name))
    except OSError as error:
        raise DiskInUse(
            f"mapping {name}: cannot be removed: {error.strerror}; see lsblk for who uses it"
        ) from error
