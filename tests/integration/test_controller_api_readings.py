"""Sensors and the BMC's log through the API, of the laboratory's IPMI and Redfish BMCs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bmc_doubles import lab_machine
from tests.integration.controller_api import Api, make_api
from tests.integration.redfish_doubles import driver_info, redfish_lab

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


@dataclass
class Rig:
    """An API, and a node of it with a real BMC."""

    api: Api
    kind: str
    bmc: Any
    path: str


def management(api: Api, driver: str) -> Any:
    """Return the driver that the API's nodes have."""
    return api.services.catalog.interfaces_of(driver, {}).management


@pytest.fixture(scope="module", params=["ipmi", "redfish"])
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    api = make_api(folder)
    if request.param == "ipmi":
        with lab_machine(folder) as lab, lab.network.inside():
            lab.chassis.is_on = True
            node = api.node(driver="ipmi", driver_info=lab.info, name="m1")
            yield Rig(api, "ipmi", lab.bmc, f"/v1/nodes/{node['uuid']}")
            management(api, "ipmi").close()
    else:
        with redfish_lab(folder) as made, made.network.inside():
            bmc = management(api, "redfish").connect(driver_info(made))
            bmc.power_on(timeout_s=20)  # which it writes into its log
            node = api.node(driver="redfish", driver_info=driver_info(made), name="m1")
            yield Rig(api, "redfish", made, f"/v1/nodes/{node['uuid']}")
            management(api, "redfish").close()


def test_sensors_are_read_now(rig: Rig) -> None:
    said = rig.api.ok("GET", f"{rig.path}/sensors")
    assert said["form"] == rig.kind
    assert said["left_out"] == 0
    assert {"Temperature", "Fan"} <= set(said["sensors"])
    assert said["health"] == ("OK" if rig.kind == "ipmi" else None)
    fan = next(iter(said["sensors"]["Fan"].values()))
    if rig.kind == "ipmi":
        assert fan["Sensor Reading"].endswith(" RPM")
    else:
        assert (fan["reading"] > 0, fan["reading_units"]) == (True, "RPM")
    assert not rig.api.services.sensors.all()


def test_the_log_is_read_and_cleared(rig: Rig) -> None:
    before = rig.api.ok("GET", f"{rig.path}/bmc_log")
    assert before["total"] >= len(before["entries"])
    assert bool(before["entries"]) is (rig.kind == "redfish")
    rig.api.ok("DELETE", f"{rig.path}/bmc_log")
    after = rig.api.ok("GET", f"{rig.path}/bmc_log?limit=5")
    assert after["total"] <= 1
    history = rig.api.ok("GET", f"{rig.path}/history?detail=true")["history"]
    assert any("The BMC's log was cleared" in one["event"] for one in history)


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "1e3", "9" * 30, "²"])
def test_a_limit_that_is_none_is_refused_before_the_bmc_is_asked(rig: Rig, limit: str) -> None:
    said = rig.api.error(400, "GET", f"{rig.path}/bmc_log?limit={limit}")
    assert "give a number from 1 to 500" in said


def test_what_is_asked_beside_it_is_refused(rig: Rig) -> None:
    assert "valid here: now" in rig.api.error(400, "GET", f"{rig.path}/sensors?fresh=1")
    assert "limit" in rig.api.error(400, "GET", f"{rig.path}/bmc_log?most=1")


def test_a_machine_without_a_bmc_says_so(rig: Rig) -> None:
    node = rig.api.node(driver="manual-management")
    path = f"/v1/nodes/{node['uuid']}"
    for method, below, what in (
        ("GET", "sensors", "read sensors"),
        ("GET", "bmc_log", "read the BMC's log"),
        ("DELETE", "bmc_log", "clear the BMC's log"),
    ):
        said = rig.api.error(400, method, f"{path}/{below}")
        assert f"The management_interface noop of node {node['uuid']} cannot {what}" in said


def test_the_lamp_of_the_chassis_is_switched(rig: Rig) -> None:
    base = f"{rig.path}/management/indicators"
    listed = rig.api.ok("GET", base)["indicators"]
    (lamp,) = [one["name"] for one in listed if one["component"] == "chassis"]
    assert rig.kind == "redfish" or lamp == "identify@chassis"
    for state in ("on", "off"):
        rig.api.ok("PUT", f"{base}/{lamp}", {"state": state})
        assert rig.api.ok("GET", f"{base}/{lamp}") == {"state": state}
    assert "possible:" in rig.api.error(400, "PUT", f"{base}/{lamp}", {"state": "green"})
