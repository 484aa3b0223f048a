"""What drivers remember of machines: of the last ones that were used, and under digests where there are secrets."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import astuple
from typing import Any, Generic, TypeVar

MOST_KEPT = 10_000
"""More machines than one controller has."""
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Kept(Generic[_Key, _Value]):
    """Values by their keys, at most so many: the one that was not used for longest goes. For any number of threads.

    A lock may be kept: to lose one that somebody holds, ``most`` others have to be used within one call.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        """Keep nothing yet."""
        self._most = most
        self._of: OrderedDict[_Key, _Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _Key) -> _Value | None:
        """Return the value; ``None`` = there is none."""
        with self._lock:
            if key in self._of:
                self._of.move_to_end(key)
            return self._of.get(key)

    def get_or_make(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """Return the value, which is made if there is none; ``make`` must not take long."""
        with self._lock:
            if key not in self._of:
                self._put(key, make())
            self._of.move_to_end(key)
            return self._of[key]

    def put(self, key: _Key, value: _Value) -> _Value | None:
        """Keep a value; returns the one that had to go for it, if any."""
        with self._lock:
            return self._put(key, value)

    def pop(self, key: _Key) -> _Value | None:
        """Give the value away, if there is one."""
        with self._lock:
            return self._of.pop(key, None)

    def clear(self) -> list[_Value]:
        """Give all values away."""
        with self._lock:
            found, self._of = list(self._of.values()), OrderedDict()
        return found

    def _put(self, key: _Key, value: _Value) -> _Value | None:
        self._of[key] = value
        self._of.move_to_end(key)
        return self._of.popitem(last=False)[1] if len(self._of) > self._most else None


def digest_of(target: Any) -> str:
    """Return what stands for a dataclass with secrets in a key: the same for equal ones, and nothing can be read in it."""
    return hashlib.sha256(repr((type(target).__name__, astuple(target))).encode()).hexdigest()
