"""What a BMC's sensors say, as Ironic's sensor data notifications have it; a pure value for metrics, the API and whoever publishes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from agent.protocol.foreign_time import believable
from controller.hardware.abilities import Health

Readings = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By kind (``Temperature``, ``Fan``, ``Voltage``, ``Current``, ``Power``, ``Drive``, ...) and name of the sensor: what it says, key by key."""


class SensorForm(StrEnum):
    """Which keys readings have: those of Ironic's driver of that name."""

    IPMI = "ipmi"
    """Texts as ``ipmitool sdr -v`` prints them: ``Sensor Reading``: ``21 (+/- 1) degrees C``."""
    REDFISH = "redfish"
    """Numbers: ``reading_celsius``: 21; ``state`` and ``health``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorReport:
    """One look at all sensors of a machine. All texts are bounded, on one line and printable."""

    form: SensorForm
    readings: Readings
    health: Health | None = None
    """What the sensors together mean, where the BMC does not sum it up itself; ``None`` = not known."""
    collected_at: float = 0.0
    """When, in seconds since the epoch."""
    left_out: int = 0
    """Sensors that could not be read, or were too many."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Of the machine itself: manufacturer, model, UUID, where they come with it."""

    @property
    def count(self) -> int:
        """How many sensors it has."""
        return sum(len(sensors) for sensors in self.readings.values())


@runtime_checkable
class TellsSensors(Protocol):
    """A connection to a BMC that can read its sensors."""

    def sensors(self, *, timeout_s: float) -> SensorReport:
        """Read all of them; what is not read in time is left out.

        Raises:
            BmcUnreachable: No answer in time.
            BmcAuthenticationFailed: The BMC refuses the user.
            BmcError: It refuses, or its answers are nonsense.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """An entry of a BMC's log. All texts are bounded, on one line and printable."""

    id: str
    created_at: float | None
    """Seconds since the epoch by the BMC's clock; ``None`` = it did not know the time."""
    severity: Health | None
    """``None`` = the BMC does not say."""
    sensor: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BmcLog:
    """The newest entries of a BMC's log, newest first."""

    entries: tuple[LogEntry, ...]
    total: int
    """How many there are."""
    is_full: bool = False
    """The BMC has dropped entries, or takes no more until the log is cleared."""

    def dated(self, now: float) -> "BmcLog":
        """Return the log with the times that can be true; ``now`` in seconds since the epoch. Whatever a driver says, what is left is within the calendar."""
        entries = (replace(one, created_at=believable(one.created_at, now)) for one in self.entries)
        return replace(self, entries=tuple(entries))


@runtime_checkable
class HasLog(Protocol):
    """A connection to a BMC that keeps a log of the machine's hardware."""

    def log(self, most: int, *, timeout_s: float) -> BmcLog:
        """Read the newest ``most`` entries; raises as :meth:`TellsSensors.sensors`."""

    def clear_log(self, *, timeout_s: float) -> None:
        """Empty it, and see that it is empty; raises as :meth:`TellsSensors.sensors`."""
