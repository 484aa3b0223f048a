"""Tells a slow server from one that only keeps the connection open.

A server that sends a byte now and then never runs into a time limit on a single read. So the bytes that came are counted
against the time that was spent waiting for them; time in which nobody was reading, because the disk is slower, does not count.
"""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from agent.errors import SettingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """At least ``least_bytes`` in every ``timeout_s`` of waiting."""

    timeout_s: float = 60.0
    least_bytes: int = 1 << 16

    def __post_init__(self) -> None:
        """Refuse a pace that could never be missed.

        Raises:
            SettingError: ``timeout_s`` is not above 0.
        """
        if self.timeout_s <= 0:
            raise SettingError(f"image stall timeout: {self.timeout_s:g} s is not above 0")


class TooSlow(OSError):
    """Less came than the pace demands."""


class PacedReader(io.RawIOBase):
    """Reads from ``raw`` and gives up when it is slower than ``pace``."""

    def __init__(
        self, raw: io.RawIOBase, pace: Pace, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._raw = raw
        self._pace = pace
        self._clock = clock
        self._waited_s = 0.0
        self._came = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what one read of ``raw`` gives.

        Raises:
            TooSlow: Less than the pace demands came in its time.
        """
        begun = self._clock()
        count = self._raw.readinto(buffer)
        self._waited_s += self._clock() - begun
        self._came += count or 0
        if self._waited_s >= self._pace.timeout_s:
            if self._came < self._pace.least_bytes and count:
                raise TooSlow(
                    f"only {self._came} bytes came in {self._waited_s:.0f} s, at least"
                    f" {self._pace.least_bytes} in {self._pace.timeout_s:g} s are wanted"
                )
            self._waited_s, self._came = 0.0, 0
        return count

    def close(self) -> None:
        """Close ``raw`` too."""
        self._raw.close()
        super().close()


def paced_response(pace: Pace) -> type[HTTPResponse]:
    """Return a class of responses, for ``response_class``, whose status, headers and body keep ``pace``."""

    class PacedResponse(HTTPResponse):
        def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            raw = self.fp.detach()
            self.fp = io.BufferedReader(PacedReader(raw, pace))

    return PacedResponse
