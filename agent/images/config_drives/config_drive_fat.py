"""Makes a config drive anew as FAT, for disks that its own filesystem cannot be mounted from.

ISO 9660 has blocks of 2048 bytes, and a kernel cannot mount it from a disk whose sectors have 4096. cloud-init looks for the
label ``config-2`` in either case; FAT labels are upper-case. Programs: ``mkfs.vfat`` (dosfstools) and ``mcopy`` (mtools), which
needs no mount.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from agent.errors import CommandFailed, ConfigDriveError
from agent.images.config_drives.iso9660 import IsoFile, read_files
from agent.protocol.config_drive import MAX_BYTES, is_iso, sector_bytes
from agent.system.runner import Runner

LABEL = "CONFIG-2"
_TIMEOUT_S = 60.0
_CLUSTER_BYTES = 4096
_SPARE_BYTES = 1 << 20
"""Room for the allocation tables and the root folder of 64 MiB, twice over."""
_NOT_IN_FAT = frozenset('"*:<>?\\|')


def suited_to(
    content: bytes, disk_sector_bytes: int, runner: Runner, *, rebuild: bool = False
) -> bytes:
    """Return a config drive that can be mounted from such a disk: ``content``, or a FAT filesystem with its files.

    Args:
        content: An ISO 9660 or FAT filesystem.
        disk_sector_bytes: Logical sector size of the disk.
        runner: Runs mkfs.vfat and mcopy.
        rebuild: Make FAT of ISO 9660 on any disk.

    Raises:
        ConfigDriveError: Its files cannot be read, or FAT cannot hold them; the message says which.
    """
    made_for = sector_bytes(content) or 0
    if made_for >= disk_sector_bytes and not (rebuild and is_iso(content)):
        return content
    with tempfile.TemporaryDirectory(prefix="ingot-config-drive-") as name:
        tree, image = Path(name, "tree"), Path(name, "drive.fat")
        tree.mkdir(mode=0o700)
        try:
            if is_iso(content):
                lay_out(read_files(content), tree)
            else:
                image.write_bytes(content)
                runner.run(
                    "mcopy", "-s", "-n", "-i", str(image), "::*", str(tree), timeout_s=_TIMEOUT_S
                )
                image.unlink()
            _make(tree, image, disk_sector_bytes, runner)
        except CommandFailed as error:
            raise ConfigDriveError(
                f"the config drive, made for sectors of {made_for} bytes, could not be made anew for"
                f" {disk_sector_bytes}: {error}"
            ) from error
        return image.read_bytes()


def lay_out(files: Sequence[IsoFile], tree: Path) -> None:
    """Write the files below ``tree``.

    Raises:
        ConfigDriveError: FAT has no such name, or takes two names for the same.
    """
    seen: dict[str, str] = {}
    for file in files:
        names = file.path.split("/")
        is_odd = _NOT_IN_FAT & set(file.path) or any(name.endswith((".", " ")) for name in names)
        if is_odd or not file.path.isprintable():
            raise ConfigDriveError(f"the config drive's file {file.path!r} cannot exist in FAT")
        for depth in range(1, len(names) + 1):
            path = "/".join(names[:depth])
            other = seen.setdefault(path.casefold(), path)
            if other != path:
                raise ConfigDriveError(
                    f"the config drive's names {other!r} and {path!r} are one name in FAT"
                )
        place = tree / file.path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as out:
                out.write(file.data)
        except OSError as error:
            raise ConfigDriveError(
                f"the config drive's file {file.path!r} cannot be unpacked: {error.strerror}"
            ) from error


def _make(tree: Path, image: Path, disk_sector_bytes: int, runner: Runner) -> None:
    sizes = [path.stat().st_size if path.is_file() else 1 for path in tree.rglob("*")]
    needed = _SPARE_BYTES + sum(-(-size // _CLUSTER_BYTES) * _CLUSTER_BYTES for size in sizes)
    if needed > MAX_BYTES:
        raise ConfigDriveError(
            f"the config drive's {len(sizes)} files need {needed} bytes as FAT; {MAX_BYTES} are allowed"
        )
    kib = -(-needed // _SPARE_BYTES) * (_SPARE_BYTES // 1024)
    per_cluster = _CLUSTER_BYTES // disk_sector_bytes
    options = ("-S", str(disk_sector_bytes), "-s", str(per_cluster), "-n", LABEL)
    runner.run("mkfs.vfat", *options, "-C", str(image), str(kib), timeout_s=_TIMEOUT_S)
    entries = sorted(str(path) for path in tree.iterdir())
    if entries:
        runner.run(
            "mcopy", "-s", "-n", "-m", "-i", str(image), *entries, "::", timeout_s=_TIMEOUT_S
        )
