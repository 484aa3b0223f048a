"""Ends a selector's wait from another thread."""

import os
import selectors
import threading


class Wake:
    """Call it to wake the selector's thread; that one calls ``clear``."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        """Register with ``selector``, without data."""
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.RLock()
        """Between look and write nobody closes the descriptor: its number may be another file's a moment later."""
        selector.register(self._descriptor, selectors.EVENT_READ, None)

    def __call__(self) -> None:
        """Wake it, if it is not closed yet."""
        with self._lock:
            if self._descriptor >= 0:
                os.eventfd_write(self._descriptor, 1)

    def clear(self) -> None:
        """Wait again."""
        try:
            os.eventfd_read(self._descriptor)
        except BlockingIOError:  # nobody woke us
            return

    def close(self) -> None:
        """Give the descriptor back."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
