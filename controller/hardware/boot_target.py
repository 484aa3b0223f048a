"""What a machine is told to boot, whichever boot interface brings it there. Pure."""

from enum import StrEnum


class BootTarget(StrEnum):
    """What a machine is to boot; a node keeps it as ``driver_internal_info.boot_target``, ``None`` = its disk, too."""

    DISK = "disk"
    RAMDISK = "ramdisk"
    """The ramdisk with the agent."""
    INSTANCE_RAMDISK = "instance_ramdisk"
    """Kernel and ramdisk of the instance."""
    INSTANCE_ISO = "instance_iso"
    VOLUME = "volume"
    """A disk of the network, which the node's volume targets name."""


FROM_NETWORK = frozenset(BootTarget) - {BootTarget.DISK}
OF_INSTANCE = FROM_NETWORK - {BootTarget.RAMDISK}
KEY = "boot_target"
