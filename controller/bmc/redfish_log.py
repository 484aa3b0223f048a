"""The log of the hardware that a Redfish BMC keeps: its newest entries, and how it is emptied.

Logs are the system's or, where it has none, its manager's (DSP0268, LogService). Of several the one that is named after the SEL, or the first.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sushy.resources.system.system import System

from agent.protocol.foreign_text import clean_line
from agent.protocol.foreign_time import believable
from controller.bmc.redfish_clock import parse_time
from controller.bmc.redfish_document import (
    Document,
    action,
    dig,
    link,
    links,
    listed,
    order,
    read,
    read_if_there,
    text,
)
from controller.bmc.redfish_errors import NotDoneError
from controller.hardware.abilities import Health
from controller.hardware.sensors import BmcLog, LogEntry

_MOST_LETTERS = 300
_MOST_PAGES, _MOST_ENTRIES = 60, 5000
_KNOWN = ("sel", "eventlog", "event", "log1", "iml")
"""Names of logs of the hardware, the likeliest first: OpenBMC's and Dell's, Supermicro's, HPE's."""


def read_log(system: System, most: int) -> BmcLog:
    """Return the newest entries, newest first.

    Raises:
        NotDoneError: There is no log.
    """
    bodies, total = _bodies(system, link(_service(system).body, "Entries"), most)
    found = [_entry(one) for one in bodies]
    # what has no time comes last, in the order of the BMC
    found.sort(key=lambda one: one.created_at or 0.0, reverse=True)
    return BmcLog(entries=tuple(found[:most]), total=max(total, len(found)))


def clear_log(system: System) -> None:
    """Empty the log.

    Raises:
        NotDoneError: There is no log, it cannot be emptied, or is not empty afterwards.
    """
    service = _service(system)
    target = action(service.body, "LogService.ClearLog")
    if target is None:
        raise NotDoneError("the BMC's log cannot be cleared")
    order(system, target, {})
    left = len(listed(system, link(service.body, "Entries")))
    if left > 1:  # many write down that the log was cleared
        raise NotDoneError(f"the BMC accepted that, and {left} entries are still there")


def _bodies(system: System, path: str | None, most: int) -> tuple[Sequence[Mapping[str, Any]], int]:
    """Return entries among which the newest are, and how many there are: which end of the list is the newest, BMCs differ in."""
    bodies: list[Mapping[str, Any]] = []
    elsewhere: list[str] = []
    total, pages = 0, 0
    page = read_if_there(system, path)
    while page is not None and pages < _MOST_PAGES and len(bodies) + len(elsewhere) < _MOST_ENTRIES:
        counted = dig(page.body, "Members@odata.count")
        total = counted if isinstance(counted, int) and 0 <= counted < 1 << 31 else total
        found = dig(page.body, "Members")
        for one in found if isinstance(found, list) else ():
            if dig(one, "Message") is not None:  # most services give the entries themselves
                bodies.append(one)
            elif (member := link({"it": one}, "it")) is not None:
                elsewhere.append(member)
        pages += 1
        page = read_if_there(system, text(page.body, "Members@odata.nextLink"))
    if len(elsewhere) > 2 * most:
        elsewhere = elsewhere[:most] + elsewhere[-most:]
    bodies += [one.body for where in elsewhere if (one := read_if_there(system, where))]
    return bodies, total


def _service(system: System) -> Document:
    """Return the log service."""
    paths = _paths(system, read(system, system.path))
    for owner in links(system.json, "Links", "ManagedBy"):
        if paths:
            break
        manager = read_if_there(system, owner)
        paths = _paths(system, manager) if manager is not None else []
    if not paths:
        raise NotDoneError("the BMC keeps no log of the machine")
    by_name = {path.rstrip("/").rsplit("/", 1)[-1].lower(): path for path in reversed(paths)}
    chosen = next((by_name[name] for name in _KNOWN if name in by_name), paths[0])
    return read(system, chosen)


def _paths(system: System, owner: Document) -> list[str]:
    return listed(system, link(owner.body, "LogServices"))


def _entry(body: Mapping[str, Any]) -> LogEntry:
    said = text(body, "Severity") or ""
    return LogEntry(
        id=text(body, "Id") or "?",
        created_at=_time(dig(body, "Created")),
        severity=Health(said) if said in set(Health) else None,
        sensor=text(body, "SensorType") or "",
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
