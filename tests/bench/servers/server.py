"""A server under measurement: ours or the real Ironic, with its database and its processes."""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.lab.program import Program

_QUIET_S = 0.2
_QUIET_CPU_S = 0.02
_QUIET_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """``url`` has no slash at its end; ``database`` is its SQLite file with a table ``nodes``."""

    name: str
    url: str
    database: Path
    program: Program

    def set_state(self, uuids: Sequence[str], state: str) -> None:
        """Write the nodes' provision state past the API, to have many of them in a state in no time."""
        with sqlite3.connect(self.database, timeout=30) as database:
            pairs = [(state, uuid) for uuid in uuids]
            database.executemany("UPDATE nodes SET provision_state = ? WHERE uuid = ?", pairs)
        database.close()

    def cpu_seconds(self) -> float:
        """Return the CPU time of the server's processes since their start."""
        times = [process.cpu_times() for process in self._processes()]
        return sum(t.user + t.system + t.children_user + t.children_system for t in times)

    def pss_bytes(self) -> int:
        """Return its memory: what it shares with other processes counts in equal parts (proc(5), smaps_rollup)."""
        return sum(process.memory_full_info().pss for process in self._processes())

    def wait_until_quiet(self) -> float:
        """Wait until it does next to nothing, for answers may come before the work; return its CPU time then."""
        deadline = time.monotonic() + _QUIET_TIMEOUT_S
        last = self.cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(_QUIET_S)
            now = self.cpu_seconds()
            if now - last < _QUIET_CPU_S:
                return now
            last = now
        return last

    def _processes(self) -> list[psutil.Process]:
        main = psutil.Process(self.program.pid)
        return [main, *main.children(recursive=True)]
