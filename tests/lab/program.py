"""Programs that the lab runs: short ones to their end, long ones in the background with a log.

Background programs get a session of their own, so that Ctrl-C reaches the lab alone and the lab decides who stops when.
"""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.errors import LabError

_LOG_TAIL_CHARACTERS = 2000


def run(*argv: str, timeout_s: float = 30) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        LabError: It ended with another status than 0, or took longer than ``timeout_s`` seconds.
    """
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"{' '.join(argv)}: {error}") from error
    if done.returncode != 0:
        raise LabError(
            f"{' '.join(argv)}: exit status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout


class Program:
    """A program in the background, its output (both streams) appended to a log file."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._argv = tuple(argv)
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program; one that runs already is left alone."""
        if self.is_running:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process number of the running or last run program.

        Raises:
            LabError: It was never started.
        """
        if self._process is None:
            raise LabError(f"{self.name} was never started; call start() first")
        return self._process.pid

    def stop(self, *, timeout_s: float = 10) -> None:
        """Ask the program to end (SIGTERM); after ``timeout_s`` seconds kill it."""
        if self._process is None:
            return
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the program at once (SIGKILL), as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def must_run(self) -> None:
        """Check that the program has not ended by itself.

        Raises:
            LabError: It has; the message carries the end of its log.
        """
        if not self.is_running:
            raise LabError(f"{self.name} is not running; the end of {self.log}:\n{self.log_tail()}")

    def log_tail(self) -> str:
        """Return the last 2000 characters of the log."""
        if not self.log.exists():
            return ""
        return self.log.read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:]

    def wait_for_log(self, text: str, *, timeout_s: float) -> None:
        """Wait until ``text`` stands in the log.

        Raises:
            LabError: It does not within ``timeout_s`` seconds, or the program ended.
        """
        deadline = time.monotonic() + timeout_s
        while text not in self.log.read_text(errors="replace"):
            self.must_run()
            if time.monotonic() > deadline:
                raise LabError(
                    f"{self.name} did not print {text!r} within {timeout_s:g} s; the end of {self.log}:\n"
                    f"{self.log_tail()}"
                )
            time.sleep(0.05)
