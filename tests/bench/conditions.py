"""What the machine was like during a measurement; stands beside the figures."""

import os
import platform
from pathlib import Path

_BUSY_LOAD = 1.0


def conditions() -> dict[str, str | int | float]:
    """Return processor, kernel, memory and the load before the start."""
    return {
        "processor": _field("/proc/cpuinfo", "model name"),
        "processors": os.cpu_count() or 0,
        "memory": _field("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def busy_note(load: float) -> str | None:
    """Return a warning if other programs kept the machine busy when the measurement began."""
    if load < _BUSY_LOAD:
        return None
    return (
        f"the load was {load:g} at the start: other programs ran, so wall times are too long and scatter;"
        " CPU seconds hold better"
    )


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return ""
