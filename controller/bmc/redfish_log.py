"""The log of the hardware that a Redfish BMC keeps: its newest entries, and how it is emptied.

Logs are the system's or, where it has none, its manager's (DSP0268, LogService). Of several the one that is named after the SEL, or the first.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sushy.resources.system.system import System

from agent.protocol.foreign_text import clean_line
from agent.protocol.foreign_time import believable
from controller.bmc.redfish_call import RedfishCalls
from controller.bmc.redfish_clock import managers, parse_time
from controller.bmc.redfish_document import (
    Document,
    action,
    dig,
    link,
    listed,
    order,
    read,
    read_if_there,
    text,
)
from controller.bmc.redfish_errors import NotDoneError, NotOfferedError
from controller.bmc.redfish_siblings import serves_others
from controller.bmc.redfish_turns import in_turns
from controller.hardware.abilities import Health
from controller.hardware.sensors import BmcLog, LogEntry

_MOST_LETTERS, _MOST_NAME_LETTERS = 300, 80
_MOST_PAGES, _MOST_ENTRIES = 60, 5000
_KNOWN = ("sel", "eventlog", "event", "log1", "iml")
"""Names of logs of the hardware, the likeliest first: OpenBMC's and Dell's, Supermicro's, HPE's."""


class LogReading:
    """One reading of a log, request by request; holds ``most`` entries and a few."""

    def __init__(self, most: int) -> None:
        """Ask nothing yet; ``most`` = so many of the newest entries."""
        self._most = most
        self._found: list[LogEntry] = []
        self._seen = 0
        self._total = 0

    @property
    def log(self) -> BmcLog:
        """What was read, newest first."""
        self._drop_older()
        return BmcLog(entries=tuple(self._found), total=max(self._total, self._seen))

    def steps(self, system: System) -> Iterator[None]:
        """Read it, a few requests with each step.

        Raises:
            NotOfferedError: There is no log.
        """
        elsewhere: list[str] = []
        pages = entries = 0
        page = read_if_there(system, link(_service(system).body, "Entries"))
        while page is not None and pages < _MOST_PAGES and entries < _MOST_ENTRIES:
            yield
            counted = dig(page.body, "Members@odata.count")
            is_count = isinstance(counted, int) and 0 <= counted < 1 << 31
            self._total = counted if is_count else self._total
            found = dig(page.body, "Members")
            several = found[: _MOST_ENTRIES - entries] if isinstance(found, list) else []
            entries += len(several)
            elsewhere += self._take(several)
            pages += 1
            page = read_if_there(system, text(page.body, "Members@odata.nextLink"))
        if len(elsewhere) > 2 * self._most:  # which end is the newest, BMCs differ in
            elsewhere = elsewhere[: self._most] + elsewhere[-self._most :]
        for path in elsewhere:
            yield
            if (one := read_if_there(system, path)) is not None:
                self._put(one.body)

    def _take(self, members: Sequence[Any]) -> list[str]:
        """Keep the entries of a page, which most services give themselves, and return where the others are."""
        elsewhere = []
        for one in members:
            if dig(one, "Message") is not None:
                self._put(one)
            elif (member := link({"it": one}, "it")) is not None:
                elsewhere.append(member)
        return elsewhere

    def _put(self, body: Mapping[str, Any]) -> None:
        self._seen += 1
        self._found.append(_entry(body))
        if len(self._found) > 2 * self._most:
            self._drop_older()

    def _drop_older(self) -> None:
        # what has no time comes last, in the order of the BMC
        self._found.sort(key=lambda one: one.created_at or 0.0, reverse=True)
        del self._found[self._most :]


def read_log(calls: RedfishCalls, most: int, timeout_s: float) -> BmcLog:
    """Return the newest entries, newest first; other calls to the BMC come between.

    Raises:
        BmcError: As ``RedfishCalls.ask``, or there is no log.
    """
    reading = LogReading(most)
    deque(in_turns(calls, "read the log", timeout_s, reading.steps), maxlen=0)
    return reading.log


def clear_log(system: System) -> None:
    """Empty the log.

    Raises:
        NotOfferedError: There is no log, or it cannot be emptied.
        NotDoneError: It is not empty afterwards.
    """
    service = _service(system, for_reading=False)
    target = action(service.body, "LogService.ClearLog")
    if target is None:
        raise NotOfferedError("to clear the log", "clear it at its own page")
    order(system, target, {})
    left = len(listed(system, link(service.body, "Entries")))
    if left > 1:  # many write down that the log was cleared
        raise NotDoneError(f"the BMC accepted that, and {left} entries are still there")


def _service(system: System, *, for_reading: bool = True) -> Document:
    """Return the log service."""
    paths = _paths(system, read(system, system.path))
    for manager in managers(system) if not paths else ():
        if paths := _paths(system, manager):
            if not for_reading and serves_others(system, manager):
                raise NotDoneError(
                    "its log is that of several machines; clear it at the BMC's own page"
                )
            break
    if not paths:
        raise NotOfferedError("a log of the machine", "look at its own page, or at the sensors")
    by_name = {path.rstrip("/").rsplit("/", 1)[-1].lower(): path for path in reversed(paths)}
    chosen = next((by_name[name] for name in _KNOWN if name in by_name), paths[0])
    return read(system, chosen)


def _paths(system: System, owner: Document) -> list[str]:
    return listed(system, link(owner.body, "LogServices"))


def _entry(body: Mapping[str, Any]) -> LogEntry:
    said = text(body, "Severity") or ""
    return LogEntry(
        id=clean_line(text(body, "Id") or "?", _MOST_NAME_LETTERS),
        created_at=_time(dig(body, "Created")),
        severity=Health(said) if said in set(Health) else None,
        sensor=clean_line(text(body, "SensorType") or "", _MOST_NAME_LETTERS),
        message=clean_line(text(body, "Message") or "", _MOST_LETTERS),
    )


def _time(said: Any) -> float | None:
    """Return the time of an entry, one without an offset as UTC; ``None`` = there is none that can be read and be true."""
    if not isinstance(said, str):
        return None
    try:
        return believable(parse_time(said).timestamp(), time.time())
    except (ValueError, OverflowError):
        return None
