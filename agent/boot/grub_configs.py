"""Where configurations of GRUB lie on the file system that has ``/boot``, or is mounted there, and whether one is there."""

import tempfile
from pathlib import Path

from agent.disks.mounted_files import FileSystems, Place, in_own_namespace
from agent.system.runner import Runner

CONFIG_PLACES = (
    "/boot/grub/grub.cfg",
    "/boot/grub2/grub.cfg",
    "/grub/grub.cfg",
    "/grub2/grub.cfg",
)


def find_configuration(disk: Path, root: Path, runner: Runner) -> str | None:
    """Return where the file system on ``root``, a partition of ``disk``, has a configuration of GRUB; ``None`` = it has none.

    Raises:
        FileSystemError: It cannot be mounted.
    """

    def look() -> str | None:
        with (
            tempfile.TemporaryDirectory(prefix="ingot-root-") as folder,
            FileSystems(disk, Path(folder), runner).mounted(
                Place(device=root), read_only=True
            ) as tree,
        ):
            return next((place for place in CONFIG_PLACES if tree.size_bytes(place)), None)

    return in_own_namespace(look)
