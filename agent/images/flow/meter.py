"""Progress of a long transfer: bytes, rate over the last seconds, time left; a few reports a second."""

import time
from collections import deque
from collections.abc import Callable

from agent.hardware.tools import ProgressSink
from agent.protocol.commands import Progress
from agent.protocol.receipt import PhaseTime

_REPORT_EVERY_S = 0.25
_WINDOW_S = 5.0


class Meter:
    """Counts bytes of one phase after the other and reports to ``sink``; for one thread."""

    def __init__(self, sink: ProgressSink, clock: Callable[[], float] = time.monotonic) -> None:
        self._sink = sink
        self._clock = clock
        self._phase = ""
        self._begun_at = 0.0
        self._done: int | None = None
        self._total: int | None = None
        self._reported_at = 0.0
        self._samples: deque[tuple[float, int]] = deque()
        self._on_disk: Callable[[], int] | None = None
        self._disk_total: int | None = None
        self._ended: list[PhaseTime] = []

    def begin(self, phase: str, total_bytes: int | None = None, message: str | None = None) -> None:
        """Start a phase and report it at once; ``total_bytes`` = how many there will be, if known."""
        self.end()
        self._phase, self._total = phase, total_bytes
        self._done = None if total_bytes is None else 0
        self._samples.clear()
        self._samples.append((self._begun_at, 0))
        self._report(message)

    def watch_disk(self, on_disk: Callable[[], int], total_bytes: int | None) -> None:
        """Report from now on how many bytes lie on the disk; ``total_bytes`` = how many there will be, if known."""
        self._on_disk, self._disk_total = on_disk, total_bytes

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

    def finish(self) -> tuple[PhaseTime, ...]:
        """End the last phase and return all of them; phases of the same name are added up at their first place."""
        self.end()
        together: dict[str, PhaseTime] = {}
        for one in self._ended:
            before = together.get(one.phase)
            together[one.phase] = one if before is None else _sum(before, one)
        return tuple(together.values())

    def end(self) -> None:
        """End the phase; the time until the next one begins counts for none."""
        now = self._clock()
        if self._phase:
            if self._done:
                self._report(None)
            seconds = round(now - self._begun_at, 3)
            done = self._done or None
            self._ended.append(PhaseTime(phase=self._phase, seconds=seconds, bytes_done=done))
        self._phase = ""
        self._begun_at = now

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
                disk_bytes_done=None if self._on_disk is None else self._on_disk(),
                disk_bytes_total=self._disk_total,
                rate_bytes_per_s=rate,
                time_left_s=left,
                message=message,
            )
        )

    def _rate(self) -> float | None:
        (begin_s, begin), (end_s, end) = self._samples[0], self._samples[-1]
        return (end - begin) / (end_s - begin_s) if end_s > begin_s else None


def _sum(one: PhaseTime, other: PhaseTime) -> PhaseTime:
    done = (one.bytes_done or 0) + (other.bytes_done or 0)
    seconds = round(one.seconds + other.seconds, 3)
    return PhaseTime(phase=one.phase, seconds=seconds, bytes_done=done or None)
