"""Reads the sensors of a Redfish BMC, part by part; keys and names are those of Ironic's redfish driver.

Older services have Thermal and Power of a chassis, newer ones ThermalSubsystem and PowerSubsystem (DSP0268); of a chassis that has both, the older
ones are read, as Ironic does. Beside Ironic's: every chassis of the system, voltages, and what the machine draws.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sushy.resources.system.system import System

from agent.protocol.foreign_text import clean_line
from controller.bmc.redfish_call import RedfishCalls
from controller.bmc.redfish_document import (
    Document,
    dig,
    link,
    links,
    listed,
    members,
    read,
    read_if_there,
    text,
)
from controller.bmc.redfish_turns import in_turns
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.hardware.sensors import SensorForm, SensorReport

_WHAT = "read sensors"
_MOST_CHASSIS, _MOST_STORAGES = 16, 16
_MOST_ITEMS = 200
"""Of one list in a document."""
_MOST_SENSORS, _MOST_LETTERS = 500, 96
"""Of a report, and of each text in it."""
_LONGEST_LISTING_S = 15.0
_LARGEST = 1e15

Sensor = Mapping[str, Any]
Found = Iterator[tuple[str, str, Sensor]]
"""Kind, name, what it says."""

_TEMPERATURE = {
    "max_reading_range_temp": "MaxReadingRangeTemp",
    "min_reading_range_temp": "MinReadingRangeTemp",
    "reading_celsius": "ReadingCelsius",
    "sensor_number": "SensorNumber",
}
_FAN = {
    "max_reading_range": "MaxReadingRange",
    "min_reading_range": "MinReadingRange",
    "reading": "Reading",
}
_SUPPLY = {
    "power_capacity_watts": "PowerCapacityWatts",
    "line_input_voltage": "LineInputVoltage",
    "last_power_output_watts": "LastPowerOutputWatts",
}
_VOLTAGE = {"reading_volts": "ReadingVolts"}
"""Ironic's names of numbers, and Redfish's."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is read in one call, so that others are not kept from the BMC for long."""

    is_chassis: bool
    path: str


def read_sensors(calls: RedfishCalls, timeout_s: float) -> SensorReport:
    """Read all sensors; a part that is refused, or not read in time, is left out.

    Raises:
        BmcUnreachable: No answer in time.
        BmcAuthenticationFailed: The BMC refuses the user.
        BmcError: It refuses everything, or its answers are nonsense.
    """
    ends_at = time.monotonic() + timeout_s
    listing_s = min(timeout_s, _LONGEST_LISTING_S)
    several, extra = calls.ask(_WHAT, listing_s, lambda system: (parts(system), _machine(system)))
    kept = _Kept()
    failed: list[BmcError] = []
    parts_read = 0
    for part in several:
        if kept.is_full:
            break
        left_s = max(ends_at - time.monotonic(), 0.0)
        try:
            for kind, name, said in in_turns(calls, _WHAT, left_s, partial(found_in, part=part)):
                kept.put(kind, name, said)
                if kept.is_full:
                    break
        except BmcAuthenticationFailed:
            raise
        except BmcError as error:
            failed.append(error)
            if isinstance(error, BmcUnreachable):
                break  # the next would find the same, after as long
            continue
        parts_read += 1
    if failed and not kept.readings:
        raise failed[0]
    left_out = len(several) - parts_read + kept.left_out
    return SensorReport(
        form=SensorForm.REDFISH, readings=kept.readings, left_out=left_out, extra=extra
    )


class _Kept:
    """The sensors of a report, so many at most."""

    def __init__(self) -> None:
        self.readings: dict[str, dict[str, Sensor]] = {}
        self.left_out = 0
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether one was left out already."""
        return self.left_out > 0

    def put(self, kind: str, name: str, said: Sensor) -> None:
        """Keep a sensor, if there is room for it."""
        of_kind = self.readings.get(kind, {})
        if name not in of_kind and self._count >= _MOST_SENSORS:
            self.left_out += 1
            return
        self._count += name not in of_kind
        self.readings.setdefault(kind, {})[name] = said


def parts(system: System) -> Sequence[Part]:
    """Return what of a system has sensors: its chassis and its storages."""
    chassis = links(system.json, "Links", "Chassis")[:_MOST_CHASSIS]
    storages = listed(system, link(system.json, "Storage"))[:_MOST_STORAGES]
    return [Part(True, path) for path in chassis] + [Part(False, path) for path in storages]


def _machine(system: System) -> Mapping[str, str]:
    """Return what names the machine, in Ironic's keys."""
    said = {key: _text(system.json, key) for key in ("Manufacturer", "Model", "UUID")}
    return {key: value for key, value in said.items() if value is not None}


def found_in(system: System, part: Part) -> Found:
    """Give the sensors of a part, each after a few requests.

    Raises:
        SushyError, ValueError: The BMC refuses, or answers nonsense.
    """
    document = read_if_there(system, part.path)
    if document is not None:
        yield from _chassis(system, document) if part.is_chassis else _storage(system, document)


def _chassis(system: System, chassis: Document) -> Found:
    name = _text(chassis.body, "Id") or _short(chassis.name)
    thermal = read_if_there(system, link(chassis.body, "Thermal"))
    if thermal is not None:
        yield from _thermal(thermal, name)
    else:
        subsystem = read_if_there(system, link(chassis.body, "ThermalSubsystem"))
        if subsystem is not None:
            yield from _thermal_subsystem(system, subsystem, name)
    power = read_if_there(system, link(chassis.body, "Power"))
    if power is not None:
        yield from _power(power, name)
    else:
        yield from _power_subsystem(system, chassis, name)


def _thermal(thermal: Document, chassis: str) -> Found:
    for one, identity in _items(thermal, "Temperatures"):
        said = {"identity": identity, **_numbers(one, _TEMPERATURE), **_place(one), **_status(one)}
        yield "Temperature", f"{identity}@{chassis}", said
    for one, identity in _items(thermal, "Fans"):
        said = {
            "identity": identity,
            **_numbers(one, _FAN),
            "reading_units": _text(one, "ReadingUnits"),
            "serial_number": _text(one, "SerialNumber"),
            **_place(one),
            **_status(one),
        }
        yield "Fan", f"{identity}@{chassis}", said


def _power(power: Document, chassis: str) -> Found:
    name = _text(power.body, "Id") or _short(power.name)
    for one, identity in _items(power, "PowerSupplies"):
        said = {
            **_numbers(one, _SUPPLY),
            "serial_number": _text(one, "SerialNumber"),
            **_status(one),
        }
        yield "Power", f"{identity}:{name}@{chassis}", said
    for one, identity in _items(power, "Voltages"):
        said = {"identity": identity, **_numbers(one, _VOLTAGE), **_place(one), **_status(one)}
        yield "Voltage", f"{identity}@{chassis}", said
    for one, identity in _items(power, "PowerControl"):
        if (watts := _number(dig(one, "PowerConsumedWatts"))) is not None:
            yield "Power", f"consumption {identity}:{name}@{chassis}", _drawn(watts)


def _thermal_subsystem(system: System, subsystem: Document, chassis: str) -> Found:
    metrics = read_if_there(system, link(subsystem.body, "ThermalMetrics"))
    body = {} if metrics is None else metrics.body
    for place, one in enumerate(_dicts(dig(body, "TemperatureReadingsCelsius"))):
        identity = _text(one, "DeviceName") or str(place)
        said = {
            "identity": identity,
            "reading_celsius": _number(dig(one, "Reading")),
            **_place(one),
            "state": "Enabled",
            "health": None,
        }
        yield "Temperature", f"{identity}@{chassis}", said
    for fan in members(system, link(subsystem.body, "Fans")):
        identity = _text(fan.body, "Id") or _short(fan.name)
        turns = _number(dig(fan.body, "SpeedPercent", "SpeedRPM"))
        share = _number(dig(fan.body, "SpeedPercent", "Reading"))
        said = {
            "identity": identity,
            "reading": share if turns is None else turns,
            "reading_units": "Percent" if turns is None else "RPM",
            "serial_number": _text(fan.body, "SerialNumber"),
            **_place(fan.body),
            **_status(fan.body),
        }
        yield "Fan", f"{identity}@{chassis}", said


def _power_subsystem(system: System, chassis: Document, name: str) -> Found:
    subsystem = read_if_there(system, link(chassis.body, "PowerSubsystem"))
    supplies = None if subsystem is None else link(subsystem.body, "PowerSupplies")
    for one in members(system, supplies):
        metrics = read_if_there(system, link(one.body, "Metrics"))
        body = {} if metrics is None else metrics.body
        said = {
            "power_capacity_watts": _number(dig(one.body, "PowerCapacityWatts")),
            "line_input_voltage": _number(dig(body, "InputVoltage", "Reading")),
            "last_power_output_watts": _number(dig(body, "OutputPowerWatts", "Reading")),
            "serial_number": _text(one.body, "SerialNumber"),
            **_status(one.body),
        }
        yield "Power", f"{_text(one.body, 'Id') or _short(one.name)}:PowerSubsystem@{name}", said
    environment = read_if_there(system, link(chassis.body, "EnvironmentMetrics"))
    watts = None if environment is None else _number(dig(environment.body, "PowerWatts", "Reading"))
    if watts is not None:
        yield "Power", f"consumption@{name}", _drawn(watts)


def _storage(system: System, storage: Document) -> Found:
    unit = _text(storage.body, "Id") or _short(storage.name)
    owner = _text(system.json, "Id") or "system"
    for path in links(storage.body, "Drives")[:_MOST_ITEMS]:
        drive = read(system, path)
        name = _text(drive.body, "Name") or _short(drive.name)
        status = _status(drive.body)
        if status["health"] and not status["state"]:
            status = {**status, "state": "Enabled"}  # some say only that it is well
        said = {
            "name": name,
            "model": _text(drive.body, "Model"),
            "capacity_bytes": _number(dig(drive.body, "CapacityBytes")),
            **status,
        }
        yield "Drive", f"{name}:{unit}@{owner}", said


def _text(document: Any, *names: str) -> str | None:
    """Return a text that a report may hold some thousand of; ``None`` = there is none."""
    found = text(document, *names)
    return None if found is None else _short(found)


def _short(found: str) -> str:
    return clean_line(found, _MOST_LETTERS)


def _items(document: Document, name: str) -> Iterable[tuple[Mapping[str, Any], str]]:
    for place, one in enumerate(_dicts(dig(document.body, name))):
        yield one, _text(one, "MemberId") or str(place)


def _dicts(found: Any) -> list[Mapping[str, Any]]:
    several = found if isinstance(found, list) else []
    return [one for one in several[:_MOST_ITEMS] if isinstance(one, Mapping)]


def _numbers(one: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {ours: _number(dig(one, theirs)) for ours, theirs in names.items()}


def _number(found: Any) -> float | int | None:
    """Return a number that everybody can hold; ``None`` = there is none."""
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return found if is_number and abs(found) < _LARGEST else None


def _place(one: Mapping[str, Any]) -> dict[str, str | None]:
    return {"name": _text(one, "Name"), "physical_context": _text(one, "PhysicalContext")}


def _status(one: Mapping[str, Any]) -> dict[str, str | None]:
    return {"state": _text(one, "Status", "State"), "health": _text(one, "Status", "Health")}


def _drawn(watts: float) -> dict[str, Any]:
    return {"power_consumed_watts": watts, "state": "Enabled"}
