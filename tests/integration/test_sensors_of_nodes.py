"""Sensors of nodes on their own lane: read in turn, kept, shown in ``/metrics``; what one BMC does slows no other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from controller.errors import BmcUnreachable
from controller.hardware.abilities import Health
from controller.hardware.sensors import SensorForm, SensorReport
from controller.workflow.sensors import SensorKeeper, pause_s
from tests.integration.running_controller import (
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.waiting import wait_until


class FeelingBmc(MachineBmc):
    """A BMC with one sensor."""

    celsius = 20
    meaning: Health | None = None
    hangs: threading.Event | None = None

    def health(self, *, timeout_s: float) -> Health | None:
        return None

    def sensors(self, *, timeout_s: float) -> SensorReport:
        if self.hangs is not None:
            self.calls.append("sensors")
            self.hangs.wait(timeout_s)
            raise BmcUnreachable("BMC 10.0.0.1: read sensors: no answer")
        self._call("sensors")
        said = {
            "Sensor ID": "Inlet Temp (0x1)",
            "Entity ID": "7.1 (System Board)",
            "Sensor Reading": f"{self.celsius} (+/- 1) degrees C",
        }
        readings = {"Temperature": {"Inlet Temp (0x1)": said}}
        return SensorReport(form=SensorForm.IPMI, readings=readings, health=self.meaning)


@contextmanager
def reading(folder: Path, **settings: Any) -> Iterator[RunningController]:
    changes = {"send_sensor_data": True, "sensor_data_interval_s": 0.3, **settings}
    with running_controller(folder, **changes) as controller:
        keeper = SensorKeeper(controller.services)
        keeper.keep_alive()
        try:
            yield controller
        finally:
            keeper.stop()


def feeling(controller: RunningController, name: str, state: str = "active") -> FeelingBmc:
    bmc = FeelingBmc(controller.enrol(name, state, power_state="power off").machine)
    controller.driver.bmcs[name] = bmc
    return bmc


def shown(controller: RunningController) -> dict[str, float]:
    text = requests.get(f"{controller.url}/metrics", timeout=30).text
    return {
        sample.labels["node_name"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name == "baremetal_inlet_temp_celsius"
    }


def test_readings_of_active_nodes_are_shown_anew_and_forgotten(tmp_path: Path) -> None:
    with reading(tmp_path, power_sync_interval_s=0) as controller:
        bmc, idle = feeling(controller, "m1"), feeling(controller, "m2", "available")
        wait_until(lambda: shown(controller) == {"m1": 20.0}, 20, "the first reading")
        bmc.celsius = 31
        wait_until(lambda: shown(controller) == {"m1": 31.0}, 20, "the next reading")
        assert idle.calls.count("sensors") == 0
        controller.maintain("m1", is_on=True)
        wait_until(lambda: shown(controller) == {}, 20, "the end")
        looks = bmc.calls.count("sensors")
        controller.maintain("m1", is_on=False)
        wait_until(lambda: bmc.calls.count("sensors") > looks, 20, "another reading")


def test_all_nodes_are_read_where_that_is_wanted(tmp_path: Path) -> None:
    wanted = {"sensor_data_for_undeployed_nodes": True, "power_sync_interval_s": 0}
    with reading(tmp_path, **wanted) as controller:
        for name, state in (("m1", "active"), ("m2", "available"), ("m3", "enroll")):
            feeling(controller, name, state)
        wait_until(lambda: set(shown(controller)) == {"m1", "m2"}, 20, "readings")


def test_nothing_is_read_unless_it_is_wanted(tmp_path: Path) -> None:
    with reading(tmp_path, send_sensor_data=False, power_sync_interval_s=0.05) as controller:
        bmc = feeling(controller, "m1")
        wait_until(lambda: bmc.calls.count("power_state") > 40, 30, "looks at the power")
        assert "sensors" not in bmc.calls


def test_bmcs_that_hang_leave_half_of_the_threads_to_the_others(tmp_path: Path) -> None:
    hang = threading.Event()
    settings = {
        "power_sync_interval_s": 0,
        "sensor_data_workers": 2,
        "sensor_data_timeout_s": 60.0,
    }
    with reading(tmp_path, **settings) as controller:
        dead = [feeling(controller, f"d{number}") for number in range(3)]
        for bmc in dead:
            bmc.is_reachable = False
        wait_until(lambda: all("sensors" in bmc.calls for bmc in dead), 30, "looks that fail")
        for bmc in dead:
            bmc.hangs = hang
        good = feeling(controller, "m1")
        wait_until(
            lambda: any(bmc.calls.count("sensors") > 1 for bmc in dead), 30, "a hanging look"
        )
        looks = good.calls.count("sensors")
        wait_until(lambda: good.calls.count("sensors") > looks + 2, 30, "looks beside it")
        assert shown(controller) == {"m1": 20.0}
        hang.set()


def test_looks_that_come_too_late_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hang = threading.Event()
    with reading(tmp_path, power_sync_interval_s=0, sensor_data_workers=1) as controller:
        for number in range(3):
            feeling(controller, f"m{number}").hangs = hang
        words = "nodes wait to be read"
        wait_until(lambda: words in caplog.text, 30, "the warning")
        assert "raise sensor_data_workers (1)" in caplog.text
        hang.set()


def test_what_sensors_mean_is_the_nodes_health(tmp_path: Path) -> None:
    with reading(tmp_path, power_sync_interval_s=0.05) as controller:
        bmc = feeling(controller, "m1")
        for meaning in (Health.OK, Health.WARNING, Health.CRITICAL):
            bmc.meaning = meaning
            wait_until(lambda: controller.node("m1").health == meaning, 20, f"{meaning}")  # noqa: B023  # waited for here


@pytest.mark.parametrize(
    ("failures", "intervals"), [(0, 1), (1, 2), (3, 8), (4, 16), (5, 16), (5000, 16)]
)
def test_a_bmc_that_fails_is_asked_later_and_later(failures: int, intervals: int) -> None:
    for _ in range(50):
        assert 0.9 * intervals <= pause_s(1.0, failures) <= 1.1 * intervals
