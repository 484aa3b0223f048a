"""A file that is there whole or not at all: written under another name, flushed, and renamed."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.errors import SettingsError


@contextmanager
def locked_part(file: Path) -> Iterator[Path]:
    """Give the name of an empty file for what becomes ``file`` at the end of the block; after an error it is gone.

    Raises:
        SettingsError: It cannot be written, or another program is at it.
    """
    part = file.with_name(f"{file.name}.part")
    try:
        # Not emptied before it is locked: another program may be at it.
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SettingsError(f"{part} cannot be written: {error.strerror or error}") from error
    try:
        _lock(descriptor, part)
        os.ftruncate(descriptor, 0)
        os.fchmod(descriptor, 0o600)
        try:
            yield part
            flush(part)
            part.replace(file)
            flush(file.parent)
        except OSError as error:
            raise SettingsError(f"{file} cannot be written: {error.strerror or error}") from error
        finally:
            part.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def flush(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, part: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise SettingsError(f"another program writes {part} at this moment") from error
