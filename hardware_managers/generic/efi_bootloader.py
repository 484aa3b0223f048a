"""Makes UEFI firmware boot the deployed system: one boot entry for the loader on its EFI system partition.

BIOS machines need nothing: they boot the disk's first sector.
"""

import logging
import platform
from pathlib import Path

from agent.boot.esp import EspReader, find_esp
from agent.boot.plan import (
    FirmwareState,
    Loader,
    choose_csv,
    choose_loader,
    entries_to_remove,
    find_created,
    loader_from_csv,
    parse_efibootmgr,
)
from agent.disks.partition_table import Partition
from agent.errors import BootloaderError, CommandFailed, InvalidRequest
from agent.hardware.devices import BlockDevice
from agent.system.runner import Runner

log = logging.getLogger(__name__)
_TIMEOUT_S = 60.0
_SHOWN_FILES = 8


class EfiBootloader:
    """Implements :class:`agent.hardware.writing.BootloaderInstaller`."""

    def __init__(
        self,
        runner: Runner,
        *,
        efivars: Path = Path("/sys/firmware/efi/efivars"),
        machine: str | None = None,
    ) -> None:
        """Args: ``machine`` is the processor as ``uname -m`` names it, ``None`` = this one."""
        self._runner = runner
        self._efivars = efivars
        self._machine = machine or platform.machine()

    def install_bootloader(self, disk: BlockDevice, *, boot_mode: str) -> tuple[str, ...]:
        """Return the labels of the boot entries that were made; empty for BIOS.

        Raises:
            BootloaderError: There is no ESP, no loader, or the firmware takes no entries.
            InvalidRequest: ``boot_mode`` is neither ``bios`` nor ``uefi``.
        """
        if boot_mode == "bios":
            return ()
        if boot_mode != "uefi":
            raise InvalidRequest(f"boot mode {boot_mode!r} is neither bios nor uefi")
        part, is_gpt = find_esp(disk.path, self._runner)
        loader = self._find_loader(disk.path, part)
        self._require_firmware()
        replaced = entries_to_remove(self._state(), loader.label, part.id_text)
        for entry in replaced:
            self._efibootmgr("--bootnum", entry.number, "--delete-bootnum", "--quiet")
        signature = () if is_gpt else ("--write-signature",)
        self._efibootmgr(
            *("--create", "--quiet", "--disk", str(disk.path), "--part", str(part.number)),
            *signature,
            *("--label", loader.label, "--loader", loader.path),
        )
        self._verify(loader, part)
        log.info(
            "boot entry made",
            extra={"label": loader.label, "loader": loader.path, "replaced": len(replaced)},
        )
        return (loader.label,)

    def _find_loader(self, disk: Path, part: Partition) -> Loader:
        esp = EspReader(disk, part, self._runner)
        files = esp.files()
        loader = None
        if csv := choose_csv(files, self._machine):
            loader = loader_from_csv(csv, esp.read(csv), files)
        loader = loader or choose_loader(files, self._machine)
        if loader is None:
            shown = ", ".join(files[:_SHOWN_FILES]) or "nothing"
            raise BootloaderError(
                f"{disk}: the EFI system partition (partition {part.number}) holds no boot loader for"
                f" {self._machine}; found: {shown}; use an image for this processor that boots under UEFI (a partition"
                " image has its loader in /boot/efi/EFI of an ext4 root filesystem)"
            )
        return loader

    def _require_firmware(self) -> None:
        if not self._efivars.is_dir() or not any(self._efivars.iterdir()):
            raise BootloaderError(
                f"{self._efivars}: no EFI variables; this ramdisk was booted in BIOS mode, or efivarfs is not"
                " mounted: set the machine's firmware to UEFI, or the node's boot_mode to bios"
            )

    def _state(self) -> FirmwareState:
        return parse_efibootmgr(self._efibootmgr("--verbose"))

    def _verify(self, loader: Loader, part: Partition) -> None:
        state = self._state()
        entry = find_created(state, loader, part.id_text)
        if entry is None:
            raise BootloaderError(
                f"the firmware accepted the boot entry {loader.label!r} and does not show it; its variable store"
                " may be full or read-only: update or reset the firmware"
            )
        if entry.number not in state.order[:1]:
            order = [entry.number, *(number for number in state.order if number != entry.number)]
            self._efibootmgr("--bootorder", ",".join(order), "--quiet")

    def _efibootmgr(self, *arguments: str) -> str:
        try:
            return self._runner.run("efibootmgr", *arguments, timeout_s=_TIMEOUT_S).stdout
        except CommandFailed as error:
            raise BootloaderError(f"the firmware refused a boot entry: {error}") from error
