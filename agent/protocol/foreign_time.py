"""When something happened by the clock of somebody else: a time that can be no true one is none. Pure."""

_AHEAD_S = 86_400.0
"""A clock that says local time for UTC is ahead by 14 hours at most."""


def believable(seconds: float | None, now: float) -> float | None:
    """Return a time, or ``None`` where there is none or it is before 1970 or more than a day in the future.

    Whatever is returned is within the calendar: ``datetime.fromtimestamp`` takes it.

    Args:
        seconds: Since the epoch, by somebody else's clock; may be infinite or no number at all.
        now: The same by our own.
    """
    if seconds is None or not 0 <= seconds <= now + _AHEAD_S:
        return None
    return seconds
