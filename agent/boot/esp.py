"""Reads an EFI system partition by its place on the disk, without mounting it (mtools: no FAT module, no device node)."""

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path

from agent.boot.raw_disk import table_of
from agent.disks.partition_table import Partition
from agent.errors import BootloaderError, CommandFailed
from agent.system.runner import Runner

log = logging.getLogger(__name__)
_TIMEOUT_S = 60.0
_LABELS = ("efi-part", "efi", "esp", "efi system", "uefi")
_MAX_CSV_BYTES = 65536


def find_esp(disk: Path, runner: Runner) -> tuple[Partition, bool]:
    """Return the ESP of a disk, and whether the table is a GPT.

    Raises:
        BootloaderError: There is no readable partition table or no ESP.
    """
    table = table_of(disk)
    parts = table.partitions()
    found = [part for part in parts if part.is_esp]
    found = found or [part for part in parts if _label(disk, part, runner) in _LABELS]
    if not found:
        raise BootloaderError(
            f"{disk}: has no EFI system partition among its {len(parts)} partitions, so UEFI firmware cannot"
            " boot it; deploy a UEFI image, or set the node's boot_mode to bios"
        )
    return found[0], table.gpt is not None


def other_partitions(disks: Iterable[Path], runner: Runner) -> frozenset[str] | None:
    """Return the GUIDs of the partitions of all disks but ``disks``, as the kernel knows them, lower case; ``None`` = not known.

    Raises:
        BootloaderError: One of ``disks`` has no readable partition table.
    """
    own = {part.id_text.lower() for disk in disks for part in table_of(disk).partitions()}
    try:
        out = runner.run("lsblk", "--noheadings", "--output", "PARTUUID", timeout_s=_TIMEOUT_S)
    except CommandFailed as error:
        log.warning("other disks' partitions not known", extra={"why": str(error)})
        return None
    return frozenset({line.strip().lower() for line in out.stdout.splitlines()} - own - {""})


def _label(disk: Path, part: Partition, runner: Runner) -> str:
    place = ("--offset", str(part.start_byte), "--size", str(part.size_bytes))
    wanted = ("--match-tag", "LABEL", "--output", "value")
    answer = runner.run(
        "blkid", "--probe", *wanted, *place, str(disk), timeout_s=_TIMEOUT_S, ok=(0, 2, 8)
    )
    return answer.stdout.strip().lower()


class EspReader:
    """Lists and reads the files of an ESP."""

    def __init__(self, disk: Path, part: Partition, runner: Runner) -> None:
        self._image = f"{disk}@@{part.start_byte}"
        self._where = f"{disk}, partition {part.number}"
        self._runner = runner

    def files(self) -> tuple[str, ...]:
        """Return all paths, with slashes, beginning with one.

        Raises:
            BootloaderError: The partition holds no readable FAT filesystem.
        """
        try:
            out = self._runner.run(
                "mdir", "-i", self._image, "-/", "-b", "::", timeout_s=_TIMEOUT_S
            )
        except CommandFailed as error:
            raise BootloaderError(
                f"{self._where}: the EFI system partition cannot be read: {error};"
                " check the image, and mtools in the ramdisk"
            ) from error
        lines = [line.strip() for line in out.stdout.splitlines()]
        return tuple("/" + line[2:].strip("/") for line in lines if line.startswith("::"))

    def read(self, path: str) -> bytes:
        """Return the content of a small file.

        Raises:
            BootloaderError: It cannot be read.
        """
        with tempfile.TemporaryDirectory(prefix="ingot-esp-") as folder:
            copy = Path(folder) / "file"
            try:
                self._runner.run(
                    "mcopy", "-n", "-i", self._image, f"::{path}", str(copy), timeout_s=_TIMEOUT_S
                )
            except CommandFailed as error:
                raise BootloaderError(f"{self._where}: {path} cannot be read: {error}") from error
            with copy.open("rb") as file:
                return file.read(_MAX_CSV_BYTES)
