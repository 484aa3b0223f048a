"""The image writers of this controller process: how many at once, which is whose, and the end of those that nobody wants."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Collection

from agent.protocol.lun_writing import WriteOrder, WriteReport
from controller.images.lun_writer import LunWriter

_YOUNG_S = 120.0
"""So old a writer must be to be judged: what it belongs to is stored after its start."""
Start = Callable[[WriteOrder, float], LunWriter]


def _start(order: WriteOrder, total_s: float) -> LunWriter:
    return LunWriter(order, total_s=total_s)


class LunWriters:
    """Writers by a name that each gets; those of another controller, or of an earlier process, are unknown. Any thread may call."""

    def __init__(self, start: Start = _start) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._writers: dict[str, LunWriter] = {}
        self._reserved: set[str] = set()

    def reserve(self, most: int) -> str | None:
        """Return a name for one more writer; ``None`` = there are ``most`` that have not ended."""
        with self._lock:
            running = sum(not one.has_ended for one in self._writers.values())
            if running + len(self._reserved) >= most:
                return None
            name = str(uuid.uuid4())
            self._reserved.add(name)
            return name

    def give_back(self, name: str) -> None:
        """Let a name go that no writer was begun with."""
        with self._lock:
            self._reserved.discard(name)

    def begin(self, name: str, order: WriteOrder, *, total_s: float) -> None:
        """Start a writer.

        Raises:
            OSError: The system has no room for another process.
        """
        try:
            writer = self._start(order, total_s)
            with self._lock:
                self._writers[name] = writer
        finally:
            self.give_back(name)

    def look(self, name: str) -> WriteReport | None:
        """Return what a writer told last; ``None`` = there is no such writer here."""
        with self._lock:
            writer = self._writers.get(name)
        return None if writer is None else writer.look()

    def end(self, name: str) -> None:
        """End a writer and forget it; one that is not known is none."""
        with self._lock:
            writer = self._writers.pop(name, None)
        if writer is not None:
            writer.end()

    def old(self) -> Collection[str]:
        """Return the names of those that have been there long enough to be known by what they belong to."""
        now = time.monotonic()
        with self._lock:
            return [name for name, one in self._writers.items() if now - one.begun_at > _YOUNG_S]

    def close(self) -> None:
        """End all."""
        with self._lock:
            names = list(self._writers)
        for name in names:
            with contextlib.suppress(OSError):
                self.end(name)
