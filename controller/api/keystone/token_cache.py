"""What Keystone has said of tokens, for a while: one store for all threads, bounded.

``keystonemiddleware`` uses it as it would memcached (its option ``cache``); without one it keeps a store per thread, which has
no bound. Keys are digests of tokens.
"""

import threading
import time
from collections import OrderedDict

_MOST = 2048
_MOST_BYTES = 128 * 1024
"""Of one answer, which has the catalog in it; a longer one is not kept."""


class TokenCache:
    """The part of a memcached client that the middleware uses."""

    def __init__(self, lasts_s: float) -> None:
        """Keep answers for ``lasts_s`` seconds; 0 = none."""
        self._lasts_s = lasts_s
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        """Return what is kept; ``None`` = nothing, or nothing that still counts."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            if found[0] <= time.monotonic():
                del self._kept[key]
                return None
            return found[1]

    def set(self, key: str, value: bytes, time: int = 0) -> None:  # noqa: ARG002  # memcached's argument
        """Keep a value in the place of the oldest; how long is this store's own affair."""
        if self._lasts_s <= 0 or len(value) > _MOST_BYTES:
            return
        with self._lock:
            self._kept[key] = (_now() + self._lasts_s, value)
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)


def _now() -> float:
    return time.monotonic()
