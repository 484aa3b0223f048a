"""What is behind a virtual disk, as QEMU's block nodes: a file, a file that fails, a file with a log of its writes.

Pure: values in, the JSON of QEMU's ``-blockdev`` out (QEMU manual, "QMP reference", ``BlockdevOptions``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

Node = Mapping[str, object]
SECTOR_BYTES = 512
_EIO = 5


class Operation(StrEnum):
    """What can fail; the words are QEMU's (``BlkdebugIOType``)."""

    READ = "read"
    WRITE = "write"
    ZERO = "write-zeroes"
    FLUSH = "flush"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An operation that fails with EIO, every time, wherever it touches ``sector``.

    ``sector`` counts 512 bytes; ``None`` = any place.
    """

    operation: Operation
    sector: int | None = None


def file_node(path: Path, *, read_only: bool = False) -> Node:
    """Return a disk over a raw file; what the guest discards or zeroes becomes a hole."""
    file = {"driver": "file", "filename": str(path), "discard": "unmap", "read-only": read_only}
    return {"driver": "raw", "file": file, "discard": "unmap", "read-only": read_only}


def faulty_node(path: Path, faults: Sequence[Fault]) -> Node:
    """Return a disk over a raw file on which some operations fail (QEMU's ``blkdebug``)."""
    rules = [
        {"event": "none", "iotype": str(fault.operation), "errno": _EIO}
        | ({} if fault.sector is None else {"sector": fault.sector})
        for fault in faults
    ]
    return {"driver": "blkdebug", "image": file_node(path), "inject-error": rules}


def logged_node(path: Path, log: Path) -> Node:
    """Return a disk over a raw file that writes down every write and every flush (QEMU's ``blklogwrites``).

    ``log`` must exist; it is read by :mod:`tests.lab.disks.write_log`.
    """
    return {
        "driver": "blklogwrites",
        "file": file_node(path),
        "log": {"driver": "file", "filename": str(log)},
        "log-super-update-interval": 1,
    }
