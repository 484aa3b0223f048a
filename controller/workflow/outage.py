"""Failures of the database: told in a few lines, however many threads notice, and waited for."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

log = logging.getLogger(__name__)

_AGAIN_S = 60.0
"""A failure that goes on is told again after this."""
_PAUSE_S = 0.3
_Result = TypeVar("_Result")


def is_outage(error: BaseException) -> bool:
    """Say whether the database did not answer, or not in time; false = it did not like what it was given."""
    if isinstance(error, OperationalError):
        # PostgreSQL counts a statement beyond its limits (class 54) among them: it never gets better.
        return not str(getattr(error.orig, "sqlstate", None) or "").startswith("54")
    if isinstance(error, NoConnection):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


class Outage:
    """Whether the database fails now, and since when. Used by many threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._since: float | None = None
        self._told_at: float | None = None
        self._is_told = False
        self._words = ""

    def begin(self, error: SQLAlchemyError) -> None:
        """Note that a statement failed."""
        now = self._monotonic()
        with self._lock:
            self._since = now if self._since is None else self._since
            self._words = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            if self._told_at is not None and now - self._told_at < _AGAIN_S:
                return
            self._told_at, self._is_told = now, True
            lasted_s = now - self._since
        log.error(
            "the database fails: %s (for %.0f s now); trying until it answers",
            self._words,
            lasted_s,
        )

    def end(self) -> None:
        """Note that something was written; that something can be read does not mean much."""
        if self._since is None:
            return
        with self._lock:
            since, self._since = self._since, None
            was_told, self._is_told = self._is_told, False
        if was_told and since is not None:
            log.warning("the database answers again, after %.1f s", self._monotonic() - since)

    @property
    def is_on(self) -> bool:
        """Whether the database fails now."""
        return self._since is not None

    def describe(self) -> str | None:
        """Return what is wrong; ``None`` = nothing."""
        with self._lock:
            if self._since is None:
                return None
            return f"the database fails: {self._words} (for {self._monotonic() - self._since:.0f} s now)"

    def patiently(
        self, do: Callable[[], _Result], wait: Callable[[float], bool], *, is_write: bool = True
    ) -> _Result | None:
        """Do something with the database, again and again while it fails; ``None`` = stopped before it succeeded.

        Args:
            do: One transaction.
            wait: Sleeps for so many seconds; true = the controller stops.
            is_write: It writes, so that its success ends the outage.
        """
        while True:
            try:
                result = do()
            except SQLAlchemyError as error:
                if not is_outage(error):
                    raise
                self.begin(error)
                if wait(_PAUSE_S):
                    return None
            else:
                if is_write:
                    self.end()
                return result
