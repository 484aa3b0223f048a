"""Looks at processes by their number."""

from pathlib import Path


def is_running(pid: int) -> bool:
    """Say whether a process runs; one that only waits to be reaped does not (nobody may reap orphans here)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
