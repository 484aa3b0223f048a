"""How a running command is asked to stop: a flag that its work looks at where it may end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import CannotStop, Stopped


class StopSignal:
    """Set once by whoever wants the end, read by the work; never taken back.

    The work may refuse it: for good, or while it does what must not be left half done. Whoever sets it is told the reason. Work at several
    things at a time has a ``part`` for each: what can be stopped is, and what cannot is named and comes to its own end.
    """

    def __init__(self, refused: str | None = None) -> None:
        """``refused`` = why the work cannot be stopped, until it allows it; ``None`` = it can."""
        self._event = threading.Event()
        self._lock = threading.RLock()
        self._refused = refused
        self._held: list[str] = []
        """One reason for each block that runs in ``refusing``."""
        self._parts: list[StopSignal] = []
        self._whole: StopSignal | None = None
        self._left: tuple[str, ...] = ()

    @property
    def refused(self) -> str | None:
        """Why the work cannot be stopped now; ``None`` = it can.

        Of work with parts: why none of them can; once it is set, why those cannot that still go on.
        """
        with self._lock:
            own = self._refused or next(iter(self._held), None)
            if own is not None or not self._parts:
                return own
            reasons = [part.refused for part in self._parts]
            known = list(dict.fromkeys(reason for reason in reasons if reason is not None))
            is_refused = bool(known) if self._event.is_set() else None not in reasons
            return "; ".join(known) if is_refused else None

    @property
    def left(self) -> tuple[str, ...]:
        """Why some parts could not be stopped when the end was asked for; they come to their own end."""
        return self._left

    def set(self) -> None:
        """Ask for the end; parts that refuse it go on while another one does not.

        Raises:
            CannotStop: The work refuses it now; the message says why.
        """
        with self._lock:
            refused = self.refused
            if refused is not None:
                raise CannotStop(refused)
            self._event.set()
            reasons = [part._end() for part in self._parts]  # noqa: SLF001  # its own kind
            self._left = tuple(dict.fromkeys(reason for reason in reasons if reason is not None))

    def _end(self) -> str | None:
        """Set a part, or return why it refuses; it is set then as soon as it no longer does."""
        refused = self.refused
        if refused is None:
            self._event.set()
        return refused

    def part(self) -> "StopSignal":
        """Return the signal of one part of the work, which is closed at the part's end."""
        part = StopSignal()
        with self._lock:
            part._lock, part._whole = self._lock, self  # its own kind
            if self._event.is_set():
                part._event.set()  # likewise
            self._parts.append(part)
        return part

    def close(self) -> None:
        """Say that a part has ended, so that it counts no longer."""
        with self._lock:
            if self._whole is not None and self in self._whole._parts:  # noqa: SLF001  # its own kind
                self._whole._parts.remove(self)  # noqa: SLF001  # likewise

    def _follow(self) -> None:
        """Set a part that refused while the whole was set."""
        if self._whole is not None and self._whole.is_set() and self.refused is None:
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
            self._follow()

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
                self._follow()

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
