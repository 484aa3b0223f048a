"""``ingot node sensors`` and ``ingot node sel`` on a real controller with a machine without hardware."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.client.cli import main
from controller.hardware.abilities import Health
from controller.hardware.sensors import BmcLog, LogEntry, SensorForm, SensorReport
from tests.integration.running_controller import (
    MachineBmc,
    RunningController,
    running_controller,
)

IPMI = {
    "Temperature": {
        "Inlet Temp (0x1)": {"Sensor Reading": "21 (+/- 1) degrees C", "Status": "ok"},
        "[red]CPU[/red] (0x2)": {"Sensor Reading": "No Reading"},
    },
    "Fan": {"Fan1 (0x3)": {"Sensor Reading": "600 (+/- 0) RPM", "Status": "Lower Critical"}},
}
REDFISH = {
    "Temperature": {"0@1": {"name": "Inlet", "reading_celsius": 22, "health": "OK"}},
    "Fan": {"0@1": {"name": "Fan1", "reading": 5400, "reading_units": "RPM", "health": "Warning"}},
    "Power": {"0:Power@1": {"last_power_output_watts": 180.5, "state": "Enabled"}},
}


class TellingBmc(MachineBmc):
    """A BMC with sensors and a log."""

    report = SensorReport(form=SensorForm.IPMI, readings=IPMI, health=Health.CRITICAL, left_out=2)
    entries: tuple[LogEntry, ...] = (
        LogEntry(
            id="0x0002",
            created_at=1_700_000_000.0,
            severity=Health.CRITICAL,
            sensor="Fan Fan1",
            message="[b]Lower critical[/b]",
        ),
        LogEntry(id="0x0001", created_at=None, severity=None, sensor="", message="started"),
    )

    def sensors(self, *, timeout_s: float) -> SensorReport:
        self._call("sensors")
        return self.report

    def log(self, most: int, *, timeout_s: float) -> BmcLog:
        self._call("log")
        return BmcLog(entries=self.entries[:most], total=len(self.entries), is_full=True)

    def clear_log(self, *, timeout_s: float) -> None:
        self._call("clear_log")
        self.entries = ()


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningController]:
    with running_controller(tmp_path, power_sync_interval_s=0) as running:
        monkeypatch.setenv("INGOT_API_URL", running.url)
        monkeypatch.setenv("COLUMNS", "160")
        yield running


@pytest.fixture
def bmc(controller: RunningController) -> TellingBmc:
    made = TellingBmc(controller.enrol("m1", "manageable").machine)
    controller.driver.bmcs["m1"] = made
    return made


def lines(capsys: pytest.CaptureFixture[str], *words: str) -> list[list[str]]:
    """Return what the program printed, in its columns."""
    assert main(["node", *words]) == 0
    printed = capsys.readouterr().out
    return [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in printed.splitlines()
    ]


def test_sensors_stand_in_a_table(bmc: TellingBmc, capsys: pytest.CaptureFixture[str]) -> None:
    shown = lines(capsys, "sensors", "m1")
    assert ["Fan", "Fan1 (0x3)", "600 (+/- 0) RPM", "Lower Critical"] in shown
    assert ["Temperature", "[red]CPU[/red] (0x2)", "No Reading", "-"] in shown
    assert "health: Critical; 2 could not be read" in shown[-1][0]
    bmc.report = SensorReport(form=SensorForm.REDFISH, readings=REDFISH)
    shown = lines(capsys, "sensors", "m1", "--now")
    assert ["Fan", "Fan1", "5400 RPM", "Warning"] in shown
    assert ["Temperature", "Inlet", "22 degrees C", "OK"] in shown
    assert ["Power", "0:Power@1", "180.5 Watts", "Enabled"] in shown
    assert "health: not known" in shown[-1][0]


def test_all_that_sensors_say_is_printed_as_json(
    bmc: TellingBmc, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["node", "sensors", "m1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sensors"] == IPMI


def test_the_log_is_shown_and_cleared(
    bmc: TellingBmc, controller: RunningController, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = lines(capsys, "sel", "m1", "--last", "5")
    assert ["2023-11-14 22:13:20", "Critical", "Fan Fan1", "[b]Lower critical[/b]"] in shown
    assert ["before its clock was set", "-", "-", "started"] in shown
    assert shown[-1] == ["2 of 2 entries, and the BMC drops others until it is cleared"]
    assert lines(capsys, "sel", "m1", "--last", "1")[-1][0].startswith("1 of 2 entries")
    lines(capsys, "sel", "m1", "--clear")
    assert bmc.entries == ()
    assert [one.message for one in controller.events("m1", "request")] == [
        "The BMC's log was cleared"
    ]
    assert lines(capsys, "sel", "m1")[-1][0].startswith("0 of 0 entries")
