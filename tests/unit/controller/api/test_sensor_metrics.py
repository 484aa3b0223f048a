"""Numbers of sensors: named as ironic-prometheus-exporter names them, and bounded whatever BMCs say."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from controller.api.metrics.sensor_families import of_sensors
from controller.api.metrics.sensor_gauges import gauges_of, ipmi_name
from controller.hardware.sensors import SensorForm, SensorReport
from controller.workflow.sensor_reports import NodeSensors, only_types

_NAMES = Path(__file__).parents[3] / "data/sensors/exporter-names.json"
ROWS: list[list[Any]] = json.loads(_NAMES.read_text())
HOSTILE = st.text(max_size=60)


def node(readings: dict[str, Any], form: SensorForm = SensorForm.IPMI, **about: Any) -> NodeSensors:
    said = {"node_uuid": "u-1", "node_name": "m1", "instance_uuid": None, "driver": "ipmi"} | about
    report = SensorReport(form=form, readings=readings, collected_at=1_700_000_000.0)
    return NodeSensors(report=report, **said)


def scraped(nodes: list[NodeSensors], most: int = 1000) -> dict[str, list[Any]]:
    """Return what Prometheus reads: samples by name."""

    class All(Collector):
        def collect(self) -> Any:
            return of_sensors(nodes, most)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(All())
    found: dict[str, list[Any]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        found.setdefault(family.name, []).extend(family.samples)
    return found


def test_a_servers_sensors_have_the_exporters_names_and_values() -> None:
    readings: dict[str, Any] = {}
    for kind, sensor, reading, *_ in ROWS:
        readings.setdefault(kind, {})[sensor] = {"Sensor Reading": reading}
    found = {gauge.labels.get("sensor_id"): gauge for gauge in gauges_of(node(readings))}
    for _, sensor, _, name, value in ROWS:
        gauge = found.get(sensor)
        assert (gauge and gauge.name, gauge and gauge.value) == (name, value), sensor


@pytest.mark.parametrize(
    ("kind", "said", "numbers"),
    [
        (
            "Temperature",
            {"reading_celsius": 62, "physical_context": "CPU", "health": "OK"},
            {"baremetal_temp_cpu_celsius": 62, "baremetal_temperature_status": 0},
        ),
        ("Temperature", {"reading_celsius": 29.5}, {"baremetal_temp_celsius": 29.5}),
        ("Temperature", {"reading_celsius": None, "health": "OK"}, {}),
        (
            "Fan",
            {"reading": 6000, "reading_units": "RPM", "health": "Warning"},
            {"baremetal_fan_status": 1, "baremetal_fan_rpm": 6000},
        ),
        (
            "Fan",
            {"reading": 30, "reading_units": "Percent"},
            {"baremetal_fan_percent": 30},
        ),
        (
            "Power",
            {"last_power_output_watts": 650, "health": "Critical"},
            {"baremetal_power_status": 2, "baremetal_power_output_watts": 650},
        ),
        ("Power", {"power_consumed_watts": 180}, {"baremetal_power_consumption_watts": 180}),
        ("Voltage", {"reading_volts": 11.9, "health": "OK"}, {"baremetal_voltage_volts": 11.9}),
        ("Drive", {"health": "Critical"}, {"baremetal_drive_status": 2}),
        ("Drive", {"health": "Sick"}, {}),
    ],
)
def test_redfish_sensors_have_the_exporters_names_and_readings_of_ours(
    kind: str, said: dict[str, Any], numbers: dict[str, float]
) -> None:
    for state, expected in (("Enabled", numbers), ("Absent", {}), (None, {})):
        one = node({kind: {"0@1": {**said, "state": state}}}, SensorForm.REDFISH)
        found = {gauge.name: gauge.value for gauge in gauges_of(one)}
        assert found.pop("baremetal_last_payload_timestamp_seconds") == 1_700_000_000
        assert found == expected


def test_labels_say_whose_it_is() -> None:
    readings = {
        "Temperature": {
            "Inlet (0x1)": {
                "Sensor Reading": "21 (+/- 1) degrees C",
                "Status": "ok",
                "Entity ID": "7.1 (System Board)",
            }
        }
    }
    (sample,) = scraped([node(readings)])["baremetal_inlet_celsius"]
    assert sample.labels == {
        "node_name": "m1",
        "node_uuid": "u-1",
        "instance_uuid": "u-1",
        "entity_id": "7.1 (System Board)",
        "sensor_id": "Inlet (0x1)",
        "status": "ok",
    }
    (nameless,) = scraped([node(readings, node_name=None, instance_uuid="i-1")])[
        "baremetal_inlet_celsius"
    ]
    assert "node_name" not in nameless.labels
    assert nameless.labels["instance_uuid"] == "i-1"


@given(st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE), max_size=30))
def test_whatever_a_bmc_calls_its_sensors_prometheus_can_read_it(
    said: list[tuple[str, str, str]],
) -> None:
    readings: dict[str, Any] = {}
    for kind, sensor, reading in said:
        for chosen in (kind, "Temperature", "Fan", "Voltage", "Memory"):
            readings.setdefault(chosen, {})[sensor] = {"Sensor Reading": reading}
    for samples in scraped([node(readings)]).values():
        keys = [tuple(sorted(sample.labels.items())) for sample in samples]
        assert len(keys) == len(set(keys))


@given(HOSTILE, HOSTILE)
def test_names_are_prometheus_names(sensor: str, reading: str) -> None:
    for kind in ("Temperature", "Fan", "Voltage", "Memory", "System"):
        name = ipmi_name(kind, sensor, reading)
        assert name is not None
        assert name.isascii()
        assert name.replace("_", "").isalnum()
        assert name.startswith("baremetal_")
        assert len(name) <= 80


def test_names_and_numbers_are_bounded_and_what_is_left_out_is_counted() -> None:
    readings = {
        "Temperature": {
            f"{'x' * (number % 700 + 1)} (0x1)": {"Sensor Reading": "1 (+/- 0) degrees C"}
            for number in range(700)
        }
    }
    found = scraped([node(readings), node(readings, node_uuid="u-2")], most=100)
    assert sum(len(samples) for samples in found.values()) == 102
    assert found["ingot_sensor_numbers"][0].value == 100
    assert found["ingot_sensor_numbers_left_out"][0].value > 0
    many = {
        "Temperature": {
            f"{chr(97 + number // 26)}{chr(97 + number % 26)}q (0x1)": {
                "Sensor Reading": "1 (+/- 0) degrees C"
            }
            for number in range(26 * 26)
        }
    }
    names = scraped([node(many)], most=10_000)
    assert len(names) <= 402


def test_one_bmc_takes_neither_names_nor_numbers_from_the_others() -> None:
    greedy = {
        "Temperature": {
            f"{chr(97 + number // 26)}{chr(97 + number % 26)}q (0x1)": {
                "Sensor Reading": "1 (+/- 0) degrees C"
            }
            for number in range(26 * 26)
        }
    }
    modest = {
        "Fan": {f"F{chr(65 + number)} (0x1)": {"Sensor Reading": "1 RPM"} for number in range(9)}
    }
    nodes = [node(greedy, node_uuid=f"a{number}") for number in range(3)]
    found = scraped([*nodes, node(modest, node_uuid="z")], most=60)
    given = [sample for samples in found.values() for sample in samples]
    assert sum(sample.labels.get("node_uuid") == "z" for sample in given) == 10
    assert found["ingot_sensor_numbers"][0].value == 60
    whole = scraped([*nodes, node(modest, node_uuid="z")], most=100_000)
    left_out = whole["ingot_sensor_numbers_left_out"][0].value
    assert left_out == 3 * (26 * 26 + 1 - 400)


def test_places_that_redfish_does_not_have_name_no_numbers() -> None:
    places = ["Intake", "CPUSubsystem", "", None, *(f"Rack {n}" for n in range(600)), "cpu\n#"]
    said = {
        f"{number}@1": {"reading_celsius": 20, "state": "Enabled", "physical_context": place}
        for number, place in enumerate(places)
    }
    found = scraped([node({"Temperature": said}, SensorForm.REDFISH)])
    temperatures = {name: len(samples) for name, samples in found.items() if "celsius" in name}
    assert temperatures == {
        "baremetal_temp_intake_celsius": 1,
        "baremetal_temp_cpusubsystem_celsius": 1,
        "baremetal_temp_celsius": len(places) - 2,
    }


@pytest.mark.parametrize(
    ("types", "kept"),
    [
        ("ALL", {"Fan", "Power"}),
        (" fan ,Drive", {"Fan"}),
        ("drive,all", {"Fan", "Power"}),
        ("x", set()),
    ],
)
def test_only_the_wanted_kinds_are_kept(types: str, kept: set[str]) -> None:
    report = node({"Fan": {"a": {}}, "Power": {"b": {}}}).report
    assert set(only_types(report, types).readings) == kept
