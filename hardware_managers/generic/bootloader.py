"""Makes the firmware boot a disk: entries of UEFI firmware, or GRUB for the firmware of before."""

from agent.errors import InvalidRequest
from agent.hardware.devices import BlockDevice
from agent.hardware.writing import WrittenImage
from hardware_managers.generic.efi_bootloader import EfiBootloader
from hardware_managers.generic.grub_bootloader import GrubBootloader


class DiskBootloader:
    """Implements :class:`agent.hardware.writing.BootloaderInstaller`."""

    def __init__(self, efi: EfiBootloader, grub: GrubBootloader) -> None:
        self._efi = efi
        self._grub = grub

    def install_bootloader(
        self, disk: BlockDevice, *, boot_mode: str, written: WrittenImage | None = None
    ) -> tuple[str, ...]:
        """Return the labels of the boot entries that were made, or what was run; a whole-disk image under BIOS needs neither.

        Raises:
            BootloaderError: There is no ESP, no loader, the firmware takes no entries, or GRUB is not there afterwards.
            InvalidRequest: ``boot_mode`` is neither ``bios`` nor ``uefi``.
        """
        match boot_mode:
            case "uefi":
                return self._efi.install(disk)
            case "bios" if written is not None and written.partitions:
                return self._grub.install(disk, written)
            case "bios":
                return ()
        raise InvalidRequest(f"boot mode {boot_mode!r} is neither bios nor uefi")
