"""Runs a program to its end and says what it took: wall time, CPU time of the process tree, most memory."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.control_group import ControlGroup, new_group

_SHOWN_CHARACTERS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run.

    ``exit_code`` = ``None``: ended at the time limit; ``is_whole_memory`` = ``peak_bytes`` counts all
    processes with page cache, else the largest process alone.
    """

    exit_code: int | None
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    is_whole_memory: bool
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """What a long-living program says of its own work: wall time, and the CPU time it had used before it began."""

    seconds: float
    cpu_before_s: float


def run_measured(
    argv: Sequence[str], *, limit_s: float, log: Path, environment: Mapping[str, str] | None = None
) -> Measured:
    """Run ``argv`` in a control group of its own; both streams go to ``log``.

    A program that prints ``{"seconds": ..., "cpu_before_s": ...}`` in its last line has its start-up left out.
    """
    group = new_group(f"ingot-bench-{os.getpid()}")
    try:
        return _run(argv, group, limit_s, log, environment)
    finally:
        if group is not None:
            group.remove()


def _run(
    argv: Sequence[str],
    group: ControlGroup | None,
    limit_s: float,
    log: Path,
    environment: Mapping[str, str] | None,
) -> Measured:
    with log.open("wb") as out:
        started = time.monotonic()
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=None if environment is None else {**os.environ, **environment},
            start_new_session=True,
            preexec_fn=group.enter if group else None,  # noqa: PLW1509  # no other thread runs yet
        )
        expired = threading.Event()

        def stop() -> None:
            expired.set()
            with suppress(ProcessLookupError):  # it ended at this very moment
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(limit_s, stop)
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - started
        finally:
            timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    output = log.read_text(errors="replace")
    cpu_seconds = group.cpu_seconds() if group else usage.ru_utime + usage.ru_stime
    counted = group is not None and group.has_peak
    inner = inner_times(output)
    return Measured(
        exit_code=None if expired.is_set() else process.returncode,
        seconds=inner.seconds if inner else seconds,
        cpu_seconds=cpu_seconds - (inner.cpu_before_s if inner else 0),
        peak_bytes=group.peak_bytes() if group and counted else usage.ru_maxrss * 1024,
        is_whole_memory=counted,
        output=output[-_SHOWN_CHARACTERS:],
    )


def inner_times(output: str) -> Inner | None:
    """Return what the program's last line says of its work, if it says something."""
    last = output.strip().rpartition("\n")[2]
    if not last.startswith("{"):
        return None
    said = json.loads(last)
    return Inner(seconds=float(said["seconds"]), cpu_before_s=float(said["cpu_before_s"]))
