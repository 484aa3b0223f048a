"""One controller process per state directory: a lock that the kernel lets go when the process ends, however it ends."""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from controller.errors import SettingsError

_FILE = "controller.lock"


class StateLock:
    """The lock of a state directory, ``controller.lock``: the process and the instance that hold it or held it last."""

    def __init__(self, directory: Path, instance: str) -> None:
        """Take the lock.

        Raises:
            SettingsError: Another process has it.
        """
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / _FILE
        # Programs that we start do not inherit the file, so one that outlives us does not keep the lock.
        self._file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _words(path)
            self._file.close()
            raise SettingsError(
                f"the state directory {directory} is in use by another controller (process "
                f"{holder[0] if holder else 'unknown'}); stop that one, or set another state_directory"
            ) from error
        words = _words(path)
        self.predecessors = tuple(words[1:])
        """Instances that had the lock before us and may stand in the database still: all of them have ended."""
        self._instance = instance
        self._write(self.predecessors)

    def announce(self) -> None:
        """Note that our instance is about to be written into the database."""
        self._write((self._instance, *self.predecessors))

    def settle(self) -> None:
        """Note that it stands there: those before us do not matter any more."""
        self._write((self._instance,))

    def _write(self, instances: Sequence[str]) -> None:
        self._file.truncate(0)
        self._file.write(" ".join((str(os.getpid()), *instances)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Let the lock go."""
        self._file.close()


def _words(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split()
