"""Where the time of a deployment went: the node's history becomes a table. Pure.

A marker says what the time before it was spent on. The history has them from the controller (power, steps, states), from what
the machine fetched (leases, boot script, kernel, ramdisk) and from its agent (lookup, heartbeat, receipt).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_RESUMED_FROM = frozenset({"wait call-back", "deploy hold"})
_OUTCOMES = frozenset({"active", "deploy failed", "error"})
_FETCHED = {
    "lease": "firmware, DHCP",
    "script": "DHCP, boot script",
    "kernel": "kernel download",
    "ramdisk": "ramdisk download",
}
_SAID = {
    "the agent looked its node up": "kernel and ramdisk start, to the agent's lookup",
    "first heartbeat": "agent's first call",
    "deploy steps planned": "planning of the steps",
}
_LAST_S = 1e18


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Something was over at ``time_s``: ``name`` is what the time before it was spent on."""

    time_s: float
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table; ``is_part`` = the row is a part of the row before and not added to the sum."""

    name: str
    seconds: float
    bytes_done: int | None = None
    is_part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event of the history; ``time_s`` in seconds since the epoch."""

    time_s: float
    kind: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The last deployment of a node; ``outcome`` is the state that it led to, ``None`` = it has not ended."""

    started_s: float
    outcome: str | None
    rows: tuple[Row, ...]

    @property
    def seconds(self) -> float:
        """The time of all rows."""
        return sum(row.seconds for row in self.rows if not row.is_part)


def event_of(document: Mapping[str, Any]) -> Event:
    """Return an event of the API (``?detail=true``); ``data`` is empty if the controller is not ours."""
    return Event(
        time_s=datetime.fromisoformat(document["created_at"]).timestamp(),
        kind=str(document.get("event_type") or ""),
        text=str(document.get("event") or ""),
        data=document.get("data") or {},
    )


def last_deployment(events: Sequence[Event]) -> Deployment | None:
    """Return the table of the last deployment in a node's history, oldest event first; ``None`` = there was none."""
    begins = [number for number, event in enumerate(events) if _begins(event)]
    if not begins:
        return None
    ours = events[begins[-1] :]
    end = next((number for number, event in enumerate(ours) if _outcome(event)), None)
    outcome = None if end is None else _outcome(ours[end])
    during = ours if end is None else ours[: end + 1]
    markers = [*_deployment_markers(during)]
    if end is not None and outcome == "active":
        markers += _first_boot(ours[end + 1 :], ours[end].time_s)
    table = rows(ours[0].time_s, markers)
    return Deployment(started_s=ours[0].time_s, outcome=outcome, rows=_with_phases(table, during))


def step_markers(events: Iterable[Event]) -> tuple[Marker, ...]:
    """Return the end of every step of a cleaning or a deployment."""
    return tuple(
        Marker(time_s=event.time_s, name=f"step {event.data['step']}")
        for event in events
        if event.kind == "step" and event.data.get("step") and "seconds" in event.data
    )


def rows(start_s: float, markers: Sequence[Marker]) -> tuple[Row, ...]:
    """Return the time before each marker; markers are put in order of time, same names are added up in place."""
    table: dict[str, float] = {}
    last_s = start_s
    for marker in sorted(markers, key=lambda marker: marker.time_s):
        if marker.time_s < last_s:
            continue
        table[marker.name] = table.get(marker.name, 0.0) + marker.time_s - last_s
        last_s = marker.time_s
    return tuple(Row(name=name, seconds=seconds) for name, seconds in table.items())


def _begins(event: Event) -> bool:
    data = event.data
    return (
        event.kind == "state"
        and data.get("to") == "deploying"
        and data.get("from") not in _RESUMED_FROM
    )


def _outcome(event: Event) -> str | None:
    """Return the state that ends a deployment, if this event is the change to it."""
    state = event.data.get("to") if event.kind == "state" else None
    return str(state) if state in _OUTCOMES else None


def _deployment_markers(events: Sequence[Event]) -> Iterator[Marker]:
    """Return what ended when; an event that says nothing of the road is no marker."""
    steps = step_markers(events)
    yield from steps
    first_step_s = steps[0].time_s if steps else _LAST_S
    for event in events:
        is_inside_step = event.kind == "power" and event.time_s > first_step_s
        if not is_inside_step and (name := _marker_name(event)):
            yield Marker(time_s=event.time_s, name=name)


def _marker_name(event: Event) -> str | None:
    """Return what the time before the event was spent on; ``None`` = it says nothing of the road."""
    reached = event.data.get("to")
    names: Mapping[str, str | None] = {
        "boot": _FETCHED.get(str(event.data.get("file"))),
        "power": str(reached) if reached in {"power on", "power off"} else None,
        "state": f"to {reached}" if reached in _OUTCOMES else None,
        "agent": _name_by_text(event.text),
        "step": _name_by_text(event.text),
    }
    return names.get(event.kind)


def _name_by_text(text: str) -> str | None:
    return next((name for begin, name in _SAID.items() if text.startswith(begin)), None)


def _first_boot(events: Sequence[Event], active_s: float) -> list[Marker]:
    """Return the first sign of life of the deployed system that the controller can see: it asks for an address."""
    ends = (event.time_s for event in events if event.kind in {"power", "request"})
    end_s = next(ends, _LAST_S)
    leases = (
        event.time_s
        for event in events
        if event.kind == "boot" and event.data.get("file") == "lease" and event.time_s < end_s
    )
    first_s = next(leases, None)
    if first_s is None or first_s < active_s:
        return []
    return [Marker(time_s=first_s, name="first boot, until the system asks for an address")]


def _with_phases(table: Sequence[Row], events: Sequence[Event]) -> tuple[Row, ...]:
    """Put the phases of the receipt below the step that wrote the image."""
    receipts = [event.data["receipt"] for event in events if "receipt" in event.data]
    phases = receipts[-1].get("phases", ()) if receipts else ()
    found: list[Row] = []
    for row in table:
        found.append(row)
        if row.name == "step write_image":
            found += [
                Row(
                    name=str(phase["phase"]),
                    seconds=float(phase["seconds"]),
                    bytes_done=phase.get("bytes_done"),
                    is_part=True,
                )
                for phase in phases
            ]
    return tuple(found)
