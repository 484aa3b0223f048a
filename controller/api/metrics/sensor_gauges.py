"""What sensors say as numbers for Prometheus, under the names that ironic-prometheus-exporter (4.10) gives them; pure.

Its names are made of the names of sensors, which are the BMC's words: ``Inlet Temp (0x5)`` of the kind Temperature is
``baremetal_inlet_temp_celsius``. Here they are bounded and of ASCII alone, and every number has the same few labels.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from controller.hardware.sensors import SensorForm
from controller.workflow.sensor_reports import NodeSensors

_MOST_NAME_LETTERS = 80
_MOST_LABEL_LETTERS = 80
_NAMES_KEPT = 4096
"""Machines of one kind have sensors of the same names."""
_NO_NUMBERS = ("No Reading", "Disabled")
_HEALTH = MappingProxyType({"OK": 0, "Warning": 1, "Critical": 2})
_PLACE_WORDS = """
    room intake exhaust liquidinlet liquidoutlet front back upper lower cpu cpusubsystem gpu gpusubsystem fpga accelerator asic
    backplane systemboard powersupply powersubsystem voltageregulator rectifier storagedevice storagesubsystem networkingdevice
    computebay storagebay networkbay expansionbay powersupplybay memory memorysubsystem chassis fan coolingsubsystem motor
    transformer acutilityinput acstaticbypassinput acmaintenancebypassinput dcbus acoutput acinput poweroutlet trustedmodule board
    transceiver battery pump filter reservoir switch manager
"""
_PLACES = frozenset(_PLACE_WORDS.split())
"""Redfish's places of sensors (DSP8010, PhysicalContext), in small letters; what else a BMC says names no numbers."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How names of a kind of IPMI sensors are made."""

    prefix: str = "baremetal_"
    suffix: str = ""
    style: str = ""
    has_unit: bool = False


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "management": _Kind(),
        "temperature": _Kind(suffix="_celsius"),
        "system": _Kind(prefix="baremetal_system_"),
        "current": _Kind(),
        "version": _Kind(),
        "memory": _Kind(style="memory"),
        "power": _Kind(prefix="baremetal_power_"),
        "watchdog2": _Kind(),
        "fan": _Kind(style="fan", has_unit=True),
        "voltage": _Kind(prefix="baremetal_voltage_", style="voltage", has_unit=True),
    }
)
"""The kinds that the exporter knows; others have no numbers there, nor here."""


def gauges_of(node: NodeSensors) -> Iterator[Gauge]:
    """Give the numbers of a node's report."""
    labels = _node_labels(node)
    yield Gauge(
        "baremetal_last_payload_timestamp_seconds", labels, float(int(node.report.collected_at))
    )
    for kind, sensors in node.report.readings.items():
        for name, said in sensors.items():
            if node.report.form is SensorForm.IPMI:
                yield from _of_ipmi(kind, name, said, labels)
            else:
                yield from _of_redfish(kind, name, said, labels | _machine_labels(node))


def ipmi_name(kind: str, sensor: str, reading: str) -> str | None:
    """Return the exporter's name for an IPMI sensor's number; ``None`` = it has none.

    Args:
        kind: Of the sensor (``Temperature``).
        sensor: ``Sensor ID``: ``Inlet Temp (0x5)``.
        reading: ``Sensor Reading``: ``21 (+/- 1) degrees C``.
    """
    words = reading.split()
    return _named(kind, sensor, words[-1] if len(words) > 1 else "")


@lru_cache(maxsize=_NAMES_KEPT)
def _named(kind: str, sensor: str, last_word: str) -> str | None:
    how = _KINDS.get(kind.lower())
    if how is None:
        return None
    label = _label(how.style, sensor, how.prefix)
    unit = f"_{last_word.lower()}" if how.has_unit and last_word else ""
    if how.style == "memory" and "mem" not in label:
        label = f"memory_{label}"
    joined = re.sub(r"[^a-zA-Z0-9_]", "_", how.prefix + label + how.suffix + unit)
    return re.sub(r"_+", "_", joined)[:_MOST_NAME_LETTERS]


def _label(style: str, sensor: str, prefix: str) -> str:
    if style == "fan":
        without = re.sub(r"\(.*\)", "", re.sub(r"fan\d*[a-z]*", "fan", sensor.lower()))
        return "_".join(without.split())
    text = sensor
    if style == "voltage":
        text = re.sub(r"([\d+]v)|([\d+].[\d*]v)", "", sensor.lower())
    words = re.sub(r"\d+", "", text).lower().split()
    label = "_".join(words[:-1]).replace("-", "_")
    return "" if style == "voltage" and label in prefix else label


def _of_ipmi(
    kind: str, sensor: str, said: Mapping[str, Any], labels: Mapping[str, str]
) -> Iterator[Gauge]:
    reading = str(said.get("Sensor Reading", ""))
    name = ipmi_name(kind, sensor, reading)
    value = _ipmi_value(reading)
    if name is None or value is None:
        return
    more = {
        "entity_id": _text(said.get("Entity ID")),
        "sensor_id": _text(sensor),
        "status": _text(said.get("Status")),
    }
    yield Gauge(name, {**labels, **more}, value)


def _ipmi_value(reading: str) -> float | None:
    """Return the number of a reading; states are 0 (``0h``) or 1, as the exporter has them."""
    words = reading.split()
    if not words or reading in _NO_NUMBERS:
        return None
    if len(words) == 1:
        return 0.0 if words[0] == "0h" else 1.0
    try:
        return float(words[0])
    except ValueError:
        return None


def _of_redfish(
    kind: str, sensor: str, said: Mapping[str, Any], labels: Mapping[str, str]
) -> Iterator[Gauge]:
    if str(said.get("state") or "").lower() != "enabled":
        return
    place = str(said.get("physical_context") or "")
    more = {
        "sensor_id": _text(sensor),
        "identity": _text(said.get("identity")),
        "physical_context": _text(place),
    }
    for name, value in _redfish_numbers(kind, said, place):
        if isinstance(value, int | float):
            yield Gauge(name[:_MOST_NAME_LETTERS], {**labels, **more}, float(value))


def _redfish_numbers(
    kind: str, said: Mapping[str, Any], place: str
) -> Iterator[tuple[str, float | int | None]]:
    """Give names and numbers; the readings of fans and power supplies are ours, the exporter has their health alone."""
    health = _HEALTH.get(str(said.get("health")))
    match kind:
        case "Temperature":
            if said.get("reading_celsius") is not None:
                middle = f"{place.lower()}_" if place.lower() in _PLACES else ""
                yield f"baremetal_temp_{middle}celsius", said["reading_celsius"]
                yield "baremetal_temperature_status", health
        case "Fan":
            yield "baremetal_fan_status", health
            unit = str(said.get("reading_units") or "").lower()
            if unit in ("rpm", "percent"):
                yield f"baremetal_fan_{unit}", said.get("reading")
        case "Power":
            yield "baremetal_power_status", health
            yield "baremetal_power_output_watts", said.get("last_power_output_watts")
            yield "baremetal_power_consumption_watts", said.get("power_consumed_watts")
        case "Voltage":
            yield "baremetal_voltage_volts", said.get("reading_volts")
        case "Drive":
            yield "baremetal_drive_status", health


def _node_labels(node: NodeSensors) -> dict[str, str]:
    return {
        "node_name": node.node_name or "",
        "node_uuid": node.node_uuid,
        "instance_uuid": node.instance_uuid or node.node_uuid,
    }


def _machine_labels(node: NodeSensors) -> dict[str, str]:
    extra = node.report.extra
    return {
        "manufacturer": _text(extra.get("Manufacturer")),
        "model": _text(extra.get("Model")),
        "redfish_system_uuid": _text(extra.get("UUID")),
    }


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:_MOST_LABEL_LETTERS]
