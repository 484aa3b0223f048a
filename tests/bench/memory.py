"""The memory of a process with all that it has started."""

from pathlib import Path

import psutil

_UNIT_BYTES = 1024


def tree_bytes(pid: int) -> int:
    """Return the memory of a process and its descendants; what they share counts once (PSS; proc(5), smaps_rollup)."""
    main = psutil.Process(pid)
    return sum(_pss_bytes(one.pid) for one in (main, *main.children(recursive=True)))


def _pss_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it ended a moment ago
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * _UNIT_BYTES
    return 0
