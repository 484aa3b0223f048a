"""Looks at processes by their number."""

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
