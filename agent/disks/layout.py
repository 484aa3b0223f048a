"""Where the partitions of a partition image go, decided from wishes and the disk's size. Pure.

Order and sizes are Ironic's: what firmware needs first, the root partition last, so that it can grow in the deployed system.
The first and the last MiB of the disk belong to the partition tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from agent.errors import LayoutDoesNotFit
from agent.protocol.partitions import PartitionRole

MIB = 1 << 20
ESP_BYTES = 550 * MIB
BIOS_BOOT_BYTES = MIB
PREP_BYTES = 8 * MIB
_MBR_PRIMARIES = 4
_MBR_SECTORS = (1 << 32) - 1
"""An MBR counts sectors with 32 bits: 2 TiB with sectors of 512 bytes, 16 TiB with 4096."""


class DiskLabel(StrEnum):
    """Kind of partition table; the values are those of the capability ``disk_label``."""

    GPT = "gpt"
    MBR = "msdos"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutWishes:
    """What a disk shall hold; a size of 0 = no such partition, sizes are rounded up to whole MiB.

    ``boot_mode`` is ``uefi`` or ``bios``; ``is_ppc64`` asks for a PReP partition instead of a BIOS boot one.
    """

    label: DiskLabel
    boot_mode: str
    root_bytes: int
    swap_bytes: int = 0
    ephemeral_bytes: int = 0
    config_drive_bytes: int = 0
    is_ppc64: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPartition:
    """One partition to be; numbers begin at 1, bytes count from the beginning of the disk."""

    number: int
    role: PartitionRole
    start_byte: int
    size_bytes: int

    @property
    def end_byte(self) -> int:
        """One past the last byte."""
        return self.start_byte + self.size_bytes


def plan_layout(
    wishes: LayoutWishes, disk_bytes: int, sector_bytes: int
) -> tuple[PlannedPartition, ...]:
    """Give every wanted partition a place on the disk.

    Args:
        wishes: What is wanted.
        disk_bytes: Capacity of the disk.
        sector_bytes: Its logical sector size, 512 or 4096.

    Returns:
        Partitions in disk order, aligned to 1 MiB, not overlapping, the root partition last.

    Raises:
        LayoutDoesNotFit: The disk is too small, or an MBR cannot describe the layout; the message says what is missing.
    """
    wanted = [(role, _rounded(size)) for role, size in _wanted(wishes) if size]
    if wishes.label is DiskLabel.MBR and len(wanted) > _MBR_PRIMARIES:
        raise LayoutDoesNotFit(
            f"an MBR has room for {_MBR_PRIMARIES} primary partitions, but {len(wanted)} are wanted"
            f" ({_listed(wanted)}); set the capability disk_label:gpt"
        )
    parts = []
    start = MIB
    for number, (role, size) in enumerate(wanted, 1):
        part = PlannedPartition(number=number, role=role, start_byte=start, size_bytes=size)
        parts.append(part)
        start = part.end_byte
    room = (disk_bytes - MIB) // MIB * MIB
    if start > room:
        raise LayoutDoesNotFit(
            f"{start - room} bytes are missing on the disk: the layout needs {start + MIB} ({_listed(wanted)},"
            f" and a MiB at both ends), the disk has {disk_bytes}; reduce root_gb, ephemeral_gb or swap_mb,"
            " or choose a larger disk (root device hints)"
        )
    if wishes.label is DiskLabel.MBR and start > _MBR_SECTORS * sector_bytes:
        raise LayoutDoesNotFit(
            f"the layout ends at byte {start}, but an MBR reaches only to {_MBR_SECTORS * sector_bytes} with"
            f" sectors of {sector_bytes} bytes; set the capability disk_label:gpt"
        )
    return tuple(parts)


def _wanted(wishes: LayoutWishes) -> Iterator[tuple[PartitionRole, int]]:
    if wishes.boot_mode == "uefi":
        yield PartitionRole.ESP, ESP_BYTES
    elif wishes.is_ppc64:
        yield PartitionRole.PREP, PREP_BYTES
    elif wishes.label is DiskLabel.GPT:
        yield PartitionRole.BIOS_BOOT, BIOS_BOOT_BYTES
    yield PartitionRole.EPHEMERAL, wishes.ephemeral_bytes
    yield PartitionRole.SWAP, wishes.swap_bytes
    yield PartitionRole.CONFIG_DRIVE, wishes.config_drive_bytes
    yield PartitionRole.ROOT, wishes.root_bytes


def _rounded(size_bytes: int) -> int:
    return -(-size_bytes // MIB) * MIB


def _listed(wanted: list[tuple[PartitionRole, int]]) -> str:
    return ", ".join(f"{role} {size // MIB} MiB" for role, size in wanted)


def planned(parts: tuple[PlannedPartition, ...], role: PartitionRole) -> PlannedPartition | None:
    """Return the partition with this role; ``None`` = the layout has none."""
    return next((part for part in parts if part.role is role), None)
