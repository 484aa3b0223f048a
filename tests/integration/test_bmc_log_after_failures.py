"""A workflow that fails tells what the BMC's log says of the time, if it says anything."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.errors import BmcError, BmcUnreachable
from controller.hardware.abilities import Health
from controller.hardware.sensors import BmcLog, LogEntry
from controller.workflow.hardware_events import bad_entries
from tests.integration.running_controller import MachineBmc, running_controller
from tests.integration.waiting import wait_until

NOW = time.time()


class LoggingBmc(MachineBmc):
    """A BMC with a log."""

    entries: Sequence[LogEntry] | Exception = ()

    def log(self, most: int, *, timeout_s: float) -> BmcLog:
        self._call("log")
        if isinstance(self.entries, Exception):
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


ODD_TIMES = (1e20, -1e20, math.inf, math.nan, 253402383599.0)
"""What drivers of others might say; the last is 9999-12-31T23:59:59-23:00."""
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
        ([LOST, *(entry("odd", ago_s=NOW - odd) for odd in ODD_TIMES)], ["Power input lost"]),
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
            assert not any(word in text for word in ("event 5", "odd"))
        assert bmc.calls.count("log") == 1


def test_what_the_future_holds_by_the_bmcs_clock_is_told_too() -> None:
    ahead = entry("ahead", ago_s=-7200)
    assert bad_entries([ahead, LOST, entry("old", ago_s=3700)], NOW) == [ahead, LOST]


@pytest.mark.parametrize("error", [KeyError("Entries"), OSError("no socket"), RecursionError()])
def test_what_the_ramdisk_left_is_kept_whatever_a_bmcs_driver_does(
    tmp_path: Path, error: Exception
) -> None:
    with running_controller(tmp_path) as controller:
        bmc = LoggingBmc(controller.enrol("m1", "manageable", power_state="power off").machine)
        bmc.entries = error
        bmc.machine.behaviour.failures["erase_devices_metadata"] = "no such disk"
        controller.driver.bmcs["m1"] = bmc
        steps = [{"interface": "deploy", "step": "erase_devices_metadata"}]
        controller.ask("m1", "clean", clean_steps=steps)
        node = controller.wait_for("m1", "clean failed")
        wait_until(lambda: bool(controller.events("m1", "health")), 10, "a look at the BMC's log")
        assert "no such disk" in str(node.last_error)
        assert "internal error" not in str(controller.node("m1").last_error)
        assert len(list(tmp_path.glob("logs/*/*"))) == 1
        texts = [event.message for event in controller.events("m1", "agent")]
        assert any("the ramdisk's logs are in" in text for text in texts), texts
        (text,) = [event.message for event in controller.events("m1", "health")]
        assert f"could not be read: internal error ({type(error).__name__})" in text
