"""A program with everything that it starts: a process group of its own, which is ended as a whole.

The program is the leader of a new session. It is not reaped before the end, so that the number of its group stays its own
(POSIX, ``setsid``; Linux gives a process ID to nobody while it is in use as a group).
"""

import logging
import os
import signal
import subprocess  # noqa: TID251  # this module is the door
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)
_GRACE_S = 5.0
_KILLED_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.05
_ZOMBIE_STATES = frozenset("ZX")


class ProcessGroup:
    """A running program; everything it starts is in its group, unless it leaves it on purpose as a daemon does."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path | None = None,
        has_stdin: bool = False,
    ) -> None:
        """Start ``argv`` with pipes for its output and, with ``has_stdin``, for its input, which is closed otherwise.

        Raises:
            OSError: It cannot be started.
        """
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if has_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )

    @property
    def stdin(self) -> IO[bytes] | None:
        """Its input; ``None`` = closed from the beginning."""
        return self._process.stdin

    @property
    def outputs(self) -> tuple[IO[bytes], IO[bytes]]:
        """What it prints: standard output and standard error."""
        out, err = self._process.stdout, self._process.stderr
        if out is None or err is None:
            raise AssertionError("a program was started without pipes")
        return out, err

    def has_ended(self) -> bool:
        """Say whether the program itself has ended, without reaping it."""
        if self._process.returncode is not None:
            return True
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, options) is not None

    def reap(self) -> int:
        """Close the pipes and return the exit status of the ended program, negative for a signal."""
        for pipe in (self._process.stdin, *self.outputs):
            if pipe is not None:
                with suppress(OSError):  # unsent input of a program that is gone
                    pipe.close()
        return self._process.wait()

    def end(self, grace_s: float = _GRACE_S) -> None:
        """End the whole group: SIGTERM, and after ``grace_s`` SIGKILL; returns when nothing of it runs, or cannot be ended."""
        if self._process.returncode is not None:
            return
        for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _KILLED_WITHIN_S)):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            until = time.monotonic() + patience_s
            while (left := self.living()) and time.monotonic() < until:
                time.sleep(_LOOK_EVERY_S)
            if not left:
                return
        log.error("processes do not end; they wait for a device", extra={"pids": str(left)})

    def living(self) -> tuple[int, ...]:
        """Return the processes of the group that run, by process ID; those that only wait to be reaped do not."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            with suppress(OSError):  # it ended meanwhile
                state, _, group = _fields(entry / "stat")[:3]
                if int(group) == self._process.pid and state not in _ZOMBIE_STATES:
                    found.append(int(entry.name))
        return tuple(sorted(found))


def _fields(stat: Path) -> list[str]:
    """Return the fields of ``/proc/PID/stat`` from the state on (proc(5)); the name before it may hold anything."""
    return stat.read_text(errors="replace").rpartition(")")[2].split()
