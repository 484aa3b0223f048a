"""Takes the boot files for UEFI out of a root filesystem, so that the new ESP of a partition image is not empty.

An image that boots under UEFI carries them in ``/boot/efi/EFI``, where the ESP will be mounted (Ironic looks there too). ``debugfs``
of e2fsprogs reads ext2, ext3 and ext4 without a mount; other filesystems are not looked into. Only plain files are taken, one by
one and by their inode, so that no link in an image leads the copy elsewhere.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agent.disks.layout import ESP_BYTES, PlannedPartition
from agent.disks.open_disk import OpenDisk
from agent.errors import ImageError
from agent.system.runner import Runner

_PLACES = ("/boot/efi/EFI", "/EFI")
_TIMEOUT_S = 120.0
_MAX_ENTRIES = 2000
_MAX_DEPTH = 16
_LINE_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of ``ls -p``: an inode, its mode, its name and size."""

    inode: int
    mode: int
    name: str
    size_bytes: int


def parse_listing(text: str) -> tuple[Entry, ...]:
    """Parse the output of debugfs' ``ls -p``: ``/inode/mode/uid/gid/name/size/``; ``.``, ``..`` and deleted entries are left out."""
    entries = []
    for line in text.splitlines():
        fields = line.split("/")
        if len(fields) != _LINE_FIELDS or not (fields[1].isdigit() and int(fields[1])):
            continue
        if fields[5] not in ("", ".", ".."):
            mode, size = int(fields[2], 8), int(fields[6] or 0)
            entries.append(Entry(int(fields[1]), mode, fields[5], size))
    return tuple(entries)


class EfiAssets:
    """The folder ``EFI`` of a root filesystem that lies on a disk."""

    def __init__(self, disk: OpenDisk, root: PlannedPartition, runner: Runner) -> None:
        self._device = f"{disk.path}?offset={root.start_byte}"
        self._runner = runner

    def copy_to(self, folder: Path) -> int:
        """Copy it below ``folder`` as ``EFI`` and return the number of files; 0 = the filesystem has none.

        Raises:
            ImageError: There is more than an ESP holds.
        """
        for place in _PLACES:
            walk = self._walk(place, folder / "EFI", _MAX_DEPTH)
            files = tuple(islice(walk, _MAX_ENTRIES + 1))
            if not files:
                continue
            if len(files) > _MAX_ENTRIES or sum(file.size_bytes for _, file in files) > ESP_BYTES:
                raise ImageError(f"the image's {place} holds more than fits into an ESP")
            for target, file in files:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._debugfs(f"dump <{file.inode}> {target}")
            return len(files)
        return 0

    def _walk(self, place: str, target: Path, depth: int) -> Iterator[tuple[Path, Entry]]:
        """Yield the plain files below ``place`` and where each goes."""
        for entry in parse_listing(self._debugfs(f"ls -p {place}")):
            if not entry.name.isprintable() or set(entry.name) & set(' "\\'):
                continue  # such a name would be several words for debugfs, and no loader has one
            if stat.S_ISREG(entry.mode):
                yield target / entry.name, entry
            elif stat.S_ISDIR(entry.mode) and depth:
                yield from self._walk(f"<{entry.inode}>", target / entry.name, depth - 1)

    def _debugfs(self, request: str) -> str:
        return self._runner.run("debugfs", "-R", request, self._device, timeout_s=_TIMEOUT_S).stdout
