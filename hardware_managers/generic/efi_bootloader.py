"""Makes UEFI firmware boot the deployed system: one boot entry for the loader on its EFI system partition."""

from pathlib import Path

from agent.boot.entries import BootPlace, EfiEntries
from agent.boot.esp import find_esp
from agent.hardware.devices import BlockDevice
from agent.system.runner import Runner


class EfiBootloader:
    """Makes the boot entries of one disk."""

    def __init__(
        self,
        runner: Runner,
        *,
        efivars: Path = Path("/sys/firmware/efi/efivars"),
        machine: str | None = None,
    ) -> None:
        """Args: ``machine`` is the processor as ``uname -m`` names it, ``None`` = this one."""
        self._runner = runner
        self._entries = EfiEntries(runner, efivars=efivars, machine=machine)

    def install(self, disk: BlockDevice) -> tuple[str, ...]:
        """Return the labels of the boot entries that were made.

        Raises:
            BootloaderError: There is no ESP, no loader, or the firmware takes no entries.
        """
        part, is_gpt = find_esp(disk.path, self._runner)
        loader = self._entries.find_loader(disk.path, part)
        place = BootPlace(disk=disk.path, part=part, is_gpt=is_gpt)
        return self._entries.make_entries(loader, (place,))
