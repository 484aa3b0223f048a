"""The clock of a Redfish BMC: its log says when something happened by it, and certificates are judged by it."""

import datetime as dt
import time
from collections.abc import Iterator

from sushy.resources.system.system import System

from controller.bmc.redfish_document import Document, change, links, read_if_there, text
from controller.bmc.redfish_errors import NotDoneError, NotOfferedError

_NEAR_S = 1.0
"""A clock that is nearer than this to the right time is right, as for Ironic."""
_WHOLE_S = 1.0
"""A clock that tells whole seconds may be so far beyond what it tells."""
_SLOW_S = 5.0
"""A BMC that was just set may be so much behind: setting it takes it time."""


def is_right(system: System) -> bool:
    """Say whether the BMC's clock is right.

    Raises:
        NotOfferedError: It tells no time.
    """
    begins = time.time()
    found = _time_of(_manager(system))
    latest = found.timestamp() + (0.0 if found.microsecond else _WHOLE_S)
    return begins - _NEAR_S <= latest and found.timestamp() <= time.time() + _NEAR_S


def set_clock(system: System, wanted: dt.datetime | None, offset: str | None) -> None:
    """Set the clock and read it back.

    Args:
        system: A system of the BMC.
        wanted: With its offset from UTC; ``None`` = the time that it is.
        offset: What the BMC is told of local time (``+02:00``); ``None`` = nothing.

    Raises:
        NotOfferedError: The BMC tells no time.
        NotDoneError: It tells another one afterwards.
    """
    manager = _manager(system)
    has_fractions = _time_of(manager).microsecond > 0
    begins = time.time()
    told = wanted or dt.datetime.now(dt.UTC)
    if not has_fractions:
        half = dt.timedelta(0) if wanted else dt.timedelta(seconds=_WHOLE_S / 2)
        told = (told + half).replace(microsecond=0)
    changes = {"DateTime": told.isoformat()}
    if offset is not None:
        changes["DateTimeLocalOffset"] = offset
    change(system, manager, changes)
    found = _time_of(_manager(system))
    late_s = found.timestamp() - told.timestamp()
    if not -_SLOW_S <= late_s <= time.time() - begins + _SLOW_S:
        raise NotDoneError(
            f"its clock was set to {told.isoformat(timespec='seconds')} and says {found.isoformat(timespec='seconds')};"
            " look whether it takes its time from a server (NTP)"
        )


def parse_time(written: str) -> dt.datetime:
    """Return a time with its offset; one without is UTC.

    Raises:
        ValueError: It is none.
    """
    found = dt.datetime.fromisoformat(written)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _manager(system: System) -> Document:
    """Return the BMC that tells a time: of several managers the first one that does."""
    for manager in managers(system):
        if text(manager.body, "DateTime"):
            return manager
    raise NotOfferedError("a clock", "set it at the BMC's own page")


def managers(system: System) -> Iterator[Document]:
    """Read what manages the system, BMCs before others."""
    found = [
        manager
        for path in links(system.json, "Links", "ManagedBy")
        if (manager := read_if_there(system, path)) is not None
    ]
    yield from sorted(found, key=lambda one: text(one.body, "ManagerType") != "BMC")


def _time_of(manager: Document) -> dt.datetime:
    return parse_time(text(manager.body, "DateTime") or "")
