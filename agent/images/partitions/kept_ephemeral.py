"""Decides whether a disk has the wanted layout already, so that its ephemeral partition can be kept. Pure."""

from collections.abc import Sequence

from agent.disks.layout import MIB, DiskLabel, PlannedPartition
from agent.disks.partition_table import Partition, PartitionTable
from agent.errors import ImageError, LayoutDoesNotFit

_BOOT_CODE_BYTES = 440


def kept_table(
    head: bytes,
    sector_bytes: int,
    wanted: Sequence[PlannedPartition],
    label: DiskLabel,
    where: str,
) -> bytearray:
    """Return the disk's first MiB with its table and without boot code.

    Args:
        head: The first MiB as it is.
        sector_bytes: The disk's logical sector size.
        wanted: The layout that the deployment asks for.
        label: Kind of table that it asks for.
        where: The disk, for messages.

    Raises:
        LayoutDoesNotFit: The disk has another layout; the message names every difference.
    """
    kept = bytearray(head)
    try:
        table = PartitionTable(kept, sector_bytes)
    except ImageError as error:
        raise _refused(where, ["the disk has no readable partition table"]) from error
    found_label = DiskLabel.MBR if table.gpt is None else DiskLabel.GPT
    differences = _differences(table.partitions(), wanted)
    if found_label is not label:
        differences.insert(0, f"the table is {found_label}, wanted {label}")
    if differences:
        raise _refused(where, differences)
    kept[:_BOOT_CODE_BYTES] = bytes(_BOOT_CODE_BYTES)
    return kept


def _differences(found: Sequence[Partition], wanted: Sequence[PlannedPartition]) -> list[str]:
    by_number = {part.number: part for part in found}
    differences = []
    for part in wanted:
        there = by_number.pop(part.number, None)
        if there is None:
            differences.append(f"partition {part.number} ({part.role}) is missing")
        elif (there.start_byte, there.size_bytes) != (part.start_byte, part.size_bytes):
            differences.append(
                f"partition {part.number} ({part.role}) has {_shown(there.start_byte, there.size_bytes)},"
                f" wanted {_shown(part.start_byte, part.size_bytes)}"
            )
    differences += [f"partition {number} is not wanted" for number in sorted(by_number)]
    return differences


def _shown(start_byte: int, size_bytes: int) -> str:
    return f"{size_bytes / MIB:g} MiB at {start_byte / MIB:g} MiB"


def _refused(where: str, differences: Sequence[str]) -> LayoutDoesNotFit:
    return LayoutDoesNotFit(
        f"{where}: the ephemeral partition cannot be preserved: {'; '.join(differences)}; deploy with the"
        " sizes of the last deployment, or without preserve_ephemeral, which destroys its data"
    )
