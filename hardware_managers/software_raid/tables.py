"""Writes the planned partition table of one disk with sfdisk, and reads it back."""

import json

from agent.disks.kernel_view import partition_path
from agent.errors import RaidError
from agent.system.runner import Runner
from hardware_managers.software_raid.layout import DiskTable
from hardware_managers.software_raid.present import TIMEOUT_S


def write_table(table: DiskTable, runner: Runner) -> None:
    """Make the partitions of ``table``; what was in their place is no longer recognised.

    Raises:
        RaidError: The disk has other partitions afterwards.
    """
    disk = str(table.disk.path)
    wipe = ("--wipe=always", "--wipe-partitions=always")
    runner.run("sfdisk", *wipe, disk, timeout_s=TIMEOUT_S, stdin=table.script())
    runner.run("udevadm", "settle", timeout_s=2 * TIMEOUT_S, ok=(0, 1))
    told = json.loads(runner.run("sfdisk", "--json", disk, timeout_s=TIMEOUT_S).stdout)
    sector = table.disk.logical_sector_bytes
    found = {
        (row["node"], row["start"] * sector, row["size"] * sector, row["type"].upper())
        for row in told["partitiontable"].get("partitions", ())
    }
    meant = {
        (
            str(partition_path(table.disk.path, part.number)),
            part.start_byte,
            part.size_bytes,
            part.kind.value,
        )
        for part in table.parts
    }
    if found != meant:
        raise RaidError(
            f"{disk}: has the partitions {sorted(found)} instead of {sorted(meant)} after they were written; see dmesg"
        )
