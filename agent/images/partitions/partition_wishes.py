"""The wishes of ``image_info`` in the units of the disk's layout. Pure."""

from agent.disks.layout import MIB, DiskLabel, LayoutWishes
from agent.protocol.partition_wishes import PartitionWishes


def layout_wishes(
    wishes: PartitionWishes, config_drive_bytes: int, *, is_ppc64: bool
) -> LayoutWishes:
    """Return the wishes.

    Args:
        wishes: What the controller wants.
        config_drive_bytes: Size of the config drive, 0 = none.
        is_ppc64: Whether the machine is a 64-bit PowerPC.
    """
    return LayoutWishes(
        label=DiskLabel(wishes.label),
        boot_mode=wishes.boot_mode,
        root_bytes=wishes.root_mib * MIB,
        swap_bytes=wishes.swap_mib * MIB,
        ephemeral_bytes=wishes.ephemeral_mib * MIB,
        config_drive_bytes=config_drive_bytes,
        is_ppc64=is_ppc64,
    )
