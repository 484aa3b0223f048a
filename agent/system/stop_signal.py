"""How a running command is asked to stop: a flag that its work looks at where it may end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import CannotStop, Stopped


class StopSignal:
    """Set once by whoever wants the end, read by the work; never taken back.

    The work may refuse it: for good, or while it does what must not be left half done. Whoever sets it is told the reason.
    """

    def __init__(self, refused: str | None = None) -> None:
        """``refused`` = why the work cannot be stopped, until it allows it; ``None`` = it can."""
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._refused = refused
        self._held: list[str] = []
        """One reason for each block that runs in ``refusing``."""

    @property
    def refused(self) -> str | None:
        """Why the work cannot be stopped now; ``None`` = it can."""
        held = self._held[:1]  # one look: another thread may take it away
        return self._refused or (held[0] if held else None)

    def set(self) -> None:
        """Ask for the end.

        Raises:
            CannotStop: The work refuses it now; the message says why.
        """
        with self._lock:
            refused = self.refused
            if refused is not None:
                raise CannotStop(refused)
            self._event.set()

    def refuse(self, reason: str, what: str = "the step") -> None:
        """Say that from here on the work cannot be stopped.

        Raises:
            Stopped: It was asked to stop already; ``what`` begins the message.
        """
        with self._lock:
            if not self._event.is_set():
                self._refused = reason
        self.check(what)

    def allow(self) -> None:
        """Say that from here on the work can be stopped."""
        with self._lock:
            self._refused = None

    @contextmanager
    def refusing(self, reason: str, what: str = "the step") -> Iterator[None]:
        """Refuse to stop while the block runs; several threads may do so at once, each for its own part of the work.

        Raises:
            Stopped: It was asked to stop already; ``what`` begins the message.
        """
        with self._lock:
            self.check(what)
            self._held.append(reason)
        try:
            yield
        finally:
            with self._lock:
                self._held.remove(reason)

    def is_set(self) -> bool:
        """Say whether the end was asked for."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until the end is asked for, at most ``seconds``; say whether it was."""
        return self._event.wait(seconds)

    def check(self, what: str = "the step") -> None:
        """Raise if the end was asked for.

        Args:
            what: Begins the message: what is given up here.

        Raises:
            Stopped: It was.
        """
        if self._event.is_set():
            raise Stopped(f"{what} was stopped, as ordered")
