"""What this controller process has done so far, counted where it happens; ``/metrics`` shows it.

Keys are names of ours alone (interfaces, routes, kinds of files), so that nobody from outside makes more of them.
"""

import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

BOUNDS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper ends of the groups into which times are counted, in seconds; what takes longer has a group of its own."""


@dataclass(slots=True)
class Times:
    """How often something happened, and how long it took."""

    seconds: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    """By ``BOUNDS_S``."""

    @property
    def count(self) -> int:
        """How often it happened."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class CallKey:
    """Calls to BMCs that count together."""

    interface: str
    """Name of the implementation: ``redfish``."""
    outcome: str
    """``ok``, ``unreachable``, ``login refused`` or ``error``."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Requests to the API that count together."""

    method: str
    route: str
    """Its path with the names of its parameters."""
    status: int


class Measures:
    """Counters. Used by many threads; each note takes about a microsecond."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[CallKey, Times] = {}
        self._requests: dict[RequestKey, Times] = {}
        self._file_bytes: dict[str, int] = {}
        self._webhooks: dict[tuple[str, str], int] = {}

    def note_call(self, key: CallKey, seconds: float) -> None:
        """Count a call to a BMC."""
        with self._lock:
            _note(self._calls.setdefault(key, Times()), seconds)

    def note_request(self, key: RequestKey, seconds: float) -> None:
        """Count a request to the API."""
        with self._lock:
            _note(self._requests.setdefault(key, Times()), seconds)

    def note_file(self, kind: str, sent_bytes: int) -> None:
        """Count what was sent of a file: ``boot``, ``image``."""
        with self._lock:
            self._file_bytes[kind] = self._file_bytes.get(kind, 0) + sent_bytes

    def note_webhook(self, name: str, what: str, count: int) -> None:
        """Count what became of notifications for the target of a webhook."""
        with self._lock:
            self._webhooks[name, what] = self._webhooks.get((name, what), 0) + count

    def calls(self) -> Mapping[CallKey, Times]:
        """Return the calls so far; a copy."""
        with self._lock:
            return {key: _copy(times) for key, times in self._calls.items()}

    def requests(self) -> Mapping[RequestKey, Times]:
        """Return the requests so far; a copy."""
        with self._lock:
            return {key: _copy(times) for key, times in self._requests.items()}

    def file_bytes(self) -> Mapping[str, int]:
        """Return what was sent of files so far; a copy."""
        with self._lock:
            return dict(self._file_bytes)

    def webhooks(self) -> Mapping[tuple[str, str], int]:
        """Return what became of notifications so far, by target and outcome; a copy."""
        with self._lock:
            return dict(self._webhooks)


def _note(times: Times, seconds: float) -> None:
    times.seconds += seconds
    times.counts[bisect_left(BOUNDS_S, seconds)] += 1


def _copy(times: Times) -> Times:
    return Times(times.seconds, list(times.counts))
