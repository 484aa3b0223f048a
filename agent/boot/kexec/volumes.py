"""The file systems of a written disk as a boot loader sees them: partitions, by number or by UUID, and the files in them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from agent.errors import AgentError

MOST_CONFIG_BYTES = 1 << 20
"""Of one file of a boot loader; those of distributions have some ten thousand."""


class NoBootConfig(AgentError):
    """It is not known what the disk's boot loader would start; the message says why."""


class Files(Protocol):
    """The files of one file system; no path leads out of it."""

    def read(self, path: str, most_bytes: int) -> bytes | None:
        """Return what a file holds; ``None`` = it is not there.

        Raises:
            FileSystemError: It is larger than ``most_bytes``, or cannot be read.
        """

    def opened(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Open a plain file for reading.

        Raises:
            FileSystemError: It is not there, or no plain file.
        """

    def size_bytes(self, path: str) -> int | None:
        """Return the size of a plain file; ``None`` = there is none."""

    def has_folder(self, name: str) -> bool:
        """Say whether there is such a folder."""

    def names(self, folder: str, most: int) -> tuple[str, ...]:
        """Return the names in a folder, not more than ``most``; none if it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A partition; empty texts = it has none. ``files`` = ``None``: it is not mounted, ``why`` says why."""

    number: int
    kind: str = ""
    """blkid's word: ``ext4``, ``vfat``, ``crypto_LUKS``."""
    uuid: str = ""
    label: str = ""
    part_uuid: str = ""
    part_label: str = ""
    is_esp: bool = False
    files: Files | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """A file of a volume."""

    volume: Volume
    path: str

    def __str__(self) -> str:
        """Return it for messages."""
        return f"{self.path} of partition {self.volume.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinuxBoot:
    """What a boot loader starts; ``source`` says which of its entries, in words."""

    kernel: FilePlace
    initrds: tuple[FilePlace, ...]
    command_line: str
    source: str


def volume_of(volumes: Sequence[Volume], device: str) -> Volume | None:
    """Return the volume of GRUB's name for a device: ``hd0,gpt2``; ``None`` = it is another disk's, or not there.

    Only the disk that was written is known; whatever its number, it is the one that GRUB was started from.
    """
    disk, comma, part = device.partition(",")
    digits = part.removeprefix("gpt").removeprefix("msdos")
    is_disk = disk.removeprefix("hd").isdecimal() or disk == ""
    if not comma or not is_disk or not digits.isdecimal():
        return None
    return next((one for one in volumes if one.number == int(digits)), None)


def device_of(volume: Volume) -> str:
    """Return GRUB's name for a volume."""
    return f"hd0,gpt{volume.number}"
