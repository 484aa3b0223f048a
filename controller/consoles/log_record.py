"""What is written beside a console's log: whose it is, and which places its bytes have. So both outlive the controller's process."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

_BOOT_PATH = Path("/proc/sys/kernel/random/boot_id")
_MODE = 0o600


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``NAME.log.places``; a field that comes later has a default, so that every version reads every file."""

    whose: str
    """The owner of the node whose machine has printed it; empty = it has none."""
    boot: str
    """The boot that it was written in: a power cut may have taken the end of a log, and its places would be other bytes'."""
    epoch: str
    places: Mapping[int, int]
    """Place of the first byte of each file, by the file's inode: a file keeps it when it is renamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A file of a log, as it was found."""

    inode: int
    size_bytes: int

    @classmethod
    def of(cls, descriptor: int) -> "LogFile":
        """Look at an open file."""
        found = os.fstat(descriptor)
        return cls(inode=found.st_ino, size_bytes=found.st_size)


def this_boot() -> str:
    """Return the name of this boot; empty = it has none that can be read."""
    try:
        return _BOOT_PATH.read_text().strip()
    except OSError:
        return ""


def read_record(path: Path) -> LogRecord | None:
    """Return what is written; ``None`` = nothing that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=LogRecord)
    except (OSError, ValueError):
        return None


def write_record(path: Path, record: LogRecord) -> None:
    """Write it; what was there stays if that fails.

    Raises:
        OSError: The disk is full or broken.
    """
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(record))
        file.flush()
        os.fsync(descriptor)  # else a power cut could leave an empty file in its place
    fresh.replace(path)


def first_place(record: LogRecord, boot: str, older: LogFile | None, newer: LogFile) -> int | None:
    """Return the place of the first byte of a log that was found again.

    Args:
        record: What was written beside it.
        boot: This boot.
        older: The file with the first half, if there is one.
        newer: The other one; empty, too, where a controller ended before it had renamed both.

    Returns:
        ``None`` = its bytes have no places that anybody could have been told.
    """
    if not boot or record.boot != boot:
        return None
    if older is None:
        return record.places.get(newer.inode)
    begin = record.places.get(older.inode)
    if begin is None:
        return None
    is_next = record.places.get(newer.inode) == begin + older.size_bytes
    return begin if is_next or not newer.size_bytes else None
