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
from controller.hardware.sensors import BmcLog, SensorForm, SensorReport
from controller.workflow.sensors import SensorKeeper, is_read, nodes_to_read, pause_s
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
    told: Health | None = None
    hangs: threading.Event | None = None

    def health(self, *, timeout_s: float) -> Health | None:
        return self.told

    def log(self, most: int, *, timeout_s: float) -> BmcLog:
        self._call("log")
        return BmcLog(entries=(), total=0)

    def clear_log(self, *, timeout_s: float) -> None:
        raise AssertionError("nobody asked for that")

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


def feeling_before(controller: RunningController, state: str = "active") -> FeelingBmc:
    """Return the BMC of a node whose health was stored by a controller that is no more."""
    columns = {"power_state": "power off", "health": Health.WARNING}
    machine = controller.enrol("m1", state, **columns).machine
    bmc = controller.driver.bmcs["m1"] = FeelingBmc(machine)
    return bmc


def wait_for_looks(bmc: FeelingBmc) -> None:
    looks = bmc.calls.count("power_state")
    wait_until(lambda: bmc.calls.count("power_state") > looks + 5, 20, "looks at the power")


def healths(controller: RunningController) -> list[str]:
    uuid = controller.node("m1").uuid
    url = f"{controller.url}/v1/nodes/{uuid}/history?detail=true"
    said = requests.get(url, headers={"X-OpenStack-Ironic-API-Version": "latest"}, timeout=30)
    events = [one["event"] for one in said.json()["history"]]
    return [event for event in events if "health:" in event]


@pytest.mark.parametrize("told", [None, Health.OK, Health.WARNING])
def test_after_a_start_health_stays_until_the_sensors_are_read(
    tmp_path: Path, told: Health | None
) -> None:
    wanted = {"power_sync_interval_s": 0.05, "sensor_data_interval_s": 100_000.0}
    with reading(tmp_path, **wanted) as controller:
        bmc = feeling_before(controller)
        bmc.told = told
        wait_for_looks(bmc)
        assert controller.node("m1").health == Health.WARNING
        assert healths(controller) == []
        bmc.told = Health.CRITICAL
        wait_until(lambda: controller.node("m1").health == "Critical", 20, "worse news")
        assert len(healths(controller)) == 1


def test_a_first_report_ends_the_wait_and_says_nothing_if_nothing_is_new(tmp_path: Path) -> None:
    wanted = {"power_sync_interval_s": 0.05, "sensor_data_interval_s": 20.0}
    with reading(tmp_path, **wanted) as controller:
        bmc = feeling_before(controller)
        bmc.meaning = Health.WARNING
        wait_until(lambda: bool(controller.services.sensors.all()), 60, "a report")
        wait_for_looks(bmc)
        assert healths(controller) == []


def test_health_is_not_kept_for_ever_where_no_report_comes(tmp_path: Path) -> None:
    with reading(tmp_path, power_sync_interval_s=0.05) as controller:
        bmc = feeling_before(controller)
        bmc.hangs = threading.Event()
        wait_until(lambda: controller.node("m1").health is None, 20, "the end of the wait")
        bmc.hangs.set()


@pytest.mark.parametrize(("state", "is_on"), [("available", True), ("active", False)])
def test_health_is_what_the_bmc_tells_where_no_sensors_are_read(
    tmp_path: Path, state: str, is_on: bool
) -> None:
    with reading(tmp_path, power_sync_interval_s=0.05, send_sensor_data=is_on) as controller:
        feeling_before(controller, state).told = Health.OK
        wait_until(lambda: controller.node("m1").health == "OK", 20, "what is told")


@pytest.mark.parametrize("undeployed", [True, False])
def test_a_row_says_as_the_list_does_whether_its_sensors_are_read(
    tmp_path: Path, undeployed: bool
) -> None:
    wanted = {"sensor_data_for_undeployed_nodes": undeployed, "power_sync_interval_s": 0}
    with reading(tmp_path, **wanted) as controller:
        states = ("active", "available", "enroll", "manageable", "clean failed")
        for number, state in enumerate(states):
            feeling(controller, f"m{number}", state)
        feeling(controller, "m9")
        controller.maintain("m9", is_on=True)
        nodes = [controller.node(name) for name in ("m0", "m1", "m2", "m3", "m4", "m9")]
        settings = controller.services.settings
        chosen = {node.uuid for node in nodes if is_read(settings, node)}
        assert chosen == set(nodes_to_read(controller.services))
        assert chosen


def test_one_request_at_a_time_reads_from_the_bmc_of_a_node(tmp_path: Path) -> None:
    hang = threading.Event()
    with reading(tmp_path, send_sensor_data=False, power_sync_interval_s=0) as controller:
        busy, other = feeling(controller, "m1"), feeling(controller, "m2")
        busy.hangs = hang
        base, headers = f"{controller.url}/v1/nodes", {"X-OpenStack-Ironic-API-Version": "latest"}

        def ask(path: str) -> requests.Response:
            return requests.get(f"{base}/{path}", headers=headers, timeout=90)

        first = threading.Thread(target=ask, args=("m1/sensors",))
        first.start()
        wait_until(lambda: "sensors" in busy.calls, 20, "the first request")
        for path in ("m1/sensors", "m1/sensors?now=true", "m1/bmc_log"):
            said = ask(path)
            assert said.status_code == 409, said.text
            assert "another request is reading from its BMC; try again" in said.text
        assert ask("m2/sensors").status_code == 200
        assert other.calls.count("sensors") == 1
        assert busy.calls.count("sensors") == 1
        hang.set()
        first.join(60)
        busy.hangs = None
        assert ask("m1/sensors").status_code == 200


@pytest.mark.parametrize(
    ("failures", "intervals"), [(0, 1), (1, 2), (3, 8), (4, 16), (5, 16), (5000, 16)]
)
def test_a_bmc_that_fails_is_asked_later_and_later(failures: int, intervals: int) -> None:
    for _ in range(50):
        assert 0.9 * intervals <= pause_s(1.0, failures) <= 1.1 * intervals
