"""Which orders were noted and surely not given yet."""

import secrets
import threading

_MOST_INTENTS = 1000


class Intents:
    """Orders that this process has noted in a step's state and not given yet; safe to use from several threads.

    A state with an intent that is not open is that of a look which may have given its order: of a controller that died in it, or of another one.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._open: dict[str, None] = {}
        self._lock = threading.Lock()

    def new(self) -> str:
        """Open one; the oldest of very many is forgotten, which costs its order a wait."""
        intent = secrets.token_hex(8)
        with self._lock:
            self._open[intent] = None
            if len(self._open) > _MOST_INTENTS:
                del self._open[next(iter(self._open))]
        return intent

    def is_open(self, intent: str) -> bool:
        """Tell whether its order has surely not been given."""
        with self._lock:
            return intent in self._open

    def close(self, intent: str) -> bool:
        """Close one; only who gets true may give its order."""
        with self._lock:
            return self._open.pop(intent, False) is None
