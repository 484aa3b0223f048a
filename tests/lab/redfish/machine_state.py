"""What a Redfish BMC remembers of one machine: frozen values, and what a start of the machine or the end of a task makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

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
_MOST_LOG_ENTRIES = 200


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
class MachineState:
    """A system, its manager and its chassis, as far as the BMC holds them itself."""

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
    log: tuple[LogEntry, ...] = ()
    asset_tag: str = ""
    indicator: str = "Off"
    lit_drives: frozenset[str] = frozenset()
    """Paths of the drives whose location lamp is on."""
    clock_ahead_s: float = 0.0
    """How much its manager's clock is ahead of the right time."""


def started(state: MachineState, boots: int, faults: RedfishFaults) -> MachineState:
    """Return the state after a start, number ``boots``: settings that waited for one hold, or are refused."""
    waiting = state.bios_waiting
    if waiting is None or boots <= waiting.boots:
        return state
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


def logged(
    state: MachineState, message: str, *, ident: str, created: str, severity: str = "OK"
) -> MachineState:
    """Return the state with one more log entry; old ones go."""
    entry = LogEntry(id=ident, created=created, message=message, severity=severity)
    return replace(state, log=(*state.log, entry)[-_MOST_LOG_ENTRIES:])


def applied(state: MachineState, effect: Effect) -> MachineState:
    """Return the state after a task that ended well."""
    match effect:
        case FirmwareUpdated(component=component, version=version):
            return replace(state, firmware={**state.firmware, component: version})
        case VolumeMade(volume=volume):
            return replace(state, volumes=(*state.volumes, volume))
        case VolumeGone(id=gone):
            return replace(state, volumes=tuple(v for v in state.volumes if v.id != gone))
