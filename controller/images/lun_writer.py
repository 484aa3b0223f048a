"""One image writer: a process of ours that writes a machine's disk over iSCSI (``agent/lun_writer.py``), and what it has told.

The one place below ``controller/images`` that starts it. Its code is the agent's, so this knows only the wire types of the two.
"""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess  # noqa: TID251  # this module is the door
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from agent.protocol.foreign_text import clean_line
from agent.protocol.lun_writing import WriteOrder, WriteReport

LIBRARY = "libiscsi.so.7"
COMMAND = (sys.executable, "-m", "agent.lun_writer")
_MOST_LINE_BYTES = 1 << 16
_MOST_LOG_BYTES = 4096
_PIECE_BYTES = 1 << 16
_REAP_S = 5.0


def is_library_installed() -> bool:
    """Say whether the library that the writer needs is there."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


class LunWriter:
    """A writer that runs or has ended. Any thread may look."""

    def __init__(
        self, order: WriteOrder, *, total_s: float, command: Sequence[str] = COMMAND
    ) -> None:
        """Start it.

        Args:
            order: What it shall do; no secret is visible to other users of this machine.
            total_s: It is ended after this time.
            command: Another program in its place, for tests.

        Raises:
            OSError: The system has no room for another process.
        """
        self.begun_at = time.monotonic()
        self._total_s = total_s
        self._lock = threading.Lock()
        self._told = WriteReport()
        self._log = bytearray()
        self._process = subprocess.Popen(
            list(command),
            cwd=Path(__file__).parents[2],  # where ``agent`` is importable, installed or not
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        line = msgspec.json.encode(order) + b"\n"
        self._thread = threading.Thread(
            target=self._converse, args=(line,), name="lun-writer", daemon=True
        )
        self._thread.start()

    def look(self) -> WriteReport:
        """Return what it told last; with a receipt or an error it has ended."""
        with self._lock:
            return self._told

    @property
    def has_ended(self) -> bool:
        """Whether it has told how it ended."""
        told = self.look()
        return told.receipt is not None or told.error is not None

    def end(self) -> None:
        """End it, wherever it is, and wait for that."""
        self._kill()
        self._thread.join(_REAP_S)

    def _kill(self) -> None:
        """Kill it and what it started; once it is reaped its number may be anybody's."""
        with self._lock:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _converse(self, line: bytes) -> None:
        """Give the order, hear what comes, and see to its end."""
        try:
            why = self._exchange(line)
        except OSError as error:
            why = f"its pipes fail: {error.strerror}"
        except msgspec.DecodeError as error:
            why = f"it said nonsense: {error}"
        finally:
            self._kill()
            status = self._reap()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # an order that it did not read
                        pipe.close()
        with self._lock:
            if self._told.receipt is None and self._told.error is None:
                last = clean_line(self._log.decode(errors="replace").strip().rpartition("\n")[2])
                why = why or f"it ended with status {status}; its last words: {last or 'none'}"
                self._told = WriteReport(error=f"the controller's image writer: {why}")

    def _reap(self) -> int:
        """Wait until it has ended, which a process in the kernel may be slow to do, then take its number back."""
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            return self._process.wait()

    def _exchange(self, line: bytes) -> str:
        """Return why it was given up; empty = it has ended."""
        process = self._process
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise AssertionError("a writer was started without pipes")
        rest, told = memoryview(line), bytearray()
        for pipe in (process.stdin, process.stdout, process.stderr):
            os.set_blocking(pipe.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdin, selectors.EVENT_WRITE)
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(process.stderr, selectors.EVENT_READ)
            while process.stdout in {key.fileobj for key in selector.get_map().values()}:
                left_s = self.begun_at + self._total_s - time.monotonic()
                ready = selector.select(left_s) if left_s > 0 else []
                if left_s <= 0:
                    return f"it had not ended after {self._total_s:.0f} s and was killed"
                for key, _events in ready:
                    if key.fileobj is process.stdin:
                        rest = rest[_written(key.fd, rest) :]
                        if not rest:  # it stays open: its end would end the writer
                            selector.unregister(process.stdin)
                        continue
                    piece = os.read(key.fd, _PIECE_BYTES)
                    if not piece:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is process.stderr:
                        self._log = (self._log + piece)[-_MOST_LOG_BYTES:]
                    else:
                        told = self._hear(told + piece)
        return ""

    def _hear(self, told: bytearray) -> bytearray:
        """Take the whole lines of what came; return the rest."""
        *lines, rest = told.split(b"\n")
        if len(rest) > _MOST_LINE_BYTES:
            raise msgspec.DecodeError(f"a line of more than {_MOST_LINE_BYTES} bytes")
        for line in lines:
            report = msgspec.json.decode(line, type=WriteReport)
            with self._lock:
                self._told = report
        return rest


def _written(descriptor: int, rest: memoryview) -> int:
    """Write what fits and return its size; all of it to a writer that has gone, which is seen by its output."""
    try:
        return os.write(descriptor, rest[:_PIECE_BYTES])
    except BrokenPipeError:
        return len(rest)
