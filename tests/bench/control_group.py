"""A control group for one measured run: the CPU time of everything in it, and its most memory with the page cache.

Made below the group of this process (version 1), or below the nearest one that hands memory on (version 2), so the limits
that hold for this process hold for the run. Source: the kernel's Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.
"""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_GONE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Where a group's files are and how they count: ``cpu`` in units of ``cpu_unit_s`` seconds, ``peak`` in bytes."""

    folders: tuple[Path, ...]
    cpu: Path
    cpu_unit_s: float
    peak: Path


def own_groups(proc_text: str) -> dict[str, str]:
    """Return controller -> path from ``/proc/self/cgroup`` (cgroups(7)); the unified hierarchy has the name ``""``."""
    groups: dict[str, str] = {}
    for line in proc_text.splitlines():
        _, names, path = line.split(":", 2)
        groups |= dict.fromkeys(names.split(","), path)
    return groups


def plan_group(name: str, groups: Mapping[str, str], root: Path = _ROOT) -> Counters | None:
    """Return the place of a new group; ``None`` = this system has no memory controller or counts no peak."""
    if (memory := _mounted(root, groups, "memory")) and (cpu := _mounted(root, groups, "cpuacct")):
        folders = tuple(dict.fromkeys((memory / name, cpu / name)))
        return Counters(
            folders=folders,
            cpu=cpu / name / "cpuacct.usage",
            cpu_unit_s=1e-9,
            peak=memory / name / "memory.max_usage_in_bytes",
        )
    own = root / groups.get("", "/").lstrip("/")
    for folder in (own, *own.parents):
        handed_on = folder / "cgroup.subtree_control"
        if handed_on.exists() and "memory" in handed_on.read_text().split():
            group = folder / name
            return Counters(
                folders=(group,),
                cpu=group / "cpu.stat",
                cpu_unit_s=1e-6,
                peak=group / "memory.peak",
            )
        if folder == root:
            break
    return None


def _mounted(root: Path, groups: Mapping[str, str], controller: str) -> Path | None:
    """Return this process's group of a version 1 controller."""
    folder = root / controller / groups.get(controller, "/").lstrip("/")
    return folder if controller in groups and folder.is_dir() else None


def cpu_count(text: str) -> int:
    """Return the counter of ``cpuacct.usage`` (one number) or ``cpu.stat`` (``usage_usec``)."""
    words = text.split()
    return int(words[words.index("usage_usec") + 1] if "usage_usec" in words else words[0])


class ControlGroup:
    """An existing group; remove it when the run is over."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        for folder in counters.folders:
            folder.mkdir()
        self.has_peak = counters.peak.exists()

    def enter(self) -> None:
        """Move the calling process into the group; for a child between fork and exec."""
        self.take(os.getpid())

    def take(self, pid: int) -> None:
        """Move a process into the group; what it starts from now on is in it, too."""
        for folder in self._counters.folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def cpu_seconds(self) -> float:
        """Return the CPU time of everything that ever ran in the group."""
        return cpu_count(self._counters.cpu.read_text()) * self._counters.cpu_unit_s

    def peak_bytes(self) -> int:
        """Return the most memory the group had, page cache and shared memory counted."""
        return int(self._counters.peak.read_text())

    def members(self) -> Sequence[int]:
        """Return the numbers of the processes that are in the group now."""
        lines = [(folder / "cgroup.procs").read_text() for folder in self._counters.folders]
        return sorted({int(word) for text in lines for word in text.split()})

    def kill(self) -> None:
        """Kill whatever is still in the group."""
        for pid in self.members():
            with suppress(ProcessLookupError):  # it ended at this very moment
                os.kill(pid, signal.SIGKILL)

    def remove(self) -> None:
        """Remove the group once its processes are gone.

        Raises:
            OSError: One of them lives on for more than five seconds.
        """
        deadline = time.monotonic() + _GONE_TIMEOUT_S
        while self.members() and time.monotonic() < deadline:
            time.sleep(0.01)
        for folder in self._counters.folders:
            folder.rmdir()


def new_group(name: str) -> ControlGroup | None:
    """Make a group; ``None`` = this system cannot, and memory is counted per process instead."""
    counters = plan_group(name, own_groups(Path("/proc/self/cgroup").read_text()))
    if counters is None:
        return None
    try:
        return ControlGroup(counters)
    except OSError:
        return None  # no root, or the hierarchy is read-only: the fallback is named in the results
