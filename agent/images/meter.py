"""Progress of a long transfer: bytes, rate over the last seconds, time left; a few reports a second."""

import time
from collections import deque
from collections.abc import Callable

from agent.hardware.capabilities import ProgressSink
from agent.protocol.commands import Progress

_REPORT_EVERY_S = 0.25
_WINDOW_S = 5.0


class Meter:
    """Counts bytes of one phase after the other and reports to ``sink``; for one thread."""

    def __init__(self, sink: ProgressSink, clock: Callable[[], float] = time.monotonic) -> None:
        self._sink = sink
        self._clock = clock
        self._phase = ""
        self._done: int | None = None
        self._total: int | None = None
        self._reported_at = 0.0
        self._samples: deque[tuple[float, int]] = deque()

    def begin(self, phase: str, total_bytes: int | None = None, message: str | None = None) -> None:
        """Start a phase and report it at once; ``total_bytes`` = how many there will be, if known."""
        self._phase, self._total = phase, total_bytes
        self._done = None if total_bytes is None else 0
        self._samples.clear()
        self._samples.append((self._clock(), 0))
        self._report(message)

    def advance(self, size_bytes: int) -> None:
        """Count ``size_bytes`` more; reports at most every quarter of a second."""
        self._done = (self._done or 0) + size_bytes
        now = self._clock()
        if now - self._reported_at >= _REPORT_EVERY_S:
            self._samples.append((now, self._done))
            while len(self._samples) > 2 and now - self._samples[0][0] > _WINDOW_S:  # noqa: PLR2004
                self._samples.popleft()
            self._report(None)

    def say(self, message: str) -> None:
        """Report a sentence, such as the reason for a pause, at once."""
        self._report(message)

    def _report(self, message: str | None) -> None:
        self._reported_at = self._clock()
        rate = self._rate()
        left = None
        if rate and self._total is not None and self._done is not None:
            left = max(0.0, (self._total - self._done) / rate)
        self._sink(
            Progress(
                phase=self._phase,
                bytes_done=self._done,
                bytes_total=self._total,
                rate_bytes_per_s=rate,
                time_left_s=left,
                message=message,
            )
        )

    def _rate(self) -> float | None:
        (begin_s, begin), (end_s, end) = self._samples[0], self._samples[-1]
        return (end - begin) / (end_s - begin_s) if end_s > begin_s else None
