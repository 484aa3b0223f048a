"""What a console has shown, in a bounded file that people can read: the newest half, and the half before it."""

import contextlib
import os
import secrets
import threading
from pathlib import Path

_MODE, _FOLDER_MODE = 0o600, 0o700


class RingLog:
    """``NAME.log`` and ``NAME.log.1``, readable for the controller's user only. Any thread may call.

    A byte's place is its number since ``epoch`` began, which is each time that the log is opened; what was in the files before has
    the first numbers.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        """Open or make the files.

        Raises:
            OSError: The folder cannot be made, or the file not be opened.
        """
        path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        self.epoch = secrets.token_hex(4)
        self._path, self._older_path = path, path.with_name(f"{path.name}.1")
        self._fresh_path = path.with_name(f"{path.name}.new")
        self._half_bytes = max(1, most_bytes // 2)
        self._lock = threading.Lock()
        self._older: int | None = None
        with contextlib.suppress(FileNotFoundError):
            self._older = os.open(self._older_path, os.O_RDONLY | os.O_CLOEXEC)
        self._begin = 0
        """Place of the first byte there is."""
        self._split = 0 if self._older is None else os.fstat(self._older).st_size
        """Place of the first byte of the newer file."""
        self._newer = self._open(path)
        self._end = self._split + os.fstat(self._newer).st_size

    @property
    def begin(self) -> int:
        """Place of the oldest byte that can be read."""
        with self._lock:
            return self._begin

    @property
    def end(self) -> int:
        """Place of the next byte."""
        with self._lock:
            return self._end

    def append(self, data: bytes) -> None:
        """Add what was shown.

        Raises:
            OSError: The disk is full or broken; a part may be written.
        """
        with self._lock:
            if self._newer < 0:
                return  # closed
            while data:
                if self._end - self._split >= self._half_bytes:
                    self._turn()
                room = self._half_bytes - (self._end - self._split)
                written = os.write(self._newer, data[:room])
                self._end += written
                data = data[written:]

    def read(self, place: int, most_bytes: int) -> tuple[int, bytes]:
        """Return what was shown from ``place`` on, and where that begins: later, if it is not there any more.

        Raises:
            OSError: The disk is broken.
        """
        with self._lock:
            if self._newer < 0:
                return place, b""
            place = min(max(place, self._begin), self._end)
            if place < self._split and self._older is not None:
                most_bytes = min(most_bytes, self._split - place)
                return place, os.pread(self._older, most_bytes, place - self._begin)
            return place, os.pread(self._newer, most_bytes, place - self._split)

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            older, newer, self._older, self._newer = self._older, self._newer, None, -1
        for descriptor in (older, newer):
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)

    def _turn(self) -> None:
        """Let go of the older half; the newer one is the older from now on. Nothing is changed when that fails."""
        self._fresh_path.unlink(missing_ok=True)
        fresh = self._open(self._fresh_path)
        try:
            with contextlib.suppress(
                FileNotFoundError
            ):  # somebody deleted it, or it was renamed the last time
                self._path.replace(self._older_path)
            self._fresh_path.replace(self._path)
        except OSError:
            os.close(fresh)
            raise
        before, self._older, self._newer = self._older, self._newer, fresh
        self._begin, self._split = self._split, self._end
        if before is not None:
            os.close(before)

    def _open(self, path: Path) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags, _MODE)
