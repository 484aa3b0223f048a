"""A host's /sys and /proc as folders, as far as block devices are concerned."""

from collections.abc import Mapping, Sequence
from pathlib import Path


class HostTree:
    """Block devices as sysfs shows them, and who uses them."""

    def __init__(self, folder: Path) -> None:
        self.sys, self.proc = folder / "sys", folder / "proc"
        (self.sys / "class/block").mkdir(parents=True)
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self/mountinfo").write_text("")

    def disk(self, name: str, number: str, *, parts: Mapping[str, str] | None = None) -> None:
        """Add a disk with partitions (name to number)."""
        folder = self._add(name, number, "devices")
        for part, part_number in (parts or {}).items():
            self._add(part, part_number, str(folder.relative_to(self.sys)))
            (folder / part / "partition").write_text("1\n")

    def array(
        self, name: str, number: str, members: Sequence[str], *, metadata: str = "1.2"
    ) -> None:
        """Add an md array."""
        folder = self._add(name, number, "devices/virtual", slaves=members)
        (folder / "md").mkdir()
        (folder / "md/metadata_version").write_text(f"{metadata}\n")

    def mapping(self, name: str, number: str, lower: Sequence[str], title: str) -> None:
        """Add a mapping of the device mapper."""
        folder = self._add(name, number, "devices/virtual", slaves=lower)
        (folder / "dm").mkdir()
        (folder / "dm/name").write_text(f"{title}\n")

    def loop(self, name: str, number: str, file: str) -> None:
        """Add a loop device over ``file``."""
        folder = self._add(name, number, "devices/virtual")
        (folder / "loop").mkdir()
        (folder / "loop/backing_file").write_text(f"{file}\n")

    def mount(self, number: str, place: str, *, process: int | None = None) -> None:
        """Mount a device, in the mount namespace of another process if one is named."""
        folder = self.proc / ("self" if process is None else str(process))
        if process is not None:
            (folder / "ns").mkdir(parents=True)
            (folder / "ns/mnt").symlink_to(f"mnt:[{process}]")
        with (folder / "mountinfo").open("a") as table:
            table.write(f"22 1 {number} / {place} rw - ext4 /dev/x rw\n")

    def _add(self, name: str, number: str, place: str, slaves: Sequence[str] = ()) -> Path:
        folder = self.sys / place / name
        (folder / "slaves").mkdir(parents=True)
        (folder / "dev").write_text(f"{number}\n")
        for lower in slaves:
            (folder / "slaves" / lower).symlink_to(self.sys / "class/block" / lower)
        (self.sys / "class/block" / name).symlink_to(folder)
        return folder
