"""Makes every disk of a RAID 1 bootable that a whole-disk image was written to.

The image lies inside the array, where no firmware looks. UEFI: the image's EFI system partition is copied to an array ``esp`` of the
disks' own ones, whose superblock is at the end (metadata 1.0), so firmware sees plain FAT; the firmware gets an entry for each disk.
BIOS: the ramdisk's own GRUB goes to each disk and leads into the array. docs/decisions/0032.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.boot.entries import BootPlace, EfiEntries
from agent.boot.esp import find_esp
from agent.boot.grub_configs import CONFIG_PLACES, find_configuration
from agent.boot.raw_disk import overwrite, read_raw, table_of
from agent.disks import gpt
from agent.disks.kernel_view import partition_path
from agent.disks.open_disk import MIB
from agent.disks.partition_table import Partition
from agent.disks.stack import read_stack
from agent.errors import BootloaderError, Declined, FileSystemError, InvalidRequest
from agent.hardware.devices import BlockDevice
from agent.hardware.writing import WrittenImage
from agent.protocol.partitions import PartitionRole
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot
from hardware_managers.software_raid import bios_grub, present
from hardware_managers.software_raid.layout import PartKind
from hardware_managers.software_raid.logical_disks import RESERVED_NAME
from hardware_managers.software_raid.present import TIMEOUT_S, PresentArray

log = logging.getLogger(__name__)
LOADERS = Path("/usr/lib/ingot/grub-pc")
_ARRAY = re.compile(r"/dev/md\d+")
_PIECE_BYTES = 8 * MIB
_SUPERBLOCK_BYTES = 128 << 10
"""What md may take at the end of a member with metadata 1.0."""


class RaidBootloader:
    """Implements :class:`agent.hardware.writing.BootloaderInstaller` for arrays; declines for disks."""

    def __init__(
        self, runner: Runner, sys_root: SysRoot | None = None, loaders: Path = LOADERS
    ) -> None:
        """``loaders`` is the folder with GRUB's ``boot.img`` and ``core.img``."""
        self._runner = runner
        self._sys_root = sys_root or SysRoot()
        self._loaders = loaders

    def install_bootloader(
        self,
        disk: BlockDevice,
        *,
        boot_mode: str,
        written: WrittenImage | None = None,
    ) -> tuple[str, ...]:
        """Return what was made: the labels of boot entries, or the disks that got boot code.

        Raises:
            BootloaderError: The array is none that can be booted, or a disk did not become bootable.
        """
        if not _ARRAY.fullmatch(str(disk.path)):
            raise Declined(f"{disk.path} is no array")
        array = next((a for a in self._arrays() if a.device == disk.path), None)
        if array is None or array.level != "raid1":
            level = "not running" if array is None else array.level
            raise BootloaderError(
                f"{disk.path}: is {level}; a machine boots only from RAID 1; make it the root volume"
            )
        stack = read_stack(self._sys_root.at("sys"))
        holders = [Path("/dev") / name for name in sorted(present.disks_of(array, stack))]
        if boot_mode == "bios":
            if written is not None:
                require_configuration(written, self._runner)
            return self._install_grub(array, holders)
        if boot_mode != "uefi":
            raise InvalidRequest(f"boot mode {boot_mode!r} is neither bios nor uefi")
        return self._install_entries(disk.path, holders)

    def _arrays(self) -> tuple[PresentArray, ...]:
        return present.read_arrays(self._runner, self._sys_root)

    def _install_grub(self, array: PresentArray, holders: Sequence[Path]) -> tuple[str, ...]:
        inner = table_of(Path(str(array.device)))
        kind = "msdos" if inner.gpt is None else "gpt"
        names = [f"{kind}{part.number}" for part in inner.partitions()]
        config = bios_grub.configuration(array.uuid, names)
        images = [self._loader(name) for name in ("boot.img", "core.img")]
        starts = [_bios_boot_byte(holder) for holder in holders]
        for holder, start_byte in zip(holders, starts, strict=True):
            sector = start_byte // bios_grub.SECTOR_BYTES
            overwrite(holder, start_byte, bios_grub.core(images[1], sector))
            overwrite(holder, start_byte + bios_grub.CONFIG_AT_BYTES, config)
            overwrite(holder, 0, bios_grub.boot_code(images[0], sector))  # last: now it boots
            log.info("boot code written", extra={"disk": str(holder), "array": array.uuid})
        return tuple(map(str, holders))

    def _loader(self, name: str) -> bytes:
        try:
            return (self._loaders / name).read_bytes()
        except OSError as error:
            raise BootloaderError(
                f"{self._loaders / name}: {error.strerror}; the ramdisk has no GRUB for BIOS: build it anew"
            ) from error

    def _install_entries(self, array: Path, holders: Sequence[Path]) -> tuple[str, ...]:
        inner, _ = find_esp(array, self._runner)
        efi = EfiEntries(self._runner)
        loader = efi.find_loader(array, inner)
        places = [BootPlace(disk=holder, part=_own_esp(holder)) for holder in holders]
        room = min(place.part.size_bytes for place in places) - _SUPERBLOCK_BYTES
        if inner.size_bytes > room:
            raise BootloaderError(
                f"{array}: the image's EFI system partition has {inner.size_bytes} bytes, those of"
                f" {', '.join(map(str, holders))} have room for {room}; use an image with a smaller one"
            )
        self._make_esp_array(array, inner, places)
        labels = efi.make_entries(loader, places)
        # Two file systems with one UUID: the deployed system must not take the one that no firmware reads.
        overwrite(array, inner.start_byte, bytes(MIB))
        return labels

    def _make_esp_array(self, array: Path, inner: Partition, places: Sequence[BootPlace]) -> None:
        """Make the array ``esp`` of the disks' own ESPs, copy the image's one into it, and look at every member.

        Every byte of the file system is written, so there is nothing to synchronise first.
        """
        nodes = [partition_path(place.disk, place.part.number) for place in places]
        for old in self._arrays():
            if set(old.members) & set(nodes) and old.device is not None:
                self._runner.run("mdadm", "--stop", str(old.device), timeout_s=TIMEOUT_S)
        for node in nodes:
            self._runner.run("wipefs", "--all", "--force", str(node), timeout_s=TIMEOUT_S)
        used = {folder.name for folder in self._sys_root.at("sys/block").glob("md*")}
        device = next(Path(f"/dev/md{n}") for n in range(len(used) + 1) if f"md{n}" not in used)
        self._runner.run(
            *("mdadm", "--create", str(device), "--run", "--force", "--metadata=1.0"),
            *("--homehost=any", f"--name={RESERVED_NAME}", "--level=raid1", "--assume-clean"),
            *(f"--raid-devices={len(nodes)}", *map(str, nodes)),
            timeout_s=TIMEOUT_S,
        )
        try:
            for at, piece in _pieces(array, inner):
                overwrite(device, at, piece)
        finally:
            self._stop(device)
        for at, piece in _pieces(array, inner):
            for place in places:
                _compare(place, at, piece)

    def _stop(self, device: Path) -> None:
        self._runner.run("udevadm", "settle", timeout_s=2 * TIMEOUT_S, ok=(0, 1))
        self._runner.run("mdadm", "--stop", str(device), timeout_s=TIMEOUT_S)


def require_configuration(written: WrittenImage, runner: Runner) -> None:
    """Refuse a partition image on an array that GRUB would find nothing in.

    The image's ``grub-mkconfig`` is not run: it asks for the members of the array and their superblocks, which the place that programs
    of an image run in does not have.

    Raises:
        BootloaderError: Its root file system has no configuration of GRUB.
    """
    root = dict(written.partitions).get(PartitionRole.ROOT)
    if root is None:
        return  # a whole disk, whose own partitions GRUB searches
    try:
        place = find_configuration(written.disk.path, Path(root), runner)
    except FileSystemError as error:
        log.warning("GRUB's configuration is not looked for", extra={"why": str(error)})
        return  # GRUB knows file systems that this kernel does not
    if place is None:
        raise BootloaderError(
            f"{root}: the image has no {' and no '.join(CONFIG_PLACES[:2])}, and on an array none is made; run grub-mkconfig when the"
            " image is built, use a whole-disk image, or boot the machine in UEFI mode"
        )


def _own_esp(disk: Path) -> Partition:
    esp = next((part for part in table_of(disk).partitions() if part.is_esp), None)
    if esp is None:
        raise BootloaderError(
            f"{disk}: has no EFI system partition; its arrays were made for BIOS: make them anew in UEFI mode"
        )
    return esp


def _bios_boot_byte(disk: Path) -> int:
    """Return where the BIOS boot partition of a disk begins."""
    table = table_of(disk)
    parts: tuple[gpt.GptPartition, ...] = () if table.gpt is None else table.gpt.partitions()
    found = [p for p in parts if str(p.type_id).upper() == PartKind.BIOS_BOOT.value]
    if not found:
        raise BootloaderError(
            f"{disk}: has no BIOS boot partition; its arrays were made for UEFI: make them anew in BIOS mode"
        )
    if table.sector_bytes != bios_grub.SECTOR_BYTES:
        raise BootloaderError(
            f"{disk}: a BIOS does not boot disks with sectors of {table.sector_bytes} bytes; use UEFI"
        )
    return found[0].first_lba * table.sector_bytes


def _compare(place: BootPlace, at: int, piece: bytes) -> None:
    if read_raw(place.disk, place.part.start_byte + at, len(piece)) != piece:
        raise BootloaderError(
            f"{place.disk}, partition {place.part.number}: has not what the image's EFI system partition has at byte"
            f" {at}; see dmesg"
        )


def _pieces(array: Path, part: Partition) -> Iterator[tuple[int, bytes]]:
    """Yield the content of a partition with the offset of each piece."""
    for at in range(0, part.size_bytes, _PIECE_BYTES):
        size = min(_PIECE_BYTES, part.size_bytes - at)
        yield at, read_raw(array, part.start_byte + at, size)
