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
from tests.lab.redfish.machine_state import Effect, MachineState, logged
from tests.lab.redfish.state import (
    Session,
    State,
    Subscription,
    Task,
    View,
    settled,
    with_machine,
    without_tasks,
)

_MOST_TASKS = 50


class Desk:
    """The BMC's state and its way to the machines; every method may be called from any thread."""

    def __init__(self, lab: Line, state: State, *, folder: Path) -> None:
        """Know nothing of the machines yet; ``lab`` answers questions about them, one at a time."""
        self.folder = folder
        """Where fetched images lie."""
        self.faults = RedfishFaults()
        self.silent_until_s = 0.0
        self._state = state
        self._lab = lab
        self._asking = threading.Lock()
        self._changing = threading.RLock()
        self._shown_power: dict[int, tuple[bool, float]] = {}
        self._courier = Courier()
        self._streams = Streams()
        self._used: dict[str, float] = {}
        self._event_numbers = itertools.count(1)

    def ask(self, do: str, machine: int = 0, **arguments: Any) -> dict[str, Any]:
        """Ask the lab about one of the machines.

        Raises:
            RefusedError: 409: the machine does not do that now.
        """
        with self._asking:
            answer = self._lab({"do": do, "machine": machine, **arguments})
        if "error" in answer:
            raise RefusedError(409, "ResourceInUse")
        return answer

    def view(self, number: int = 0) -> View:
        """Return the state as it stands now, with what happened by itself, seen from one of the machines."""
        told = [facts.from_json(self.ask("facts", one)) for one in range(len(self._state.machines))]
        now_s = time.monotonic()
        with self._changing:
            boots = tuple(one.boots for one in told)
            self._state = settled(self._state, boots, now_s, self.faults)
            shown = tuple(
                replace(one, is_on=self._power_shown(n, one.is_on, now_s))
                for n, one in enumerate(told)
            )
            return View(
                state=self._state, machines=shown, faults=self.faults, now_s=now_s, number=number
            )

    def is_on(self, number: int) -> bool:
        """Tell the truth about a machine's power, which the documents may be late with."""
        return bool(self.ask("is on", number)["on"])

    def add_machine(self) -> None:
        """Be the BMC of one machine more."""
        self.change(lambda state: replace(state, machines=(*state.machines, MachineState())))

    def change(self, change: Callable[[State], State]) -> State:
        """Replace the state by what ``change`` makes of it."""
        with self._changing:
            self._state = change(self._state)
            return self._state

    def change_fields(self, **fields: Any) -> None:
        """Replace fields of the state."""
        self.change(lambda state: replace(state, **fields))

    def change_own(self, number: int, **fields: Any) -> None:
        """Replace fields of what is remembered of one machine."""
        self.change(
            lambda state: with_machine(state, number, replace(state.machines[number], **fields))
        )

    def new_id(self) -> str:
        """Return an identifier that nothing has yet."""
        return str(self.change(lambda state: replace(state, next_id=state.next_id + 1)).next_id - 1)

    def note(self, message: str, number: int, *, severity: str = "OK") -> None:
        """Write into a machine's log and tell the subscribers."""
        created, ident = clock_text(), self.new_id()

        def write(state: State) -> State:
            own = state.machines[number]
            entry = logged(own, message, ident=ident, created=created, severity=severity)
            return with_machine(state, number, entry)

        state = self.change(write)
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
        machine: int = 0,
        payload: str | None = None,
        waits_at_boots: int | None = None,
    ) -> Answer:
        """Start a task and answer 202 with its monitor (DSP0266 12.2)."""
        now_s = time.monotonic()
        task = Task(
            id=self.new_id(),
            name=name,
            machine=machine,
            payload=payload,
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

    def _power_shown(self, number: int, is_on: bool, now_s: float) -> bool:
        """Return the power state as the BMC shows it: the old one until it has been stale for long enough."""
        shown = self._shown_power.get(number)
        if shown is None or not self.faults.stale_power_s or shown[0] == is_on:
            self._shown_power[number] = (is_on, now_s)
            return is_on
        if now_s - shown[1] >= self.faults.stale_power_s:
            self._shown_power[number] = (is_on, now_s)
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
