"""Ends a selector's wait from another thread."""

import os
import selectors
import threading


class Wake:
    """Call it to wake the selector's thread; that one calls ``clear``, and looks afterwards at what it was woken for.

    Whoever calls when it is awake already, or will be, costs no call of the system.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        """Register with ``selector``, without data."""
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.RLock()
        """Between look and write nobody closes the descriptor: its number may be another file's a moment later. The woken thread
        never waits for it: who holds it may be waiting for the interpreter. A signal may come to who holds it, and end the server."""
        self._is_awake = self._is_rung = False
        selector.register(self._descriptor, selectors.EVENT_READ, None)

    def __call__(self) -> None:
        """Wake it, if it is not awake or closed."""
        if self._is_awake:
            return
        with self._lock:
            if self._descriptor >= 0:
                self._is_awake = self._is_rung = True
                os.eventfd_write(self._descriptor, 1)

    def is_up(self) -> None:
        """Say that the thread has woken, for whatever reason: who calls from now on has only to be seen after ``clear``."""
        self._is_awake = True

    def clear(self) -> None:
        """Let the next call wake it; what was said before is to be looked at after this."""
        if self._is_rung:
            self._is_rung = False
            try:
                os.eventfd_read(self._descriptor)
            except BlockingIOError:  # somebody is about to write: that is to be read next time
                self._is_rung = True
        # After the read: whoever wrote before it must not count as having woken it afterwards.
        self._is_awake = False

    def close(self) -> None:
        """Give the descriptor back."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
