"""Reads the sensors of an IPMI BMC; what it says becomes Ironic's sensor data, which are the words of ``ipmitool sdr -v``.

Follows "Intelligent Platform Management Interface Specification Second Generation v2.0" rev. 1.1: 35.5 and 35.14 (reading factors, readings).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.bmc.ipmi_calls import IpmiCalls
from controller.bmc.ipmi_events import state_text, states_health
from controller.bmc.ipmi_repository import SdrCache
from controller.bmc.ipmi_sdr import Factors, SensorRecord, parse_factors, parse_record
from controller.bmc.ipmi_words import entity, sensor_type, unit
from controller.errors import BmcUnreachable
from controller.hardware.abilities import Health, worst
from controller.hardware.sensors import SensorForm, SensorReport

_NETFN_SENSOR = 0x04
_GET_READING, _GET_FACTORS = 0x2D, 0x23
_SCANNING, _UNAVAILABLE = 0x40, 0x20
_MOST_SENSORS = 500
_STATES = 15
_THRESHOLD_STATES = (
    (0x20, "Upper Non-Recoverable"),
    (0x04, "Lower Non-Recoverable"),
    (0x10, "Upper Critical"),
    (0x02, "Lower Critical"),
    (0x08, "Upper Non-Critical"),
    (0x01, "Lower Non-Critical"),
)
"""Bits of the comparison (35.14) and their words, the worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a BMC answered for one sensor."""

    raw: int
    is_scanned: bool
    is_available: bool
    states: int
    """Comparison with thresholds, or states, a bit each."""
    factors: Factors | None = None
    """Of this reading, where the sensor needs that."""


def read_sensors(calls: IpmiCalls, cache: SdrCache) -> SensorReport:
    """Read every sensor; what is not read in time is left out.

    Raises:
        BmcError: As ``Transport``, or the BMC's list of sensors cannot be read.
    """
    records = [found for one in cache.records(calls) if (found := parse_record(one)) is not None]
    readings: dict[str, dict[str, dict[str, str]]] = {}
    health: Health | None = None
    answered = _answered(calls, records[:_MOST_SENSORS])
    for record, reading in answered:
        said = describe(record, reading)
        readings.setdefault(_kind(record), {})[said["Sensor ID"]] = said
        if reading.is_scanned and reading.is_available:
            health = worst(health, states_health(record.kind, record.reading_type, reading.states))
    left_out = len(records) - len(answered)
    return SensorReport(form=SensorForm.IPMI, readings=readings, health=health, left_out=left_out)


def _answered(
    calls: IpmiCalls, records: Sequence[SensorRecord]
) -> Sequence[tuple[SensorRecord, Reading]]:
    """Return the sensors that were read before the time was over.

    Raises:
        BmcUnreachable: The BMC fell silent earlier, or answered for none.
    """
    found: list[tuple[SensorRecord, Reading]] = []
    for record in records:
        try:
            reading = _read(calls, record)
        except BmcUnreachable:
            if found and calls.is_late:
                break
            raise
        if reading is not None:
            found.append((record, reading))
    return found


def parse_reading(answer: bytes) -> Reading | None:
    """Read the answer to Get Sensor Reading; ``None`` = too short."""
    if len(answer) < 2:  # noqa: PLR2004  # the states may be missing
        return None
    flags = answer[1]
    return Reading(
        raw=answer[0],
        is_scanned=bool(flags & _SCANNING),
        is_available=not flags & _UNAVAILABLE,
        states=int.from_bytes(answer[2:4], "little") & 0x7FFF,
    )


def describe(record: SensorRecord, reading: Reading) -> dict[str, str]:
    """Return what a sensor says, in Ironic's keys."""
    kind = "Threshold" if record.is_threshold else "Discrete"
    found = {
        "Sensor ID": f"{record.name} (0x{record.number:x})",
        "Entity ID": f"{record.entity}.{record.instance} ({entity(record.entity)})",
        f"Sensor Type ({kind})": f"{sensor_type(record.kind)} (0x{record.kind:02x})",
        "Sensor Reading": _reading_text(record, reading),
    }
    if record.is_threshold and reading.is_scanned and reading.is_available:
        found["Status"] = _status(reading.states)
    if not record.is_threshold and (states := _states(record, reading)):
        found["States"] = states
    for name, raw in record.thresholds:
        value = record.value(raw)
        if value is not None:
            found[name] = f"{value:.3f}"
    return found


def _read(calls: IpmiCalls, record: SensorRecord) -> Reading | None:
    """Return what a sensor says; ``None`` = it is not there, or says nothing that can be read."""
    code, answer = calls.raw(_NETFN_SENSOR, _GET_READING, (record.number,))
    reading = None if code else parse_reading(answer)
    if reading is None or not record.needs_factors:
        return reading
    code, answer = calls.raw(_NETFN_SENSOR, _GET_FACTORS, (record.number, reading.raw))
    return Reading(
        raw=reading.raw,
        is_scanned=reading.is_scanned,
        is_available=reading.is_available,
        states=reading.states,
        factors=None if code else parse_factors(answer[1:]),
    )


def _kind(record: SensorRecord) -> str:
    """Return under which key a sensor stands: Ironic's is the first word of its type."""
    return sensor_type(record.kind).split(" ", 1)[0]


def _reading_text(record: SensorRecord, reading: Reading) -> str:
    if not reading.is_scanned:
        return "Disabled"
    if not reading.is_available:
        return "No Reading"
    value = record.value(reading.raw, reading.factors)
    if value is None:
        return f"{reading.raw:x}h"
    tolerance = record.tolerance()
    return f"{_number(value)} (+/- {_number(tolerance)}) {_unit(record)}"


def _states(record: SensorRecord, reading: Reading) -> str:
    """Return the states of a sensor that has no number, in words; ours, ``ipmitool`` has them where Ironic does not look."""
    if not (reading.is_scanned and reading.is_available):
        return ""
    said = (
        state_text(record.kind, record.reading_type, offset)
        for offset in range(_STATES)
        if reading.states & 1 << offset
    )
    return ", ".join(text for text in said if text)


def _number(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() else f"{value:.3f}"


def _unit(record: SensorRecord) -> str:
    base, modifier = unit(record.unit), unit(record.modifier)
    if record.is_percentage and not record.unit:
        return "percent"
    start = "% " if record.is_percentage else ""
    match record.relation:
        case 1:
            return f"{start}{base}/{modifier}"
        case 2:
            return f"{start}{base} * {modifier}"
        case _:
            return f"{start}{base}"


def _status(comparison: int) -> str:
    return next((words for bit, words in _THRESHOLD_STATES if comparison & bit), "ok")
