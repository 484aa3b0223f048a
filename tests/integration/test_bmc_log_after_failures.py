"""A workflow that fails tells what the BMC's log says of the time, if it says anything."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.errors import BmcError, BmcUnreachable
from controller.hardware.abilities import Health
from controller.hardware.sensors import BmcLog, LogEntry
from controller.workflow.hardware_events import bad_entries
from tests.integration.running_controller import MachineBmc, running_controller

NOW = time.time()


class LoggingBmc(MachineBmc):
    """A BMC with a log."""

    entries: Sequence[LogEntry] | BmcError = ()

    def log(self, most: int, *, timeout_s: float) -> BmcLog:
        self._call("log")
        if isinstance(self.entries, BmcError):
            raise self.entries
        return BmcLog(entries=tuple(self.entries[:most]), total=len(self.entries))

    def clear_log(self, *, timeout_s: float) -> None:
        raise AssertionError("nobody asked for that")


def entry(
    message: str,
    *,
    ago_s: float | None = 10,
    severity: Health | None = Health.CRITICAL,
    sensor: str = "",
) -> LogEntry:
    created_at = None if ago_s is None else NOW - ago_s
    return LogEntry(
        id="1", created_at=created_at, severity=severity, sensor=sensor, message=message
    )


LOST = entry("Power input lost", sensor="Power Supply PS1")


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (
            (LOST, entry("Started", severity=Health.OK)),
            ["Power Supply PS1: Power input lost (Critical)"],
        ),
        ([entry(f"event {number}") for number in range(8)], ["event 0", "event 4", "and 3 more"]),
        (
            (entry("old", ago_s=4000), entry("timeless", ago_s=None), entry("x", severity=None)),
            None,
        ),
        ((), None),
        (BmcUnreachable("BMC 10.0.0.1: silent"), None),
    ],
)
def test_a_failed_cleaning_tells_what_went_wrong_in_the_machine(
    tmp_path: Path, entries: Sequence[LogEntry] | BmcError, words: list[str] | None
) -> None:
    with running_controller(tmp_path, callback_timeout_s=0.5) as controller:
        bmc = LoggingBmc(controller.enrol("m1", "manageable", power_state="power off").machine)
        bmc.entries = entries
        bmc.machine.behaviour.calls_back = False
        controller.driver.bmcs["m1"] = bmc
        steps = [{"interface": "deploy", "step": "erase_devices_metadata"}]
        controller.ask("m1", "clean", clean_steps=steps)
        controller.wait_for("m1", "clean failed")
        told = [event.message for event in controller.events("m1", "health")]
        if words is None:
            assert told == []
        else:
            (text,) = told
            assert text.startswith("the BMC's log says of the last hour: ")
            assert all(word in text for word in words)
            assert "event 5" not in text
        assert bmc.calls.count("log") == 1


def test_what_the_future_holds_by_the_bmcs_clock_is_told_too() -> None:
    ahead = entry("ahead", ago_s=-7200)
    assert bad_entries([ahead, LOST, entry("old", ago_s=3700)], NOW) == [ahead, LOST]
