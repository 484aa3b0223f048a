"""Tells in the log that clients were turned away, at once and then once a minute: an attack must not fill the log."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

log = logging.getLogger(__name__)

_AGAIN_S = 60.0


class Complaints:
    """What was full, how often, and who was turned away most. Used by many threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing; ``monotonic`` in seconds."""
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._told_at: dict[str, float] = {}
        self._counts: dict[str, Counter[str]] = {}

    def note(self, what: str, party: str | None) -> None:
        """Note that ``party`` (``None`` = this machine) was turned away because ``what`` is full."""
        now = self._monotonic()
        with self._lock:
            counts = self._counts.setdefault(what, Counter())
            counts[party or "this machine"] += 1
            if now - self._told_at.get(what, -_AGAIN_S) < _AGAIN_S:
                return
            self._told_at[what] = now
            del self._counts[what]
        (most, _), *_ = counts.most_common(1)
        log.warning(
            "%s full: %d turned away, most of them from %s; the settings have the sizes",
            what,
            counts.total(),
            most,
            extra={"parties": len(counts)},
        )
