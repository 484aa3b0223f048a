"""What a Redfish BMC remembers: frozen values, and the two things that change them by themselves, a start of a machine and time.

What belongs to one machine is in `machine_state`.
"""

from dataclasses import dataclass, field, replace

from tests.lab.redfish.facts import Facts
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.machine_state import Effect, MachineState, applied, started

ROLES = ("Administrator", "Operator", "ReadOnly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    name: str
    password: str = field(repr=False)
    role: str = "Administrator"
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    id: str
    token: str = field(repr=False)
    username: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Work that takes time; it ends at ``ends_s`` (monotonic), well unless ``failure`` says why not."""

    id: str
    name: str
    machine: int = 0
    """Which machine it is for."""
    starts_s: float
    ends_s: float
    effect: Effect | None = None
    failure: str | None = None
    payload: str | None = None
    """The body of the order, as a service may show it (``Payload``, DSP2046)."""
    done: bool = False
    waits_at_boots: int | None = None
    """It does nothing until the machine starts after start number so much; None = it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    id: str
    destination: str | None
    """Where events are pushed to; None = they go to a stream, for as long as that is open."""
    context: str
    event_types: tuple[str, ...] = ()
    registry_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything; ``next_id`` numbers whatever is made."""

    accounts: tuple[Account, ...]
    machines: tuple[MachineState, ...] = (MachineState(),)
    """Of each machine that the BMC is for, in their order."""
    sessions: tuple[Session, ...] = ()
    session_timeout_s: int = 1800
    tasks: tuple[Task, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    is_discoverable: bool = False
    """Whether searches in the network are answered (SSDP)."""
    restarts: int = 0
    """How often the BMC itself restarted."""
    next_id: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that a document is made from, seen from one of the machines; ``now_s`` is monotonic."""

    state: State
    machines: tuple[Facts, ...]
    faults: RedfishFaults
    now_s: float
    number: int = 0
    """Of the machine."""

    @property
    def facts(self) -> Facts:
        return self.machines[self.number]

    @property
    def own(self) -> MachineState:
        """What the BMC remembers of the machine."""
        return self.state.machines[self.number]

    @property
    def each(self) -> tuple["View", ...]:
        """The same, seen from each machine; the last one comes first, so that who takes the first takes a wrong one."""
        return tuple(replace(self, number=n) for n in reversed(range(len(self.machines))))


def with_machine(state: State, number: int, own: MachineState) -> State:
    """Return the state with another one of one machine."""
    machines = (*state.machines[:number], own, *state.machines[number + 1 :])
    return replace(state, machines=machines)


def settled(state: State, boots: tuple[int, ...], now_s: float, faults: RedfishFaults) -> State:
    """Return the state after what has happened by itself: waiting BIOS settings at a start, tasks that began or ended."""
    machines = tuple(
        started(own, count, faults) for own, count in zip(state.machines, boots, strict=True)
    )
    begun = tuple(
        replace(task, starts_s=now_s, ends_s=now_s + faults.task_s, waits_at_boots=None)
        if task.waits_at_boots is not None and boots[task.machine] > task.waits_at_boots
        else task
        for task in state.tasks
    )
    state = replace(state, machines=machines, tasks=begun)
    for task in state.tasks:
        if task.waits_at_boots is not None:
            continue
        if not task.done and now_s >= task.ends_s:
            state = _ended(state, task)
            tasks = tuple(replace(t, done=True) if t.id == task.id else t for t in state.tasks)
            state = replace(state, tasks=tasks)
    return state


def without_tasks(state: State) -> State:
    """Return the state of a BMC that restarted and forgot its tasks; what they were for is done."""
    for task in state.tasks:
        if not task.done:
            state = _ended(state, task)
    return replace(state, tasks=())


def _ended(state: State, task: Task) -> State:
    if task.effect is None or task.failure is not None:
        return state
    own = applied(state.machines[task.machine], task.effect)
    return with_machine(state, task.machine, own)
