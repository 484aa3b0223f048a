"""Looks at processes by their number, and a process that ends with the one that has started it."""

import os
import select
import signal
import threading
from contextlib import suppress
from pathlib import Path


def is_running(pid: int) -> bool:
    """Say whether a process runs; one that only waits to be reaped does not (nobody may reap orphans here)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def processes_with(word: str) -> list[str]:
    """Return the numbers of the processes that have a word among their arguments."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            if word.encode() in file.read_bytes():
                found.append(file.parent.name)
    return found


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that these have, parents first."""
    parents: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            parent = int(file.read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(file.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found[1:]


def end_with_parent() -> None:
    """Have this process killed when the one that has started it is gone, however that ended.

    The kernel's own way (``PR_SET_PDEATHSIG``) goes by the thread that has started a process, and a BMC's thread ends with its answer.
    """
    parent = os.pidfd_open(os.getppid())

    def watch() -> None:
        select.select([parent], [], [])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
