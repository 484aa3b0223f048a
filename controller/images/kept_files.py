"""The files of the controller's image store: whole ones under their UUID, others with ``.part`` behind it.

A file has its final name only when its content has been read back from the disk and found right, so whoever serves the folder
(nginx, too) serves nothing unfinished.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from controller.errors import Conflict
from controller.settings import Settings
from controller.store.identity import is_uuid

PART = ".part"
_PIECE_BYTES = 1 << 20


class StoreFull(Exception):
    """The disk took no more; the text says why."""


class Interrupted(Exception):
    """The controller is about to end, or the image was deleted meanwhile."""


class KeptFiles:
    """One controller's folder."""

    def __init__(self, settings: Settings) -> None:
        """Name the folder; it is made when something is put into it."""
        self.folder = Path(settings.state_directory) / settings.image_store_directory

    def find(self, uuid: str) -> Path | None:
        """Return the file of a whole image; ``None`` = there is none."""
        path = self.folder / uuid
        return path if is_uuid(uuid) and path.is_file() else None

    def present(self) -> dict[str, int]:
        """Return the size of every file by its name, unfinished ones too; bytes."""
        found = {}
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                if is_uuid(entry.name.removesuffix(PART)):
                    found[entry.name] = entry.stat().st_size
        return found

    def free_bytes(self) -> int:
        """Return how much room the disk has."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free

    @contextmanager
    def writing(self, uuid: str, start_byte: int) -> Iterator[Callable[[bytes], None]]:
        """Give what writes on from ``start_byte``; what was behind it is cut off, what was written is flushed at the end.

        Raises:
            Conflict: Somebody else writes it.
            StoreFull: The disk does not take it.
        """
        with _no_room():
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._part(uuid), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict(
                    f"image {uuid} is just being written by another request; wait for its end"
                ) from error
            with _no_room():
                file.truncate(start_byte)
                file.seek(start_byte)
            try:
                yield lambda piece: _write(file, piece)
            finally:
                with _no_room():
                    os.fsync(file)

    def digest(self, uuid: str, algorithm: str, go_on: Callable[[], bool]) -> tuple[str, int]:
        """Return digest and size in bytes of an unfinished file, as the disk gives it.

        Raises:
            Interrupted: ``go_on`` has said no.
            OSError: It cannot be read.
        """
        found, size_bytes = hashlib.new(algorithm), 0
        with self._part(uuid).open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while piece := file.read(_PIECE_BYTES):
                if not go_on():
                    raise Interrupted
                found.update(piece)
                size_bytes += len(piece)
        return found.hexdigest(), size_bytes

    def finish(self, uuid: str) -> None:
        """Give a file its final name, lastingly."""
        self._part(uuid).replace(self.folder / uuid)
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self, name: str) -> None:
        """Delete a file by its name, if it is there."""
        (self.folder / name).unlink(missing_ok=True)

    def forget(self, uuid: str) -> None:
        """Delete what there is of an image."""
        self.remove(uuid)
        self.remove(uuid + PART)

    def _part(self, uuid: str) -> Path:
        return self.folder / (uuid + PART)


def _write(file: BinaryIO, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        with _no_room():
            view = view[file.write(view) :]


@contextmanager
def _no_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreFull(f"the image store's disk refuses: {error.strerror}") from error
