"""What the agent is doing, as one value that its own screen and its logs show; and the last things that went wrong."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from agent.protocol.foreign_text import clean_line
from agent.system.log_output import extra_of, uptime_s

_KEPT_TROUBLES = 20
_LONGEST_TROUBLE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """``None`` = not known yet. Times are seconds of the monotonic clock."""

    phase: str = "starting"
    """What the agent does beside commands: ``inspecting``, ``looking up``, ``serving`` ..."""
    node: str | None = None
    url: str | None = None
    """Where the controller calls the agent."""
    controller: str | None = None
    heard_at: float | None = None
    """When the controller last took something."""
    silence: str | None = None
    """Why the last try to reach the controller failed; ``None`` = it did not."""


class StatusBoard:
    """The one place where the status stands; every thread may write and read it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._status = Status()

    def read(self) -> Status:
        """Return what stands there now."""
        with self._lock:
            return self._status

    def write(self, **changes: Any) -> None:
        """Change fields of :class:`Status`."""
        with self._lock:
            self._status = replace(self._status, **changes)

    def heard(self) -> None:
        """Note that the controller has just taken something."""
        self.write(heard_at=self._clock(), silence=None)

    def not_heard(self, why: str) -> None:
        """Note that it has not."""
        self.write(silence=clean_line(why, _LONGEST_TROUBLE))

    def silent_s(self) -> float | None:
        """Return for how many seconds nothing was heard of the controller; ``None`` = nothing ever was."""
        heard_at = self.read().heard_at
        return None if heard_at is None else self._clock() - heard_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A warning or an error of the log; ``uptime_s`` is the kernel's clock."""

    uptime_s: float
    level: int
    text: str


class TroubleKeeper(logging.Handler):
    """Keeps the last warnings and errors, without secrets, for the screen and the summary of the logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._troubles: deque[Trouble] = deque(maxlen=_KEPT_TROUBLES)

    def emit(self, record: logging.LogRecord) -> None:
        """See :class:`logging.Handler`."""
        data = " ".join(f"{name}={value}" for name, value in extra_of(record).items())
        text = clean_line(f"{record.getMessage()} {data}", _LONGEST_TROUBLE)
        self._troubles.append(Trouble(uptime_s=uptime_s(), level=record.levelno, text=text))

    def troubles(self) -> tuple[Trouble, ...]:
        """Return what is kept, oldest first."""
        return tuple(self._troubles)

    def last_error(self) -> Trouble | None:
        """Return the last error; ``None`` = there was none among what is kept."""
        errors = [one for one in self._troubles if one.level >= logging.ERROR]
        return errors[-1] if errors else None
