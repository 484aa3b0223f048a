"""What a console has shown, in a bounded file that people can read: the newest half, and the half before it."""

import contextlib
import logging
import os
import secrets
import threading
from pathlib import Path

from controller.consoles.log_record import (
    LogFile,
    LogRecord,
    first_place,
    read_record,
    this_boot,
    write_record,
)

log = logging.getLogger(__name__)

_MODE, _FOLDER_MODE = 0o600, 0o700


class RingLog:
    """``NAME.log`` and ``NAME.log.1``, readable for the controller's user only. Any thread may call.

    A byte's place is its number since ``epoch`` began, which is when the log was made, or opened for the first time after a
    boot; what was in the files then has the first numbers.
    """

    def __init__(self, path: Path, most_bytes: int, whose: str = "") -> None:
        """Open or make the files; those of another owner are deleted.

        Args:
            path: The newer file; the others are beside it.
            most_bytes: How much is kept.
            whose: The owner of what will be stored; empty = nobody in particular.

        Raises:
            OSError: The folder cannot be made, or the file not be opened.
        """
        path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        self._path, self._older_path = path, path.with_name(f"{path.name}.1")
        self._fresh_path = path.with_name(f"{path.name}.new")
        self._record_path = path.with_name(f"{path.name}.places")
        self._half_bytes = max(1, most_bytes // 2)
        self._whose = whose
        self._lock = threading.Lock()
        record = read_record(self._record_path)
        if record is None or record.whose != whose:
            reason = (
                "nobody knows whose it is" if record is None else "the node's owner has changed"
            )
            record = None
            for old in filter(Path.exists, (path, self._older_path)):
                log.warning("what the console had shown is deleted, for %s: %s", reason, old)
                old.unlink(missing_ok=True)
        self._older: int | None = None
        self._newer = -1
        self._begin = 0
        """Place of the first byte there is."""
        try:
            self._find(record)
        except BaseException:
            self.close()
            raise

    def _find(self, record: LogRecord | None) -> None:
        """Open what there is, with the places that it had."""
        with contextlib.suppress(FileNotFoundError):
            self._older = os.open(self._older_path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self._newer = self._open(self._path)
        older = None if self._older is None else LogFile.of(self._older)
        newer = LogFile.of(self._newer)
        self._boot = this_boot()
        place = None if record is None else first_place(record, self._boot, older, newer)
        self._begin = place or 0
        known = None if record is None or place is None else record.epoch
        self.epoch = known or secrets.token_hex(4)
        self._split = self._begin + (older.size_bytes if older else 0)
        """Place of the first byte of the newer file."""
        self._end = self._split + newer.size_bytes
        try:
            self._write_record()
        except OSError:
            if record is None:
                raise
            log.warning("the places of %s could not be written; the disk may be full", self._path)

    def _write_record(self, fresh: int | None = None) -> None:
        """Write which places the files have, a fresh one behind them too."""
        starts = ((self._older, self._begin), (self._newer, self._split), (fresh, self._end))
        places = {LogFile.of(file).inode: place for file, place in starts if file is not None}
        record = LogRecord(whose=self._whose, boot=self._boot, epoch=self.epoch, places=places)
        write_record(self._record_path, record)

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
            self._write_record(fresh)
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
