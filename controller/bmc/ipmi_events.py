"""What states of IPMI sensors mean, in words and for the machine's health: of readings and of the event log. Pure.

The tables are pyghmi's (IPMI 2.0 rev. 1.1, tables 42-2 and 42-3), which this file alone reads.
"""

from collections.abc import Mapping
from typing import Any

from pyghmi.constants import Health as PyghmiHealth
from pyghmi.ipmi.private.constants import generic_type_offsets, sensor_type_offsets

from controller.bmc.ipmi_sdr import THRESHOLD
from controller.hardware.abilities import Health, worst

_SENSOR_SPECIFIC = 0x6F
_BITS = 15
_NON_RECOVERABLE = 0x24
_CRITICAL = 0x12
_NON_CRITICAL = 0x09
"""Of the comparison with thresholds (35.14): lower and upper one."""


def state_text(kind: int, reading_type: int, offset: int, *, is_over: bool = False) -> str:
    """Return what a state or event is, in words; empty = the specification does not say.

    Args:
        kind: Sensor type, table 42-3.
        reading_type: Event/reading type, table 42-1.
        offset: Number of the state or event.
        is_over: It has ended (deassertion).
    """
    entry = _entry(kind, reading_type, offset)
    found = entry.get("deassertion_desc") if is_over else entry.get("desc")
    return str(found or entry.get("desc") or "")


def threshold_health(comparison: int) -> Health:
    """Return what crossed thresholds mean."""
    if comparison & (_NON_RECOVERABLE | _CRITICAL):
        return Health.CRITICAL
    return Health.WARNING if comparison & _NON_CRITICAL else Health.OK


def states_health(kind: int, reading_type: int, states: int) -> Health:
    """Return what the states of a sensor mean, a bit for each."""
    if reading_type == THRESHOLD:
        return threshold_health(states)
    found = [
        _health_of(_entry(kind, reading_type, offset))
        for offset in range(_BITS)
        if states & 1 << offset
    ]
    return worst(*found) or Health.OK


def event_health(kind: int, reading_type: int, offset: int) -> Health:
    """Return what an event that came means."""
    return _health_of(_entry(kind, reading_type, offset))


def _entry(kind: int, reading_type: int, offset: int) -> Mapping[str, Any]:
    table: Mapping[int, Any] = (
        sensor_type_offsets.get(kind, {})
        if reading_type == _SENSOR_SPECIFIC
        else generic_type_offsets.get(reading_type, {})
    )
    found = table.get(offset, {})
    return found if isinstance(found, Mapping) else {}


def _health_of(entry: Mapping[str, Any]) -> Health:
    severity = int(entry.get("severity", PyghmiHealth.Ok))
    if severity & (PyghmiHealth.Critical | PyghmiHealth.Failed):
        return Health.CRITICAL
    return Health.WARNING if severity & PyghmiHealth.Warning else Health.OK
