"""Names of partitions as ``standby.get_partition_uuids`` uses them below ``partitions`` (Ironic agent API)."""

from enum import StrEnum


class PartitionRole(StrEnum):
    """What a partition that the agent made is for; the values are Ironic's words."""

    ESP = "efi system partition"
    BIOS_BOOT = "BIOS Boot partition"
    PREP = "PReP Boot partition"
    EPHEMERAL = "ephemeral"
    SWAP = "swap"
    CONFIG_DRIVE = "configdrive"
    ROOT = "root"
