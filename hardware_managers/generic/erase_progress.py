"""Progress of several disks that are erased at a time, as the one line that a command has."""

import threading
from collections.abc import Sequence
from pathlib import Path

from agent.hardware.devices import BlockDevice
from agent.hardware.tools import ProgressSink
from agent.protocol.commands import Progress

_SHOWN = 4


class ProgressBoard:
    """Collects what each disk reports; safe to use from several threads."""

    def __init__(self, disks: Sequence[BlockDevice], told: ProgressSink) -> None:
        self._lock = threading.Lock()
        self._told = told
        self._sizes = {disk.path: disk.size_bytes for disk in disks}
        self._now: dict[Path, Progress] = {}
        self._ended: set[Path] = set()

    def sink(self, disk: BlockDevice) -> ProgressSink:
        """Return where the work at ``disk`` reports to."""

        def tell(progress: Progress) -> None:
            with self._lock:
                self._now[disk.path] = progress
                combined = self._combined()
            self._told(combined)

        return tell

    def end(self, disks: Sequence[BlockDevice]) -> None:
        """Note that these are done, well or not."""
        with self._lock:
            self._ended |= {disk.path for disk in disks}
            combined = self._combined()
        self._told(combined)

    def _combined(self) -> Progress:
        total = sum(self._sizes.values())
        done = sum(self._part(path) * size for path, size in self._sizes.items())
        running = [path for path in self._now if path not in self._ended]
        texts = [self._text(path) for path in running[:_SHOWN]]
        if len(running) > _SHOWN:
            texts.append(f"{len(running) - _SHOWN} more")
        head = f"{len(self._ended)} of {len(self._sizes)} disks done"
        percent = 100.0 * done / total if total else None
        return Progress(phase="erase", percent=percent, message="; ".join((head, *texts)))

    def _part(self, path: Path) -> float:
        if path in self._ended:
            return 1.0
        progress = self._now.get(path)
        if progress is None:
            return 0.0
        if progress.percent is not None:
            return progress.percent / 100.0
        if progress.bytes_total:
            return (progress.bytes_done or 0) / progress.bytes_total
        return 0.0

    def _text(self, path: Path) -> str:
        message = self._now[path].message or str(path)
        part = self._part(path)
        return f"{message} {100.0 * part:.0f} %" if part else message
