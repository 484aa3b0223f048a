"""The lines to the switches: one call at a time to each, and no wait without an end.

A plug-in's call runs in a thread of its own, so that one that hangs keeps nobody but those who want the same switch: the others are told
that it is busy. There is never more than one such thread per switch.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from controller.errors import SwitchBusy, SwitchUnreachable

_T = TypeVar("_T")
_GRACE_S = 1.0
"""A plug-in that keeps its deadline answers a little behind it."""


@dataclass(slots=True)
class _Line:
    """To one switch."""

    is_free: threading.Lock = field(default_factory=threading.Lock)
    taken_at: float = 0.0
    """By the monotonic clock; while the lock is taken."""


class Lines:
    """Used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[str, _Line] = {}

    def call(
        self, switch: str, do: Callable[[], _T], *, what: str, wait_s: float, ends_at: float
    ) -> _T:
        """Have something done at a switch, alone.

        Args:
            switch: Its name.
            do: Calls the plug-in.
            what: What is wanted, and what to do without it, for messages.
            wait_s: Longest wait for those who are at the switch.
            ends_at: When the caller stops waiting for ``do``, by the monotonic clock; the switch counts as busy until that has ended.

        Raises:
            SwitchBusy: Others were at it for all of ``wait_s``.
            SwitchUnreachable: ``do`` took too long.
            Exception: What ``do`` raises.
        """
        line = self._line(switch)
        if not line.is_free.acquire(timeout=wait_s):
            for_s = time.monotonic() - line.taken_at
            raise SwitchBusy(
                f"switch {switch} is busy with another change for {for_s:.0f} s now; {what}"
            )
        line.taken_at = time.monotonic()
        call = _Call(do, line.is_free.release)
        try:
            threading.Thread(target=call.run, name=f"switch {switch}", daemon=True).start()
        except RuntimeError:  # the system has no more threads
            line.is_free.release()
            raise
        left_s = max(ends_at - time.monotonic(), 0.0)
        if not call.has_ended.wait(left_s + _GRACE_S):
            raise SwitchUnreachable(f"switch {switch} did not answer within {left_s:.0f} s; {what}")
        result: _T = call.result()
        return result

    def _line(self, switch: str) -> _Line:
        with self._lock:
            return self._lines.setdefault(switch, _Line())


class _Call:
    """One call in its thread."""

    def __init__(self, do: Callable[[], Any], after: Callable[[], None]) -> None:
        self._do = do
        self._after = after
        self._value: Any = None
        self._error: BaseException | None = None
        self.has_ended = threading.Event()

    def run(self) -> None:
        """Do it, and keep what comes of it."""
        try:
            self._value = self._do()
        except BaseException as error:  # noqa: BLE001  # it is raised again where it is waited for
            self._error = error
        finally:
            self._after()
            self.has_ended.set()

    def result(self) -> Any:
        """Return what it came to."""
        if self._error is not None:
            raise self._error
        return self._value
