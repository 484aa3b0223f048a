"""Sensors of Redfish services in every form: the newer documents, several chassis, and whatever else a BMC may answer."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api.metrics.sensor_gauges import gauges_of
from controller.bmc.redfish_sensors import Part, found_in, parts, read_sensors
from controller.hardware.sensors import SensorForm, SensorReport
from controller.workflow.sensor_reports import NodeSensors
from tests.integration.redfish_table import ROOT, TableService

CHASSIS = f"{ROOT}/Chassis/C"
OK = {"State": "Enabled", "Health": "OK"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def linked(path: str) -> dict[str, str]:
    return {"@odata.id": path}


def service(documents: Mapping[str, Any], **chassis: Any) -> Any:
    """Return a system with one chassis that links what is given."""
    system = {"Id": "1", "Links": {"Chassis": [linked(CHASSIS)]}}
    body = {"Id": "C", **{name: linked(f"{CHASSIS}/{name}") for name in documents}, **chassis}
    below = {f"{CHASSIS}/{name}": document for name, document in documents.items()}
    return TableService({f"{ROOT}/Systems/1": system, CHASSIS: body, **below})


def read(made: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for part in parts(made):
        for kind, name, said in found_in(made, part):
            found.setdefault(kind, {})[name] = said
    return found


def test_the_newer_documents_are_read_where_the_older_are_not() -> None:
    thermal, power = f"{CHASSIS}/ThermalSubsystem", f"{CHASSIS}/PowerSubsystem"
    made = service(
        {
            "ThermalSubsystem": {
                "ThermalMetrics": linked(f"{thermal}/M"),
                "Fans": linked(f"{thermal}/F"),
            },
            "PowerSubsystem": {"PowerSupplies": linked(f"{power}/S")},
            "EnvironmentMetrics": {"PowerWatts": {"Reading": 321.5}},
        }
    )
    made.documents |= {
        f"{thermal}/M": {
            "TemperatureReadingsCelsius": [
                {"DeviceName": "CPU 0", "PhysicalContext": "CPU", "Reading": 44}
            ]
        },
        f"{thermal}/F": {"Members": [linked(f"{thermal}/F/1"), linked(f"{thermal}/F/2")]},
        f"{thermal}/F/1": {
            "Id": "1",
            "SpeedPercent": {"Reading": 30, "SpeedRPM": 4800},
            "Status": OK,
        },
        f"{thermal}/F/2": {"Id": "2", "SpeedPercent": {"Reading": 31}, "Status": OK},
        f"{power}/S": {"Members": [linked(f"{power}/S/A")]},
        f"{power}/S/A": {
            "Id": "A",
            "PowerCapacityWatts": 800,
            "Metrics": linked(f"{power}/S/A/M"),
            "Status": OK,
        },
        f"{power}/S/A/M": {
            "InputVoltage": {"Reading": 229.5},
            "OutputPowerWatts": {"Reading": 160},
        },
    }
    found = read(made)
    assert found["Temperature"]["CPU 0@C"]["reading_celsius"] == 44
    fans = {name: (said["reading"], said["reading_units"]) for name, said in found["Fan"].items()}
    assert fans == {"1@C": (4800, "RPM"), "2@C": (31, "Percent")}
    supply = found["Power"]["A:PowerSubsystem@C"]
    assert (supply["power_capacity_watts"], supply["line_input_voltage"]) == (800, 229.5)
    assert (supply["last_power_output_watts"], supply["health"]) == (160, "OK")
    assert found["Power"]["consumption@C"]["power_consumed_watts"] == 321.5


def test_every_chassis_of_the_system_is_read_and_no_other() -> None:
    paths = [f"{ROOT}/Chassis/{name}" for name in "AB"]
    documents: dict[str, Any] = {
        f"{ROOT}/Systems/1": {"Links": {"Chassis": [linked(path) for path in paths]}},
    }
    for name, path in zip("AB", paths, strict=True):
        documents[path] = {"Id": name, "Thermal": linked(f"{path}/T")}
        documents[f"{path}/T"] = {"Temperatures": [{"MemberId": "0", "ReadingCelsius": 20}]}
    assert set(read(TableService(documents))["Temperature"]) == {"0@A", "0@B"}


def test_a_drive_that_says_only_that_it_is_well_is_enabled() -> None:
    storage = f"{ROOT}/Systems/1/Storage"
    made = TableService(
        {
            f"{ROOT}/Systems/1": {"Id": "1", "Storage": linked(storage)},
            storage: {"Members": [linked(f"{storage}/S")]},
            f"{storage}/S": {"Id": "S", "Drives": [linked(f"{storage}/D")]},
            f"{storage}/D": {"Name": "Disk 0", "CapacityBytes": 960, "Status": {"Health": "OK"}},
        }
    )
    (said,) = read(made)["Drive"].values()
    assert (said["state"], said["capacity_bytes"]) == ("Enabled", 960)


def test_lists_without_end_are_cut_off() -> None:
    many = [{"MemberId": str(number), "ReadingCelsius": 1} for number in range(5000)]
    assert len(read(service({"Thermal": {"Temperatures": many}}))["Temperature"]) == 200
    chassis = [linked(f"{ROOT}/Chassis/{number}") for number in range(400)]
    system = {f"{ROOT}/Systems/1": {"Links": {"Chassis": chassis}}}
    assert len(parts(TableService(system))) == 16


class TableCalls:
    """Calls to a service that is a table."""

    def __init__(self, made: TableService) -> None:
        self.made = made
        self.asked: list[int] = []

    def ask(self, _what: str, _timeout_s: float, do: Callable[[Any], Any]) -> Any:
        before = self.made.asked
        try:
            return do(self.made)
        finally:
            self.asked.append(self.made.asked - before)


def boundless() -> TableService:
    """Return a service with more of everything than a report may hold, and long texts everywhere."""
    long = "x" * 900
    one = {"Name": long, "PhysicalContext": long, "SerialNumber": long, "ReadingUnits": long}
    status = {"State": long, "Health": long}
    items = [{**one, "MemberId": f"{n}{long}", "Status": status} for n in range(300)]
    paths = [f"{ROOT}/Chassis/{number}" for number in range(16)]
    storage = f"{ROOT}/Systems/1/Storage"
    drives = [linked(f"{storage}/D{number}") for number in range(200)]
    documents: dict[str, Any] = {
        f"{ROOT}/Systems/1": {
            "Id": long,
            "Model": long,
            "Links": {"Chassis": [linked(path) for path in paths]},
            "Storage": linked(storage),
        },
        storage: {"Members": [linked(f"{storage}/S")]},
        f"{storage}/S": {"Id": long, "Drives": drives},
    }
    for number in range(200):
        documents[f"{storage}/D{number}"] = {"Name": f"{number}{long}", "Model": long}
    for path in paths:
        documents[path] = {"Id": f"{path[-2:]}{long}", "Thermal": linked(f"{path}/T")}
        documents[f"{path}/T"] = {"Temperatures": items, "Fans": items}
    return TableService(documents)


def test_a_report_is_bounded_whatever_a_bmc_says() -> None:
    calls: Any = TableCalls(boundless())
    report = read_sensors(calls, 60)
    assert report.count == 500
    assert report.left_out > 0
    texts = [name for sensors in report.readings.values() for name in sensors]
    for sensors in report.readings.values():
        texts += [
            text for said in sensors.values() for text in said.values() if isinstance(text, str)
        ]
    assert max(len(text) for text in [*texts, *report.extra.values()]) <= 400
    assert sum(len(text) for text in texts) < 500 * 1000


def test_a_chassis_and_its_drives_are_read_in_small_steps() -> None:
    made: Any = boundless()
    for part in parts(made):
        asked = made.asked
        for _ in found_in(made, part):
            assert made.asked - asked <= 6
            asked = made.asked


@pytest.mark.parametrize("name", ["Thermal", "Power"])
@given(items=st.lists(ANYTHING, max_size=4), extra=ANYTHING)
def test_whatever_stands_in_a_document_is_read_past(
    name: str, items: list[Any], extra: Any
) -> None:
    lists = ("Temperatures", "Fans", "PowerSupplies", "Voltages", "PowerControl")
    entry = {"MemberId": extra, "ReadingCelsius": extra, "Status": extra, "Reading": extra}
    document = {key: [*items, entry] for key in lists}
    found = read(service({name: document}))
    report = SensorReport(form=SensorForm.REDFISH, readings=found)
    node = NodeSensors(
        node_uuid="u", node_name="m", instance_uuid=None, driver="redfish", report=report
    )
    for gauge in gauges_of(node):
        assert gauge.value == gauge.value  # no NaN
    for sensors in found.values():
        for sensor, said in sensors.items():
            assert len(sensor) < 3000
            assert all(
                value is None or isinstance(value, str | int | float) for value in said.values()
            )


@given(document=ANYTHING)
def test_a_document_of_any_form_is_read_or_refused(document: Any) -> None:
    made = service({"Thermal": document})
    with suppress(ValueError):  # what is no object at all is refused
        list(found_in(made, Part(True, CHASSIS)))
