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
        """Make boot entries on UEFI, or install GRUB; a whole-disk image on BIOS brings its own boot sector, unless it is on an array.

        A partition image on BIOS gets the image's own GRUB where the controller allows it (CVE-2026-43003); the hardware manager knows.
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
        if not is_uefi and self._has_boot_sector():
            return
        progress(Progress(phase="boot entries" if is_uefi else "boot code"))
        written = self._written_disk(wanted)
        mode = "uefi" if is_uefi else "bios"
        made = self._hardware.bootloader().install_bootloader(
            written.disk, boot_mode=mode, written=written
        )
        log.info(
            "boot loader installed",
            extra={"disk": str(written.disk.path), "made": ", ".join(made)},
        )

    def _has_boot_sector(self) -> bool:
        """Tell whether the image has all that BIOS needs: it is one of a whole disk, and on no array."""
        written = self._written.last()
        return written is None or not (written.disk.below or written.partitions)

    def _written_disk(self, wanted: _InstallBootloader) -> WrittenImage:
        written = self._written.last()
        if written is None:
            raise BootloaderError(
                "install_bootloader: no image was written in this boot, so it is not known which disk is meant; "
                "deploy again"
            )
        # For an image of a whole disk on an array, Ironic tells instance_info.image_rootfs_uuid, meant for the image's GRUB.
        is_whole_on_array = bool(written.disk.below) and not written.partitions
        for name, told, known in (
            ("root", None if is_whole_on_array else wanted.root_uuid, written.root_uuid),
            ("PReP boot partition", wanted.prep_boot_part_uuid, written.prep_boot_partition_uuid),
        ):
            if told is not None and told != known:
                raise BootloaderError(
                    f"install_bootloader: told of {name} UUID {told}, but the image on {written.disk.path} has "
                    f"{known}; deploy again"
                )
        return written
