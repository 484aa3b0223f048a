"""Sensors by the Redfish driver: of the laboratory's BMC beside what sushy, Ironic's client, reads of it; and of BMCs that misbehave."""

from typing import Any

import pytest
from sushy.resources.system.system import System

from controller.bmc.redfish import RedfishBmc
from controller.errors import BmcError, BmcUnreachable
from controller.hardware.sensors import SensorForm
from tests.integration.redfish_doubles import RedfishLab
from tests.integration.redfish_fixtures import bmc, driver, lab, shared
from tests.lab.redfish.faults import RedfishFaults

__all__ = ["bmc", "driver", "lab", "shared"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 20.0


def as_ironic_reads(system: System) -> dict[str, dict[str, Any]]:
    """Return names and readings of what Ironic's driver reads by sushy."""
    chassis = system.chassis[0]
    return {
        "Temperature": {
            f"{one.identity}@{chassis.identity}": one.reading_celsius
            for one in chassis.thermal.temperatures
        },
        "Fan": {f"{one.identity}@{chassis.identity}": one.reading for one in chassis.thermal.fans},
        "Power": {
            f"{one.identity}:{chassis.power.identity}@{chassis.identity}": one.last_power_output_watts
            for one in chassis.power.power_supplies
        },
    }


_READING = {
    "Temperature": "reading_celsius",
    "Fan": "reading",
    "Power": "last_power_output_watts",
}


@pytest.mark.parametrize("is_on", [True, False])
def test_sensors_are_what_ironics_client_reads(
    lab: RedfishLab, bmc: RedfishBmc, is_on: bool
) -> None:
    lab.machine.is_on = is_on
    report = bmc.sensors(timeout_s=S)
    judged = bmc._calls.ask("judge", S, as_ironic_reads)
    assert report.form is SensorForm.REDFISH
    for kind, sensors in judged.items():
        found = {
            name: said[_READING[kind]]
            for name, said in report.readings[kind].items()
            if _READING[kind] in said
        }
        assert found == sensors
    assert report.left_out == 0
    assert report.health is None
    (drawn,) = [
        said["power_consumed_watts"]
        for said in report.readings["Power"].values()
        if "power_consumed_watts" in said
    ]
    assert drawn == (180 if is_on else 12)
    assert report.extra["UUID"]


def test_a_poor_bmc_has_no_sensors_and_no_error(lab: RedfishLab, bmc: RedfishBmc) -> None:
    lab.bmc.set_faults(RedfishFaults(without_optional=True))
    readings = bmc.sensors(timeout_s=S).readings
    assert not {"Temperature", "Fan", "Power"} & set(readings)


def test_a_silent_bmc_is_unreachable_by_the_deadline(lab: RedfishLab, bmc: RedfishBmc) -> None:
    bmc.sensors(timeout_s=S)
    lab.bmc.set_faults(RedfishFaults(slow_s=30))
    with pytest.raises(BmcUnreachable, match="read sensors"):
        bmc.sensors(timeout_s=1)


def test_a_bmc_that_is_gone_is_said(lab: RedfishLab, bmc: RedfishBmc) -> None:
    lab.bmc.stop()
    try:
        with pytest.raises(BmcError, match="read sensors"):
            bmc.sensors(timeout_s=3)
    finally:
        lab.bmc.start()
