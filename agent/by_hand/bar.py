"""Progress on a terminal: one line that lives for each phase; plain lines where there is no terminal.

ECMA-48 control sequences only: the ramdisk has no terminal library.
"""

import os
import time
from collections.abc import Callable
from typing import TextIO

from agent.protocol.commands import Progress

_ERASE_LINE = "\r\x1b[2K"
_PLAIN_EVERY_S = 5.0
_CELLS = 24
_NARROWEST = 20
_UNITS = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


class Bar:
    """A progress sink that draws on ``out``; call :meth:`end` before anything else is written there."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._is_live = out.isatty()
        self._last: Progress | None = None
        self._begun_at = 0.0
        self._said_at = 0.0

    def __call__(self, progress: Progress) -> None:
        """Show a report."""
        now = self._clock()
        is_new = self._last is None or progress.phase != self._last.phase
        if is_new:
            self.end()
            self._begun_at = now
        self._last = progress
        if progress.message:
            self._say(f"{progress.phase}: {progress.message}")
        if self._is_live:
            width = max(_NARROWEST, os.get_terminal_size(self._out.fileno()).columns - 1)
            self._out.write(_ERASE_LINE + line_of(progress)[:width])
            self._out.flush()
        elif not is_new and now - self._said_at >= _PLAIN_EVERY_S:
            self._say(line_of(progress))

    def end(self) -> None:
        """Leave a line that says how long the phase took."""
        if self._last is not None:
            seconds = self._clock() - self._begun_at
            done = self._last.bytes_done or 0
            rate = f", {size(done / seconds)}/s" if done and seconds >= 1 else ""
            amount = f", {size(done)}{rate}" if done else ""
            self._say(f"{self._last.phase}: {seconds:.1f} s{amount}")
        self._last = None

    def _say(self, text: str) -> None:
        self._said_at = self._clock()
        self._out.write(f"{_ERASE_LINE if self._is_live else ''}{text}\n")
        self._out.flush()


def line_of(progress: Progress) -> str:
    """Return a report as one line: phase, bar, bytes, rate, bytes on the disk, time left; without what is not known."""
    done, total = progress.bytes_done, progress.bytes_total
    parts = [f"{progress.phase:<12}"]
    if done is not None and total:
        share = min(1.0, done / total)
        filled = int(share * _CELLS)
        parts.append(f"[{'#' * filled}{'.' * (_CELLS - filled)}] {100 * share:3.0f} %")
        parts.append(f"{size(done)} of {size(total)}")
    elif done is not None:
        parts.append(size(done))
    if progress.rate_bytes_per_s:
        parts.append(f"{size(progress.rate_bytes_per_s)}/s")
    if progress.disk_bytes_done:
        parts.append(f"{size(progress.disk_bytes_done)} on disk")
    if progress.time_left_s is not None:
        parts.append(f"{progress.time_left_s:.0f} s left")
    return "  ".join(parts)


def size(count: float) -> str:
    """Return a number of bytes in decimal units."""
    for unit, bytes_ in _UNITS:
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return f"{count:.0f} B"
