"""What a Redfish BMC remembers: frozen values, and the two things that change them by themselves, a start of the machine and time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tests.lab.redfish.facts import Facts
from tests.lab.redfish.faults import RedfishFaults

BIOS_DEFAULTS: Mapping[str, str | int | bool] = MappingProxyType(
    {
        "BootMode": "Uefi",
        "ProcVirtualization": "Enabled",
        "LogicalProc": "Enabled",
        "SysProfile": "PerfOptimized",
        "NumLock": "On",
        "BootRetrySeconds": 30,
        "AssetTag": "",
        "QuietBoot": False,
    }
)
BIOS_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "BootMode": ("Uefi", "Bios"),
        "ProcVirtualization": ("Enabled", "Disabled"),
        "LogicalProc": ("Enabled", "Disabled"),
        "SysProfile": ("PerfOptimized", "PerfPerWattOptimized", "Custom"),
        "NumLock": ("On", "Off"),
    }
)
MEDIA = MappingProxyType({"Cd": ("CD", "DVD"), "UsbStick": ("USBStick",)})
ROLES = ("Administrator", "Operator", "ReadOnly")
_MOST_LOG_ENTRIES = 200


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
class Medium:
    """What is in a slot of virtual media."""

    url: str
    write_protected: bool = True
    transfer_method: str = "Upload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    id: str
    name: str
    raid_type: str
    capacity_bytes: int
    drives: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareUpdated:
    component: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMade:
    volume: Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeGone:
    id: str


Effect = FirmwareUpdated | VolumeMade | VolumeGone
"""What a task does when it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Work that takes time; it ends at ``ends_s`` (monotonic), well unless ``failure`` says why not."""

    id: str
    name: str
    starts_s: float
    ends_s: float
    effect: Effect | None = None
    failure: str | None = None
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
class LogEntry:
    id: str
    created: str
    message: str
    severity: str = "OK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """BIOS attributes that the first start after start number ``boots`` takes over."""

    attributes: Mapping[str, str | int | bool]
    boots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything; ``next_id`` numbers whatever is made."""

    accounts: tuple[Account, ...]
    sessions: tuple[Session, ...] = ()
    session_timeout_s: int = 1800
    media: Mapping[str, Medium] = field(default_factory=dict)
    bios: Mapping[str, str | int | bool] = field(default_factory=lambda: BIOS_DEFAULTS)
    bios_waiting: Waiting | None = None
    bios_applied_at: str | None = None
    """When a start took BIOS settings over last, or refused them."""
    bios_complaint: str | None = None
    """Why it refused them."""
    volumes: tuple[Volume, ...] = ()
    firmware: Mapping[str, str] = field(
        default_factory=lambda: {"BIOS": "1.0.0", "BMC": "2.0.0", "NIC": "3.0.0"}
    )
    tasks: tuple[Task, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    log: tuple[LogEntry, ...] = ()
    asset_tag: str = ""
    indicator: str = "Off"
    lit_drives: frozenset[str] = frozenset()
    """Paths of the drives whose location lamp is on."""
    clock_ahead_s: float = 0.0
    """How much the BMC's clock is ahead of the right time."""
    is_discoverable: bool = False
    """Whether searches in the network are answered (SSDP)."""
    restarts: int = 0
    """How often the BMC itself restarted."""
    next_id: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that a document is made from; ``now_s`` is monotonic."""

    state: State
    facts: Facts
    faults: RedfishFaults
    now_s: float


def settled(state: State, boots: int, now_s: float, faults: RedfishFaults) -> State:
    """Return the state after what has happened by itself: waiting BIOS settings at a start, tasks that began or ended."""
    waiting = state.bios_waiting
    if waiting is not None and boots > waiting.boots:
        state = _after_start(state, waiting, boots, faults)
    started = tuple(
        replace(task, starts_s=now_s, ends_s=now_s + faults.task_s, waits_at_boots=None)
        if task.waits_at_boots is not None and boots > task.waits_at_boots
        else task
        for task in state.tasks
    )
    state = replace(state, tasks=started)
    for task in state.tasks:
        if task.waits_at_boots is not None:
            continue
        if not task.done and now_s >= task.ends_s:
            if task.effect is not None and task.failure is None:
                state = _applied(state, task.effect)
            tasks = tuple(replace(t, done=True) if t.id == task.id else t for t in state.tasks)
            state = replace(state, tasks=tasks)
    return state


def without_tasks(state: State) -> State:
    """Return the state of a BMC that restarted and forgot its tasks; what they were for is done."""
    for task in state.tasks:
        if not task.done and task.effect is not None and task.failure is None:
            state = _applied(state, task.effect)
    return replace(state, tasks=())


def logged(state: State, message: str, *, created: str, severity: str = "OK") -> State:
    """Return the state with one more log entry; old ones go."""
    entry = LogEntry(id=str(state.next_id), created=created, message=message, severity=severity)
    entries = (*state.log, entry)[-_MOST_LOG_ENTRIES:]
    return replace(state, log=entries, next_id=state.next_id + 1)


def _after_start(state: State, waiting: Waiting, boots: int, faults: RedfishFaults) -> State:
    if faults.refuses_settings:
        complaint = "The settings depend on others that have another value."
        return replace(
            state,
            bios_waiting=None,
            bios_applied_at=f"2026-01-01T00:00:{boots % 60:02d}Z",
            bios_complaint=complaint,
        )
    return replace(
        state,
        bios={**state.bios, **waiting.attributes},
        bios_waiting=None,
        bios_applied_at=f"2026-01-01T00:00:{boots % 60:02d}Z",
        bios_complaint=None,
    )


def _applied(state: State, effect: Effect) -> State:
    match effect:
        case FirmwareUpdated(component=component, version=version):
            return replace(state, firmware={**state.firmware, component: version})
        case VolumeMade(volume=volume):
            return replace(state, volumes=(*state.volumes, volume))
        case VolumeGone(id=gone):
            return replace(state, volumes=tuple(v for v in state.volumes if v.id != gone))
