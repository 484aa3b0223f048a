"""What is done to the disk: its tables go, the image's program installs it, and what lies there then is looked at.

After a failure the disk has no partition table, so that no firmware starts half a system.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.boot.raw_disk import overwrite
from agent.disks.kernel_view import show_partitions
from agent.disks.open_disk import MIB, OpenDisk
from agent.disks.partition_table import Partition, PartitionTable
from agent.errors import AgentError, ImageError
from agent.hardware.devices import BlockDevice
from agent.hardware.writing import InstalledContainer
from agent.images.config_drives import config_drive
from agent.images.flow.target import HEAD_BYTES, ImageTarget
from agent.protocol.bootc import BootcOrder
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot
from hardware_managers.container.bootc import plan
from hardware_managers.container.bootc.findings import FoundPartition, check_installed
from hardware_managers.container.bootc.programs import Podman

log = logging.getLogger(__name__)
_LOOK_S = 60.0
_STAT_SECTOR_BYTES = 512
"""Of ``/sys/class/block/*/stat``, whatever the disk's own are (the kernel's Documentation/block/stat.rst)."""
_STAT_WRITTEN = 6
_BOOT_CODE_BYTES = 440
"""Before the partition table in the first sector (UEFI specification 2.10, table 5.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is left to be done when all is checked; ``bootc`` is the version of the image's program, ``drive`` the config drive."""

    order: BootcOrder
    pinned: str
    bootc: str
    machine: plan.Machine
    places: plan.Places
    drive: bytes | None


def install_on(
    disk: BlockDevice,
    opened: OpenDisk,
    work: Work,
    podman: Podman,
    runner: Runner,
    sys_root: SysRoot,
) -> InstalledContainer:
    """Install on a disk that nobody else uses; return what is on it.

    Raises:
        ImageError: The installer failed, or did not leave what was ordered.
        ConfigDriveError: The config drive does not fit.
        DiskInUse: The installer left something that keeps the disk open.
    """
    log.info(
        "installing a bootable container",
        extra={"image": work.pinned, "disk": str(disk.path), "bootc": work.bootc},
    )
    written = _WrittenBytes(sys_root, disk.path)
    meter = podman.meter
    words = plan.install_words(
        work.order, work.pinned, disk.path, opened.size_bytes, work.machine, work.places
    )
    with _unbootable_after_errors(opened):
        with opened.left_to_programs():
            podman.install(words, work.places.id_file, lambda: meter.advance(written.more()))
            os.sync()  # what it wrote through partitions that nobody has open any more
        meter.begin("verify")
        table, found = _verified(opened, work, runner)
        added = None
        if work.drive is not None:
            meter.begin("config drive", len(work.drive))
            added = _add_drive(work.drive, opened, table, runner)
        meter.begin("flush")
        opened.flush()
    return InstalledContainer(
        disk=disk,
        boot_mode=work.machine.boot_mode,
        image=work.order.source,
        pinned=work.pinned,
        bootc=work.bootc,
        partitions=tuple(map(str, found)),
        written_bytes=written.total(),
        config_drive_partition=None if added is None else added.number,
        phases=meter.finish(),
        warnings=_show(opened, table, runner),
    )


def _verified(
    opened: OpenDisk, work: Work, runner: Runner
) -> tuple[PartitionTable, tuple[FoundPartition, ...]]:
    """Read back what the installer left, and check that it is what was ordered."""
    opened.reread_partitions()
    table = PartitionTable(bytearray(opened.read(0, MIB)), opened.sector_bytes)
    found = _look(opened.path, table, runner)
    check_installed(
        found,
        boot_code=bytes(table.head[:_BOOT_CODE_BYTES]),
        image=work.order.source,
        boot_mode=work.machine.boot_mode,
        architecture=work.machine.architecture,
        is_encrypted=work.order.has_tpm2_luks,
    )
    return table, found


@contextmanager
def _unbootable_after_errors(disk: OpenDisk) -> Iterator[None]:
    """Take the disk's tables away now, and again if the block ends with an error."""
    target = ImageTarget(disk)
    target.make_unbootable()
    disk.reread_partitions()
    try:
        yield
    except BaseException:
        _take_tables(target, disk)
        raise


def _take_tables(target: ImageTarget, disk: OpenDisk) -> None:
    """Take the tables away after an error, which tells more than one of here would."""
    try:
        if disk.is_open:
            target.make_unbootable()
            disk.reread_partitions()
        else:  # the installer left something that keeps it: what it is called by now is of no use
            overwrite(disk.path, 0, bytes(HEAD_BYTES))
    except AgentError as error:
        log.error(  # noqa: TRY400  # the error that led here has the traceback
            "the tables of the disk could not be taken away: it may boot half a system",
            extra={"disk": str(disk.path), "why": str(error)},
        )


def _look(disk: Path, table: PartitionTable, runner: Runner) -> tuple[FoundPartition, ...]:
    """Return the partitions with what is in each of them, by the disk's own bytes."""
    return tuple(
        FoundPartition(part=part, kind=_kind(disk, part, runner)) for part in table.partitions()
    )


def _kind(disk: Path, part: Partition, runner: Runner) -> str:
    words = (
        *("blkid", "--probe", "--match-tag", "TYPE", "--output", "value"),
        *("--offset", str(part.start_byte), "--size", str(part.size_bytes), str(disk)),
    )
    # 2: nothing that it knows, 8: several things, none of them certain
    return runner.run(*words, timeout_s=_LOOK_S, ok=(0, 2, 8)).stdout.strip()


def _add_drive(drive: bytes, disk: OpenDisk, table: PartitionTable, runner: Runner) -> Partition:
    """Put the config drive behind the partitions, and the changed table on the disk.

    Raises:
        ConfigDriveError: It has no place.
        ImageError: The table reads back differently.
    """
    table.fit(disk.size_bytes)
    added = config_drive.write(drive, disk, table, runner)
    if (backup := table.backup()) is not None:
        disk.write_bytes(backup[1], backup[0])
    disk.write_bytes(table.head, 0)
    disk.flush()
    if disk.read(0, len(table.head)) != table.head:
        raise ImageError(
            f"{disk.path}: the partition table reads back differently; the disk is faulty"
        )
    return added


def _show(disk: OpenDisk, table: PartitionTable, runner: Runner) -> tuple[str, ...]:
    """Have the kernel look at the table; the disk can boot already, so a failure is only told."""
    try:
        show_partitions(disk, table.partitions(), runner)
    except AgentError as error:
        log.warning("partitions not shown", extra={"disk": str(disk.path), "why": str(error)})
        return (f"the disk is complete, but this system does not see it so: {error}",)
    return ()


class _WrittenBytes:
    """What the kernel counts as written to a disk, from now on."""

    def __init__(self, sys_root: SysRoot, disk: Path) -> None:
        self._sys_root = sys_root
        self._disk = disk.resolve().name
        self._begun_at = self._told_at = self._now()

    def more(self) -> int:
        """Return how many bytes came since the last time."""
        before, self._told_at = self._told_at, self._now()
        return max((self._told_at or 0) - (before or 0), 0)

    def total(self) -> int | None:
        """Return how many bytes came altogether; ``None`` = the kernel does not count them."""
        now = self._now()
        return None if now is None or self._begun_at is None else now - self._begun_at

    def _now(self) -> int | None:
        fields = (self._sys_root.text("sys/class/block", self._disk, "stat") or "").split()
        if len(fields) <= _STAT_WRITTEN:
            return None
        return int(fields[_STAT_WRITTEN]) * _STAT_SECTOR_BYTES
