"""Makes boot entries of UEFI firmware for the loader of a deployed system, one for each copy of its EFI system partition."""

import logging
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.boot.esp import EspReader, other_partitions
from agent.boot.plan import (
    FirmwareState,
    Loader,
    choose_csv,
    choose_loader,
    entries_to_remove,
    find_created,
    loader_from_csv,
    order_with_first,
    parse_efibootmgr,
    with_backslashes,
)
from agent.disks.partition_table import Partition
from agent.errors import BootloaderError, CommandFailed
from agent.system.runner import Runner

log = logging.getLogger(__name__)
_TIMEOUT_S = 60.0
_SHOWN_FILES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class BootPlace:
    """An EFI system partition that the firmware shall start from; ``is_gpt`` = its disk has a GPT."""

    disk: Path
    part: Partition
    is_gpt: bool = True


class EfiEntries:
    """The firmware's boot entries, and the loaders that they start."""

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

    def make_entries(self, loader: Loader, places: Sequence[BootPlace]) -> tuple[str, ...]:
        """Make an entry for each copy of the ESP, the first one first in the boot order; return their labels.

        Raises:
            BootloaderError: The firmware takes no entries.
        """
        self._require_firmware()
        loaders = [
            loader if number == 1 else replace(loader, label=f"{loader.label} (disk {number})")
            for number in range(1, len(places) + 1)
        ]
        state = self._state()
        others = other_partitions([place.disk for place in places], self._runner)
        replaced = {
            entry.number
            for one, place in zip(loaders, places, strict=True)
            for entry in entries_to_remove(state, one, place.part, others)
        }
        for number in sorted(replaced):
            self._efibootmgr("--bootnum", number, "--delete-bootnum", "--quiet")
        for one, place in zip(loaders, places, strict=True):
            signature = () if place.is_gpt else ("--write-signature",)
            self._efibootmgr(
                *("--create", "--quiet", "--disk", str(place.disk)),
                *("--part", str(place.part.number)),
                *signature,
                *("--label", one.label, "--loader", one.path),
            )
        self._verify(loaders, places)
        labels = tuple(one.label for one in loaders)
        log.info(
            "boot entries made",
            extra={"labels": ", ".join(labels), "loader": loader.path, "replaced": len(replaced)},
        )
        return labels

    def find_loader(self, disk: Path, part: Partition) -> Loader:
        """Return what the firmware shall start from the ESP ``part``.

        Raises:
            BootloaderError: It holds no loader for this processor.
        """
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
        return replace(loader, files=tuple(map(with_backslashes, files)))

    def _require_firmware(self) -> None:
        if not self._efivars.is_dir() or not any(self._efivars.iterdir()):
            raise BootloaderError(
                f"{self._efivars}: no EFI variables; this ramdisk was booted in BIOS mode, or efivarfs is not"
                " mounted: set the machine's firmware to UEFI, or the node's boot_mode to bios"
            )

    def _state(self) -> FirmwareState:
        return parse_efibootmgr(self._efibootmgr("--verbose"))

    def _verify(self, loaders: Sequence[Loader], places: Sequence[BootPlace]) -> None:
        """Look whether the firmware shows every entry, and put them first in the boot order."""
        state = self._state()
        first = []
        for loader, place in zip(loaders, places, strict=True):
            entry = find_created(state, loader, place.part.id_text)
            if entry is None:
                raise BootloaderError(
                    f"the firmware accepted the boot entry {loader.label!r} and does not show it; its variable store"
                    " may be full or read-only: update or reset the firmware"
                )
            first.append(entry.number)
        order = order_with_first(state, first)
        if order != state.order:
            self._efibootmgr("--bootorder", ",".join(order), "--quiet")

    def _efibootmgr(self, *arguments: str) -> str:
        try:
            return self._runner.run("efibootmgr", *arguments, timeout_s=_TIMEOUT_S).stdout
        except CommandFailed as error:
            raise BootloaderError(f"the firmware refused a boot entry: {error}") from error
