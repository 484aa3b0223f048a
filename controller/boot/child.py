"""Keeps a program of ours running as a child process: starts it, reads its log, starts it again when it dies.

The one place below ``controller/boot`` that starts programs.
"""

import logging
import os
import subprocess  # noqa: TID251  # this module is the door
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

log = logging.getLogger(__name__)

_LOOK_S = 0.1
_STOP_TIMEOUT_S = 5.0
_LONGEST_PAUSE_S = 60.0
_SOUND_AFTER_S = 60.0
"""A program that ran this long is restarted at once when it dies."""
_KEPT_LINES = 20


def run_once(argv: Sequence[str], *, timeout_s: float) -> str | None:
    """Run a program to its end and return its last words; ``None`` = it did what it should."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stderr.strip() or f"exit status {done.returncode}") if done.returncode else None


class Child:
    """A program that writes its log to standard error; :meth:`start` and :meth:`stop` are called once each."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        serves_when: str,
        on_line: Callable[[str], None],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            name: What the log calls it.
            argv: The program and its arguments.
            serves_when: Text in the line of its log that says that it serves.
            on_line: Called in a thread of this object for each line of its log; must not raise.
            environment: Added to our own.
        """
        self._name = name
        self._argv = argv
        self._serves_when = serves_when
        self._on_line = on_line
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._serving = threading.Event()
        self._last_lines: deque[str] = deque(maxlen=_KEPT_LINES)

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return " / ".join(self._last_lines) or "it said nothing"

    def start(self, *, timeout_s: float) -> bool:
        """Start the program, and say whether it serves; one that does not is ended again."""
        self._process = self._spawn()
        self._thread = threading.Thread(target=self._supervise, name=self._name, daemon=True)
        self._thread.start()
        end = time.monotonic() + timeout_s
        while not self._serving.wait(_LOOK_S) and self.check() and time.monotonic() < end:
            pass
        if not self._serving.is_set():
            self.stop()
        return self._serving.is_set()

    def check(self) -> bool:
        """Say whether it runs; it is started again when it does not."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self._process and self.check():
            self._process.send_signal(number)

    def stop(self) -> None:
        """End the program and wait for it."""
        self._stopping.set()
        if self._process:
            self._process.terminate()
        if self._thread:
            self._thread.join(_STOP_TIMEOUT_S)
            if self._thread.is_alive() and self._process:
                self._process.kill()
                self._thread.join()

    def _spawn(self) -> "subprocess.Popen[str]":
        # Killed by the kernel when this process dies: an orphan would hold the port against our successor.
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *self._argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, **self._environment} if self._environment else None,
        )

    def _supervise(self) -> None:
        """Read the log until the program ends, and start it again, later each time that it dies young."""
        pause_s = 1.0
        while self._process:
            started = time.monotonic()
            self._read_log(self._process)
            status = self._process.wait()
            if self._stopping.is_set() or not self._serving.is_set():
                return
            if time.monotonic() - started > _SOUND_AFTER_S:
                pause_s = 1.0
            log.error(
                "%s ended with status %d, starting it again in %.0f s; its last words: %s",
                self._name,
                status,
                pause_s,
                self.last_words,
            )
            if self._stopping.wait(pause_s):
                return
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            if not self._start_again(pause_s):
                return

    def _start_again(self, pause_s: float) -> bool:
        """Start the program once more, however long the machine has no room for a process; false = it is to end."""
        while True:
            try:
                self._process = self._spawn()
            except OSError as error:
                log.error(  # noqa: TRY400 - the cause is in the message
                    "%s cannot be started again: %s; trying again in %.0f s",
                    self._name,
                    error,
                    pause_s,
                )
                if self._stopping.wait(pause_s):
                    return False
            else:
                return True

    def _read_log(self, process: "subprocess.Popen[str]") -> None:
        if process.stderr is None:
            raise RuntimeError(f"{self._name} was started without a pipe for its log")
        with process.stderr as lines:
            for line in lines:
                self._last_lines.append(line.strip())
                if self._serves_when in line:
                    self._serving.set()
                self._on_line(line)
