"""A partition image's disk: its layout is planned and checked before the first write, and carried out around the stream of the root.

Order: root filesystem (streamed by the writer, its checksum compared), the other filesystems and the config drive, everything
flushed, the GPT's backup, and the first MiB with the partition table last. With a kept ephemeral partition the table stays where it is; then the
boot code and the partitions that firmware boots are wiped first.
"""

import logging
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agent.disks import gpt, mbr
from agent.disks.kernel_view import partition_path
from agent.disks.layout import MIB, PlannedPartition, plan_layout, planned
from agent.disks.new_table import build_table
from agent.disks.open_disk import OpenDisk
from agent.disks.partition_table import PartitionTable
from agent.errors import ImageError
from agent.images.config_drives import config_drive
from agent.images.flow.meter import Meter
from agent.images.flow.target import ImageTarget
from agent.images.partitions import file_systems
from agent.images.partitions.block_size import block_bytes
from agent.images.partitions.efi_assets import EfiAssets
from agent.images.partitions.kept_ephemeral import kept_table
from agent.images.partitions.partition_target import PartitionTarget
from agent.images.partitions.partition_wishes import layout_wishes
from agent.images.preparation import Work
from agent.images.proof.witness import Witness
from agent.protocol.partition_wishes import partition_wishes
from agent.protocol.partitions import PartitionRole
from agent.system.runner import Runner

log = logging.getLogger(__name__)
_BOOT_ROLES = (PartitionRole.ESP, PartitionRole.BIOS_BOOT, PartitionRole.PREP)
_SECTOR_SIZES = (512, 4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """What decides about boot partitions: ``boot_mode`` of this ramdisk (``uefi`` or ``bios``) and the kind of processor."""

    boot_mode: str
    machine: str

    @classmethod
    def of_this_machine(cls, sys: Path = Path("/sys")) -> Self:
        """Look at the machine that this program runs on."""
        is_uefi = (sys / "firmware/efi").is_dir()
        return cls(boot_mode="uefi" if is_uefi else "bios", machine=platform.machine())


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskNames:
    """By what the new partitions are known; see :class:`agent.hardware.writing.WrittenImage`."""

    root_uuid: str
    esp_uuid: str | None = None
    prep_uuid: str | None = None
    partitions: tuple[tuple[str, str], ...] = ()


class PartitionedDisk:
    """One disk and its plan."""

    def __init__(self, work: Work, disk: OpenDisk, runner: Runner, firmware: Firmware) -> None:
        """Plan and check; nothing is written.

        Raises:
            LayoutDoesNotFit: The partitions do not fit, or the ephemeral one cannot be preserved.
            ImageError: The image is larger than the root partition, or a whole-disk image.
        """
        self._work, self._disk, self._runner = work, disk, runner
        wanted = partition_wishes(work.image, firmware.boot_mode)
        is_ppc64 = firmware.machine.startswith("ppc64")
        self._wishes = layout_wishes(wanted, len(work.configdrive or b""), is_ppc64=is_ppc64)
        self._ephemeral_format = wanted.ephemeral_format
        self._grow = wanted.grows_root
        self._parts = plan_layout(self._wishes, disk.size_bytes, disk.sector_bytes)
        self._root = self._parts[-1]
        self._check_image()
        self._kept: bytearray | None = None
        if wanted.preserves_ephemeral and self._wishes.ephemeral_bytes:
            head = disk.read(0, MIB)
            label = self._wishes.label
            self._kept = kept_table(head, disk.sector_bytes, self._parts, label, str(disk.path))

    def _check_image(self) -> None:
        work = self._work
        size = work.inside.content_bytes
        if size is not None and size > self._root.size_bytes:
            raise ImageError(
                f"{work.name}: has {size} bytes, its root partition only {self._root.size_bytes}; raise root_gb"
            )
        start = work.inside.head.content
        if any(gpt.has_signature(start, sector_bytes) for sector_bytes in _SECTOR_SIZES):
            raise ImageError(
                f"{work.name}: is the image of a whole disk, not of a root filesystem; set image_type to whole-disk"
            )
        self._check_blocks(block_bytes(start))

    def _check_blocks(self, size_bytes: int | None) -> None:
        """Refuse a filesystem that no kernel can mount from this disk; not known (``None`` or 0) passes."""
        if size_bytes and size_bytes < self._disk.sector_bytes:
            raise ImageError(
                f"{self._work.name}: its filesystem has blocks of {size_bytes} bytes and cannot be mounted from"
                f" {self._disk.path}, whose sectors have {self._disk.sector_bytes}; make the filesystem with blocks of"
                f" {self._disk.sector_bytes} bytes (mkfs.ext4 -b, mkfs.xfs -s size=)"
            )

    def target(self, witness: Witness) -> PartitionTarget:
        """Return where the root filesystem goes; ``witness`` hears of every write."""
        unboot = None if self._kept is None else self._stop_booting
        return PartitionTarget(self._disk, self._root, witness, unboot)

    def _stop_booting(self) -> None:
        """Wipe the boot code and what firmware starts; the table stays."""
        if self._kept is not None:
            self._disk.write_bytes(self._kept[: self._disk.sector_bytes], 0)
        for part in self._parts:
            if part.role in _BOOT_ROLES:
                self._disk.zero(part.start_byte, part.start_byte + MIB)
        self._disk.flush()

    def complete(self, target: ImageTarget, meter: Meter) -> tuple[PartitionTable, DiskNames]:
        """Make the other filesystems and, last of all, the partition table of ``target``'s disk true.

        Raises:
            ImageError: The image holds no filesystem, or the disk reads back differently.
            CommandFailed: A program that makes a filesystem failed.
            ConfigDriveError: The config drive reads back differently.
        """
        meter.begin("flush")
        self._disk.flush()
        root = file_systems.identify(self._disk, self._root, self._runner)
        if not root.uuid:
            raise ImageError(
                f"{self._work.name}: blkid finds no filesystem in it; a partition image is one filesystem,"
                " a whole-disk image wants image_type whole-disk"
            )
        self._check_blocks(root.block_bytes)
        meter.begin("file systems")
        if self._grow:
            file_systems.grow_ext(self._disk, self._root, root.kind, self._runner)
        for part in self._parts:
            self._fill(part, root.kind)
        table = PartitionTable(self._new_head(), self._disk.sector_bytes)
        names = self._names(root.uuid, table)  # first, as nothing may fail when the disk can boot
        self._write_table(target, table, meter)
        return table, names

    def _fill(self, part: PlannedPartition, root_kind: str) -> None:
        """Give a partition its content; the root has it already."""
        disk, runner, drive = self._disk, self._runner, self._work.configdrive
        match part.role:
            case PartitionRole.ESP:
                file_systems.clear_edges(disk, part)
                self._make_esp(part, root_kind)
            case PartitionRole.BIOS_BOOT | PartitionRole.PREP:
                disk.zero(part.start_byte, part.end_byte)
            case PartitionRole.EPHEMERAL if self._kept is None:
                file_systems.clear_edges(disk, part)
                file_systems.make_ext(disk, part, self._ephemeral_format, "ephemeral0", runner)
            case PartitionRole.SWAP:
                file_systems.clear_edges(disk, part)
                file_systems.make_swap(disk, part, "swap1", runner)
            case PartitionRole.CONFIG_DRIVE if drive is not None:
                config_drive.put(drive, disk, part.start_byte, part.size_bytes)

    def _make_esp(self, part: PlannedPartition, root_kind: str) -> None:
        with tempfile.TemporaryDirectory(prefix="ingot-efi-") as name:
            folder = Path(name)
            files = 0
            if root_kind.startswith("ext"):
                files = EfiAssets(self._disk, self._root, self._runner).copy_to(folder)
            file_systems.make_fat(self._disk, part, "efi-part", self._runner, content=folder)
        log.info("ESP made", extra={"disk": str(self._disk.path), "files_of_the_image": files})

    def _new_head(self) -> bytearray:
        return self._kept or build_table(
            self._parts,
            self._wishes.label,
            disk_bytes=self._disk.size_bytes,
            sector_bytes=self._disk.sector_bytes,
        )

    def _write_table(self, target: ImageTarget, table: PartitionTable, meter: Meter) -> None:
        disk = self._disk
        meter.begin("flush")
        if self._kept is None and (backup := table.backup()) is not None:
            disk.write_bytes(backup[1], backup[0])
        disk.flush()
        target.head[:] = table.head
        target.make_bootable()

    def _names(self, root_uuid: str, table: PartitionTable) -> DiskNames:
        esp = planned(self._parts, PartitionRole.ESP)
        prep = planned(self._parts, PartitionRole.PREP)
        return DiskNames(
            root_uuid=root_uuid,
            esp_uuid=file_systems.identify(self._disk, esp, self._runner).uuid if esp else None,
            prep_uuid=_part_uuid(prep, table) if prep else None,
            partitions=tuple(
                (str(part.role), str(partition_path(self._disk.path, part.number)))
                for part in self._parts
            ),
        )


def _part_uuid(part: PlannedPartition, table: PartitionTable) -> str:
    """Return the PARTUUID, which stands in for the UUID of a partition without a filesystem, as libblkid writes it."""
    found = next(entry for entry in table.partitions() if entry.number == part.number)
    if found.id_text:
        return found.id_text
    signature = mbr.disk_signature(table.head).removeprefix("0x")
    return f"{signature}-{part.number:02x}"
