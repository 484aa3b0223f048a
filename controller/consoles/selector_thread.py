"""A thread that waits for many channels at once: started when it is wanted, again when it died, and woken by anybody.

What it does in a turn is its owner's; a fault there is logged, and the next turn comes a second later.
"""

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence

from agent.protocol.http_server.wake import Wake

log = logging.getLogger(__name__)

_PAUSE_S = 1.0
_STOP_S = 5.0
Ready = Sequence[tuple[selectors.SelectorKey, int]]
"""What the selector says; the data of what is not a channel of the owner's are ``None``."""


class SelectorThread:
    """The thread and its selector. ``keep_alive``, ``stop`` and ``rouse`` may be called by any thread, the rest by itself."""

    def __init__(
        self,
        name: str,
        what: str,
        *,
        wait_s: Callable[[], float],
        turn: Callable[[Ready], None],
        end: Callable[[], None],
    ) -> None:
        """Prepare; nothing runs yet, and no descriptor is open.

        Args:
            name: Of the thread.
            what: It serves, in the log (``the consoles``).
            wait_s: Returns how long nothing need happen.
            turn: Is called after each wait with what is ready; what others have said before is to be looked at there.
            end: Closes the owner's channels, at the end.
        """
        self._name, self._what = name, what
        self._wait_s, self._turn, self._end = wait_s, turn, end
        self._selector: selectors.BaseSelector | None = None
        self._wake: Wake | None = None
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    @property
    def is_started(self) -> bool:
        """Whether it has run, or does."""
        return self._selector is not None

    def keep_alive(self) -> None:
        """Start the thread, if it does not run."""
        if self._is_stopping or (self._thread and self._thread.is_alive()):
            return
        if self._thread:
            log.error("the thread of %s had died; it is started again", self._what)
        if self._selector is None:
            self._selector = selectors.DefaultSelector()
            self._wake = Wake(self._selector)
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it, and wait for that for some seconds."""
        self._is_stopping = True
        self.rouse()
        if self._thread:
            self._thread.join(_STOP_S)

    def rouse(self) -> None:
        """Have it look at what was said."""
        if self._wake is not None:
            self._wake()

    def watch(self, channel: socket.socket, events: int, data: object) -> None:
        """Wait for these events of a channel, none = for nothing."""
        selector = self._selector
        if selector is None:
            return
        is_watched = channel in selector.get_map()
        if not events and is_watched:
            selector.unregister(channel)
        elif events and not is_watched:
            selector.register(channel, events, data)
        elif events:
            selector.modify(channel, events, data)

    def forget(self, channel: socket.socket) -> None:
        """Wait for nothing of a channel any more, and not for one that is closed."""
        if self._selector is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(channel)

    def _run(self) -> None:
        selector, wake = self._selector, self._wake
        if selector is None or wake is None:
            raise RuntimeError("the thread is started by keep_alive")
        while not self._is_stopping:
            try:
                ready = selector.select(self._wait_s())
                wake.clear()
                self._turn(ready)
            except Exception:  # a fault with one channel must not end all the others
                log.exception("%s met a fault", self._what)
                time.sleep(_PAUSE_S)
        self._end()
        wake.close()
        selector.close()
