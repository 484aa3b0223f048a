"""What boot loaders read and write of a disk beside its file systems; every write is read back."""

import os
from pathlib import Path

from agent.disks.open_disk import MIB, OpenDisk
from agent.disks.partition_table import PartitionTable
from agent.errors import AgentError, BootloaderError, ImageError


def table_of(disk: Path) -> PartitionTable:
    """Return the partition table that a disk has now.

    Raises:
        BootloaderError: There is none that can be read.
    """
    with OpenDisk(disk, writable=False) as handle:
        try:
            return PartitionTable(bytearray(handle.read(0, MIB)), handle.sector_bytes)
        except ImageError as error:
            raise BootloaderError(f"{disk}: {error}") from error


def read_raw(device: Path, start_byte: int, size_bytes: int) -> bytes:
    """Return what the device itself holds, past the page cache."""
    with OpenDisk(device, writable=False) as handle:
        return handle.read(start_byte, size_bytes)


def overwrite(device: Path, start_byte: int, content: bytes) -> None:
    """Write a piece of a disk whose partitions are in use, and read it back.

    Raises:
        BootloaderError: It does not hold it.
    """
    try:
        handle = os.open(device, os.O_WRONLY | os.O_CLOEXEC)
        try:
            view = memoryview(content)
            while view:
                written = os.pwrite(handle, view, start_byte + len(content) - len(view))
                view = view[written:]
            os.fsync(handle)
        finally:
            os.close(handle)
        is_there = read_raw(device, start_byte, len(content)) == content
    except (OSError, AgentError) as error:
        raise BootloaderError(f"{device}: byte {start_byte}: {error}; see dmesg") from error
    if not is_there:
        raise BootloaderError(f"{device}: byte {start_byte}: does not hold what was written there")
