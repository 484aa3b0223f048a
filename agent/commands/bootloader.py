"""``image.install_bootloader``: make the firmware boot the disk that was written."""

import logging
from collections.abc import Iterable

import msgspec

from agent.commands.command import Command, Control, Job, Kind, Params, parse_params
from agent.commands.written_images import WrittenImages
from agent.errors import AgentError, BootloaderError
from agent.hardware.registry import Hardware
from agent.hardware.tools import ProgressSink
from agent.hardware.writing import WrittenImage
from agent.protocol.commands import Progress

log = logging.getLogger(__name__)


class _InstallBootloader(msgspec.Struct, frozen=True, kw_only=True):
    root_uuid: str | None = None
    efi_system_part_uuid: str | None = None
    prep_boot_part_uuid: str | None = None
    target_boot_mode: str = "bios"
    ignore_bootloader_failure: bool | None = None


class Bootloader:
    """The command and what it needs; ``ignore_failure`` counts when the controller does not say."""

    def __init__(self, hardware: Hardware, written: WrittenImages, *, ignore_failure: bool) -> None:
        self._hardware = hardware
        self._written = written
        self._ignore_failure = ignore_failure

    def commands(self) -> Iterable[Command]:
        """Return the command."""
        return [
            Command(
                name="image.install_bootloader", kind=Kind.ASYNC, prepare=self.install_bootloader
            )
        ]

    def install_bootloader(self, params: Params) -> Job:
        """Make boot entries on UEFI; a whole-disk image on BIOS brings its own boot sector: nothing to do, unless it is on an array.

        A partition image on BIOS would need the image's own ``grub-install``, run as root beside the agent's secrets: a way to attack
        the ramdisk (CVE-2026-43003), which Ironic's agent has switched off by default. Here it does not exist.
        """
        wanted = parse_params(params, _InstallBootloader, "install_bootloader")
        ignore = wanted.ignore_bootloader_failure
        if ignore is None:
            ignore = self._ignore_failure

        def install(control: Control) -> None:
            try:
                self._install(wanted, control.progress)
            except AgentError as error:
                if not ignore:
                    raise
                log.warning("boot loader failure ignored, as told", extra={"why": str(error)})

        return install

    def _install(self, wanted: _InstallBootloader, progress: ProgressSink) -> None:
        is_uefi = wanted.target_boot_mode == "uefi"
        if not is_uefi and not self._is_on_array():
            self._require_boot_sector()
            return
        progress(Progress(phase="boot entries" if is_uefi else "boot code"))
        disk = self._written_disk(wanted.root_uuid).disk
        mode = "uefi" if is_uefi else "bios"
        labels = self._hardware.bootloader().install_bootloader(disk, boot_mode=mode)
        log.info(
            "boot loader installed", extra={"disk": str(disk.path), "entries": ", ".join(labels)}
        )

    def _is_on_array(self) -> bool:
        """Tell whether the image is on an array, whose disks have boot sectors of their own."""
        written = self._written.last()
        return written is not None and bool(written.disk.below)

    def _require_boot_sector(self) -> None:
        written = self._written.last()
        if written is not None and written.partitions:
            raise BootloaderError(
                f"install_bootloader: {written.disk.path} has a partition image and no boot loader for BIOS, and none"
                " is installed here: running grub-install of an image as root would put the ramdisk into the image's"
                " hands (CVE-2026-43003); deploy a whole-disk image, or boot the machine in UEFI mode"
            )

    def _written_disk(self, root_uuid: str | None) -> WrittenImage:
        written = self._written.last()
        if written is None:
            raise BootloaderError(
                "install_bootloader: no image was written in this boot, so it is not known which disk is meant; "
                "deploy again"
            )
        if root_uuid is not None and root_uuid != written.root_uuid:
            raise BootloaderError(
                f"install_bootloader: told of root UUID {root_uuid}, but the image on {written.disk.path} has "
                f"{written.root_uuid}; deploy again"
            )
        return written
