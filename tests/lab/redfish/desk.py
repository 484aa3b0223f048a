"""Where orders meet the BMC's state: one lock, the machine behind a socket, the clock. The shell around the pure parts."""

import datetime as dt
import itertools
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.lab.lab_line import Line
from tests.lab.redfish import facts
from tests.lab.redfish.answers import Answer, RefusedError
from tests.lab.redfish.documents.names import ROOT
from tests.lab.redfish.documents.services import task_document
from tests.lab.redfish.events import Courier, Stream, Streams
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.state import (
    Effect,
    Session,
    State,
    Subscription,
    Task,
    View,
    logged,
    settled,
    without_tasks,
)

_MOST_TASKS = 50


class Desk:
    """The BMC's state and its way to the machine; every method may be called from any thread."""

    def __init__(self, lab: Line, state: State, *, folder: Path) -> None:
        """Know nothing of the machine yet; ``lab`` answers questions about it, one at a time."""
        self.folder = folder
        """Where fetched images lie."""
        self.faults = RedfishFaults()
        self.silent_until_s = 0.0
        self._state = state
        self._lab = lab
        self._asking = threading.Lock()
        self._changing = threading.RLock()
        self._shown_power: tuple[bool, float] | None = None
        self._courier = Courier()
        self._streams = Streams()
        self._used: dict[str, float] = {}
        self._event_numbers = itertools.count(1)

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Ask the lab.

        Raises:
            RefusedError: 409: the machine does not do that now.
        """
        with self._asking:
            answer = self._lab({"do": do, **arguments})
        if "error" in answer:
            raise RefusedError(409, "ResourceInUse")
        return answer

    def view(self) -> View:
        """Return the state as it stands now, with what happened by itself."""
        machine = facts.from_json(self.ask("facts"))
        now_s = time.monotonic()
        with self._changing:
            self._state = settled(self._state, machine.boots, now_s, self.faults)
            shown = replace(machine, is_on=self._power_shown(machine.is_on, now_s))
            return View(state=self._state, facts=shown, faults=self.faults, now_s=now_s)

    def is_on(self) -> bool:
        """Tell the truth about the power, which the documents may be late with."""
        return bool(self.ask("is on")["on"])

    def change(self, change: Callable[[State], State]) -> State:
        """Replace the state by what ``change`` makes of it."""
        with self._changing:
            self._state = change(self._state)
            return self._state

    def change_fields(self, **fields: Any) -> None:
        """Replace fields of the state."""
        self.change(lambda state: replace(state, **fields))

    def new_id(self) -> str:
        """Return an identifier that nothing has yet."""
        return str(self.change(lambda state: replace(state, next_id=state.next_id + 1)).next_id - 1)

    def note(self, message: str, *, severity: str = "OK") -> None:
        """Write into the log and tell the subscribers."""
        created = clock_text()
        state = self.change(
            lambda state: logged(state, message, created=created, severity=severity)
        )
        self.send_event(message, state=state, severity=severity, created=created)

    def tell(self, kind: str, path: str) -> None:
        """Tell the subscribers that a resource was made, changed or removed (``EventType``)."""
        message = f"{kind}: {path}"
        self.send_event(message, state=self._state, severity="OK", created=clock_text(), kind=kind)

    def send_event(
        self, message: str, *, state: State, severity: str, created: str, kind: str = "Alert"
    ) -> None:
        """Push one event to whoever subscribed to its kind."""
        number = next(self._event_numbers)
        event = {
            "EventId": str(number),
            "EventType": kind,
            "EventTimestamp": created,
            "MemberId": "0",
            "Message": message,
            "MessageId": "Base.1.18.Success",
            "MessageSeverity": severity,
        }
        for one in state.subscriptions:
            if not one.event_types or kind in one.event_types:
                document = {
                    "@odata.type": "#Event.v1_10_1.Event",
                    "Id": str(number),
                    "Name": "Event",
                    "Context": one.context,
                    "Events": [event],
                }
                if one.destination is not None:
                    self._courier.send(one.destination, document)
                elif stream := self._streams.find(one.id):
                    stream.put(document)

    def open_stream(self) -> Stream | None:
        """Begin a stream of all events, with a subscription that stands for it; ``None`` = there are too many."""
        one = Subscription(id=self.new_id(), destination=None, context="stream")
        stream = self._streams.begin(one.id)
        if stream is not None:
            self.change(lambda state: replace(state, subscriptions=(*state.subscriptions, one)))
        return stream

    def unsubscribe(self, ident: str) -> None:
        """Take a subscription back; its stream ends, if it has one."""
        self.change(
            lambda state: replace(
                state, subscriptions=tuple(o for o in state.subscriptions if o.id != ident)
            )
        )
        self._streams.end(ident)

    def begin_task(
        self,
        name: str,
        effect: Effect | None = None,
        failure: str | None = None,
        *,
        waits_at_boots: int | None = None,
    ) -> Answer:
        """Start a task and answer 202 with its monitor (DSP0266 12.2)."""
        now_s = time.monotonic()
        task = Task(
            id=self.new_id(),
            name=name,
            starts_s=now_s,
            ends_s=now_s + self.faults.task_s,
            effect=effect,
            failure=failure,
            waits_at_boots=waits_at_boots,
        )
        self.change(lambda state: replace(state, tasks=(*state.tasks, task)[-_MOST_TASKS:]))
        return accepted(self.view(), task)

    def restart(self, *, silent_s: float = 0) -> None:
        """Restart the BMC: sessions are gone, and for ``silent_s`` nobody answers."""
        self.silent_until_s = time.monotonic() + silent_s
        self.change(lambda state: replace(state, sessions=(), restarts=state.restarts + 1))
        for ident in self._streams.idents():
            self.unsubscribe(ident)
        if self.faults.forgets_tasks:
            self.change(without_tasks)

    def touch(self, session: Session, timeout_s: int) -> bool:
        """Tell whether a session is still alive, and note its use; one that idled for too long is ended."""
        now_s = time.monotonic()
        with self._changing:
            if now_s - self._used.get(session.id, now_s) > timeout_s:
                self.change(
                    lambda state: replace(
                        state, sessions=tuple(s for s in state.sessions if s.id != session.id)
                    )
                )
                return False
            self._used[session.id] = now_s
            return True

    def _power_shown(self, is_on: bool, now_s: float) -> bool:
        """Return the power state as the BMC shows it: the old one until it has been stale for long enough."""
        shown = self._shown_power
        if shown is None or not self.faults.stale_power_s or shown[0] == is_on:
            self._shown_power = (is_on, now_s)
            return is_on
        if now_s - shown[1] >= self.faults.stale_power_s:
            self._shown_power = (is_on, now_s)
            return is_on
        return shown[0]


def accepted(view: View, task: Task) -> Answer:
    """Return the 202 of a task that runs."""
    return Answer(
        status=202,
        body=task_document(view, task),
        headers={"Location": f"{ROOT}/TaskService/TaskMonitors/{task.id}", "Retry-After": "1"},
    )


def clock_text() -> str:
    """Return the time of day as Redfish writes it."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def new_token() -> str:
    return secrets.token_hex(16)
