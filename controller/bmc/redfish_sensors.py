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
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.hardware.sensors import SensorForm, SensorReport

_WHAT = "read sensors"
_MOST_CHASSIS, _MOST_STORAGES = 16, 16
_MOST_ITEMS = 200
"""Of one list in a document."""
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
    several, extra = calls.ask(_WHAT, timeout_s, lambda system: (parts(system), _machine(system)))
    readings: dict[str, dict[str, Sensor]] = {}
    failed: list[BmcError] = []
    parts_read = 0
    for part in several:
        left_s = max(ends_at - time.monotonic(), 0.0)
        try:
            found = calls.ask(_WHAT, left_s, partial(read_part, part=part))
        except BmcAuthenticationFailed:
            raise
        except BmcError as error:
            failed.append(error)
            if isinstance(error, BmcUnreachable):
                break  # the next would find the same, after as long
            continue
        parts_read += 1
        for kind, name, said in found:
            readings.setdefault(kind, {})[name] = said
    if failed and not readings:
        raise failed[0]
    return SensorReport(
        form=SensorForm.REDFISH, readings=readings, left_out=len(several) - parts_read, extra=extra
    )


def parts(system: System) -> Sequence[Part]:
    """Return what of a system has sensors: its chassis and its storages."""
    chassis = links(system.json, "Links", "Chassis")[:_MOST_CHASSIS]
    storages = listed(system, link(system.json, "Storage"))[:_MOST_STORAGES]
    return [Part(True, path) for path in chassis] + [Part(False, path) for path in storages]


def _machine(system: System) -> Mapping[str, str]:
    """Return what names the machine, in Ironic's keys."""
    said = {key: text(system.json, key) for key in ("Manufacturer", "Model", "UUID")}
    return {key: value for key, value in said.items() if value is not None}


def read_part(system: System, part: Part) -> Sequence[tuple[str, str, Sensor]]:
    """Return the sensors of a part.

    Raises:
        SushyError, ValueError: The BMC refuses, or answers nonsense.
    """
    document = read_if_there(system, part.path)
    if document is None:
        return ()
    found = _chassis(system, document) if part.is_chassis else _storage(system, document)
    return tuple(found)


def _chassis(system: System, chassis: Document) -> Found:
    name = text(chassis.body, "Id") or chassis.name
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
            "reading_units": text(one, "ReadingUnits"),
            "serial_number": text(one, "SerialNumber"),
            **_place(one),
            **_status(one),
        }
        yield "Fan", f"{identity}@{chassis}", said


def _power(power: Document, chassis: str) -> Found:
    name = text(power.body, "Id") or power.name
    for one, identity in _items(power, "PowerSupplies"):
        said = {
            **_numbers(one, _SUPPLY),
            "serial_number": text(one, "SerialNumber"),
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
        identity = text(one, "DeviceName") or str(place)
        said = {
            "identity": identity,
            "reading_celsius": _number(dig(one, "Reading")),
            **_place(one),
            "state": "Enabled",
            "health": None,
        }
        yield "Temperature", f"{identity}@{chassis}", said
    for fan in members(system, link(subsystem.body, "Fans")):
        identity = text(fan.body, "Id") or fan.name
        turns = _number(dig(fan.body, "SpeedPercent", "SpeedRPM"))
        share = _number(dig(fan.body, "SpeedPercent", "Reading"))
        said = {
            "identity": identity,
            "reading": share if turns is None else turns,
            "reading_units": "Percent" if turns is None else "RPM",
            "serial_number": text(fan.body, "SerialNumber"),
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
            "serial_number": text(one.body, "SerialNumber"),
            **_status(one.body),
        }
        yield "Power", f"{text(one.body, 'Id') or one.name}:PowerSubsystem@{name}", said
    environment = read_if_there(system, link(chassis.body, "EnvironmentMetrics"))
    watts = None if environment is None else _number(dig(environment.body, "PowerWatts", "Reading"))
    if watts is not None:
        yield "Power", f"consumption@{name}", _drawn(watts)


def _storage(system: System, storage: Document) -> Found:
    unit = text(storage.body, "Id") or storage.name
    owner = text(system.json, "Id") or "system"
    for path in links(storage.body, "Drives")[:_MOST_ITEMS]:
        drive = read(system, path)
        name = text(drive.body, "Name") or drive.name
        status = _status(drive.body)
        if status["health"] and not status["state"]:
            status = {**status, "state": "Enabled"}  # some say only that it is well
        said = {
            "name": name,
            "model": text(drive.body, "Model"),
            "capacity_bytes": _number(dig(drive.body, "CapacityBytes")),
            **status,
        }
        yield "Drive", f"{name}:{unit}@{owner}", said


def _items(document: Document, name: str) -> Iterable[tuple[Mapping[str, Any], str]]:
    for place, one in enumerate(_dicts(dig(document.body, name))):
        yield one, text(one, "MemberId") or str(place)


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
    return {"name": text(one, "Name"), "physical_context": text(one, "PhysicalContext")}


def _status(one: Mapping[str, Any]) -> dict[str, str | None]:
    return {"state": text(one, "Status", "State"), "health": text(one, "Status", "Health")}


def _drawn(watts: float) -> dict[str, Any]:
    return {"power_consumed_watts": watts, "state": "Enabled"}
