"""The file systems of a disk, mounted where nobody else sees them.

Mounts live in a mount namespace of one thread (unshare(2)) and go with it, whatever happens: nothing stays mounted after an error,
and no other program of the ramdisk is in the way. A partition is mounted by its place on the disk (a loop device with an offset), so
that what the kernel still believes of an older partition table does not matter.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agent.disks.file_tree import Tree
from agent.disks.open_disk import MIB, OpenDisk
from agent.disks.partition_table import Partition, PartitionTable
from agent.errors import CommandFailed, FileSystemError, ImageError
from agent.system import kernel_calls as kernel
from agent.system.runner import Runner

_Result = TypeVar("_Result")
_TIMEOUT_S = 120.0
_SAFE = "nodev,nosuid,noexec"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a file system is: a device, or a part of it; ``number`` = 0: the whole device."""

    device: Path
    number: int = 0
    start_byte: int = 0
    size_bytes: int = 0

    def __str__(self) -> str:
        """Return it for messages."""
        return f"{self.device}, partition {self.number}" if self.number else str(self.device)


def in_own_namespace(work: Callable[[], _Result]) -> _Result:
    """Run ``work`` in a thread whose mounts are its own.

    Raises:
        FileSystemError: The kernel gives no mount namespace.
    """

    def isolated() -> _Result:
        try:
            kernel.unshare(kernel.NEW_MOUNT_NAMESPACE)
            kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        except OSError as error:
            raise FileSystemError(
                f"no mount namespace of its own: {error.strerror}; the agent must be root"
            ) from error
        return work()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="own mounts") as pool:
        return pool.submit(isolated).result()


def partitions_of(disk: Path) -> tuple[Partition, ...]:
    """Return the partitions that the disk's table has now.

    Raises:
        FileSystemError: It has no table that can be read.
    """
    with OpenDisk(disk, writable=False) as handle:
        try:
            table = PartitionTable(bytearray(handle.read(0, MIB)), handle.sector_bytes)
        except ImageError as error:
            raise FileSystemError(f"{disk}: {error}") from error
    return table.partitions()


class FileSystems:
    """Mounts file systems of ``disk`` below ``folder``; to be used inside :func:`in_own_namespace`."""

    def __init__(self, disk: Path, folder: Path, runner: Runner) -> None:
        self._disk = disk
        self._folder = folder
        self._runner = runner
        self._partitions = partitions_of(disk)

    def places(self) -> tuple[tuple[Place, Partition], ...]:
        """Return where every partition is."""
        return tuple((self._placed(part), part) for part in self._partitions)

    def place(self, wanted: int | str | None, first_folder: str | None) -> Place:
        """Return where a file goes: the partition of a number, a device by its path, or the first one with such a folder.

        Raises:
            FileSystemError: There is none; the message says what is there.
        """
        if isinstance(wanted, str):
            return Place(device=self._device(wanted))
        if wanted is not None:
            found = [part for part in self._partitions if part.number == wanted]
            if not found:
                numbers = ", ".join(str(part.number) for part in self._partitions) or "none"
                raise FileSystemError(f"{self._disk}: no partition {wanted}; it has: {numbers}")
            return self._placed(found[0])
        if first_folder is None:
            raise FileSystemError(
                f"{self._disk}: a path without a folder says nothing of its partition; name the partition"
            )
        return self._with_folder(first_folder)

    @contextmanager
    def mounted(self, place: Place, *, read_only: bool = False, more: str = "") -> Iterator[Tree]:
        """Mount a file system; it is flushed and unmounted at the end.

        Args:
            place: Where it is; the same one not twice at a time.
            read_only: Let nothing be written by way of this mount.
            more: Further options for mount(8), as its kind needs them.

        Raises:
            FileSystemError: It cannot be mounted.
        """
        options = f"{'ro' if read_only else 'rw'},{_SAFE}"
        if more:
            options += f",{more}"
        if place.number:
            options += f",loop,offset={place.start_byte},sizelimit={place.size_bytes}"
        target = self._folder / f"mounted-{place.number}"
        target.mkdir(exist_ok=True)
        argv = ("mount", "-o", options, str(place.device), str(target))
        try:
            self._runner.run(*argv, timeout_s=_TIMEOUT_S)
        except CommandFailed as error:
            raise FileSystemError(f"{place}: cannot be mounted: {error}") from error
        try:
            yield Tree(target)
        finally:
            self._runner.run("umount", str(target), timeout_s=_TIMEOUT_S)

    def _with_folder(self, name: str) -> Place:
        reasons = []
        for part in self._partitions:
            place = self._placed(part)
            if part.is_esp:
                reasons.append(f"{part.number}: the EFI system partition")
                continue
            try:
                with self.mounted(place, read_only=True) as tree:
                    if tree.has_folder(name):
                        return place
                    reasons.append(f"{part.number}: no folder /{name}")
            except FileSystemError:
                reasons.append(f"{part.number}: no file system that can be mounted")
        raise FileSystemError(
            f"{self._disk}: no partition has a folder /{name} ({'; '.join(reasons) or 'there are no partitions'});"
            " name the partition; what is inside LVM is not looked into"
        )

    def _placed(self, part: Partition) -> Place:
        return Place(
            device=self._disk,
            number=part.number,
            start_byte=part.start_byte,
            size_bytes=part.size_bytes,
        )

    def _device(self, written: str) -> Path:
        path = Path(written)
        if not path.is_absolute() or not path.is_block_device():
            raise FileSystemError(f"partition {written!r} is no block device of this machine")
        return path.resolve()
