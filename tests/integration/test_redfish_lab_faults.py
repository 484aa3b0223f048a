"""The laboratory's Redfish BMC misbehaves in the ways that tests ask for, and pushes events."""

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from tests.integration.redfish_doubles import RedfishLab
from tests.integration.redfish_fixtures import lab, shared
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.orders.hardware import firmware_image

__all__ = ["lab", "shared"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
SYSTEM = "Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
UPDATE = "UpdateService/Actions/UpdateService.SimpleUpdate"


def test_an_unreachable_bmc_says_nothing_and_comes_back(lab: RedfishLab) -> None:
    client = lab.client()
    lab.bmc.set_faults(RedfishFaults(unreachable=True))
    with pytest.raises(requests.exceptions.Timeout):
        client.ask("GET", SYSTEM, timeout=1)
    lab.bmc.set_faults()
    assert client.get(SYSTEM)["Id"] == "1"


def test_garbage_is_no_http(lab: RedfishLab) -> None:
    lab.bmc.set_faults(RedfishFaults(garbage=True))
    with pytest.raises(requests.exceptions.ConnectionError):
        lab.client().ask("GET", SYSTEM)


def test_garbage_comes_in_the_middle_of_a_connection_too(lab: RedfishLab) -> None:
    client = lab.client()
    client.get(SYSTEM)
    lab.bmc.set_faults(RedfishFaults(garbage=True))
    with pytest.raises(requests.exceptions.ConnectionError):
        client.ask("GET", SYSTEM)


def test_a_slow_bmc_answers_late(lab: RedfishLab) -> None:
    client = lab.client()
    lab.bmc.set_faults(RedfishFaults(slow_s=1))
    with pytest.raises(requests.exceptions.Timeout):
        client.ask("GET", SYSTEM, timeout=0.5)
    assert client.get(SYSTEM)["Id"] == "1"


def test_a_machine_stays_off_although_the_bmc_said_yes(lab: RedfishLab) -> None:
    client = lab.client()
    lab.bmc.set_faults(RedfishFaults(stays_off=True))
    assert client.ask("POST", RESET, {"ResetType": "On"}).status_code == 204
    assert client.get(SYSTEM)["PowerState"] == "Off"


def test_a_boot_override_is_forgotten(lab: RedfishLab) -> None:
    client = lab.client()
    lab.bmc.set_faults(RedfishFaults(forgets_boot_device=True))
    boot = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}
    assert client.ask("PATCH", SYSTEM, {"Boot": boot}).status_code == 200
    assert client.get(SYSTEM)["Boot"]["BootSourceOverrideEnabled"] == "Disabled"


def test_the_power_state_is_of_the_past_for_a_while(lab: RedfishLab) -> None:
    client = lab.client()
    assert client.get(SYSTEM)["PowerState"] == "Off"
    lab.bmc.set_faults(RedfishFaults(stale_power_s=1))
    client.ask("POST", RESET, {"ResetType": "On"})
    assert lab.machine.is_on
    assert client.get(SYSTEM)["PowerState"] == "Off"
    while client.get(SYSTEM)["PowerState"] == "Off":
        time.sleep(0.1)


def test_a_bare_400_has_no_body(lab: RedfishLab) -> None:
    lab.bmc.set_faults(RedfishFaults(bare_400=True))
    answer = lab.client().ask("PATCH", SYSTEM, {"AssetTag": "x"})
    assert (answer.status_code, answer.content) == (400, b"")


def test_optional_members_may_be_missing(lab: RedfishLab) -> None:
    client = lab.client()
    lab.bmc.set_faults(RedfishFaults(without_optional=True))
    system = client.get(SYSTEM)
    assert not {"Bios", "SecureBoot", "VirtualMedia", "IndicatorLED"} & set(system)
    assert "ResetType@Redfish.AllowableValues" not in str(system)
    assert "ETag" not in client.ask("GET", SYSTEM).headers
    assert client.ask("GET", f"{SYSTEM}/Bios").status_code == 404
    assert "EventService" not in client.get("/redfish/v1")


def test_a_bmc_is_silent_after_an_update_and_has_forgotten_its_sessions(lab: RedfishLab) -> None:
    client = lab.client()
    login = {"UserName": lab.bmc.username, "Password": lab.bmc.password}
    token = client.ask("POST", "SessionService/Sessions", login).headers["X-Auth-Token"]
    url = lab.http.publish("bmc.bin", firmware_image("BMC", "2.1.0"))
    lab.bmc.set_faults(RedfishFaults(silent_after_update_s=1.5))
    monitor = client.ask("POST", UPDATE, {"ImageURI": url}).headers["Location"]
    with pytest.raises(requests.exceptions.ConnectionError):
        client.ask("GET", monitor)
    while True:
        try:
            answer = client.ask("GET", monitor)
        except requests.exceptions.ConnectionError:
            time.sleep(0.1)
        else:
            break
    assert answer.status_code == 200
    assert client.get("Managers/BMC")["FirmwareVersion"] == "2.1.0"
    client.session.auth = None
    assert client.ask("GET", SYSTEM, headers={"X-Auth-Token": token}).status_code == 401


def test_names_change_when_the_bmc_restarts(lab: RedfishLab) -> None:
    client = lab.client()
    lab.bmc.set_faults(RedfishFaults(changing_ids=True))
    (before,) = client.get("Systems")["Members"]
    (manager,) = client.get("Managers")["Members"]
    reset = f"{manager['@odata.id']}/Actions/Manager.Reset"
    assert client.ask("POST", reset, {"ResetType": "ForceRestart"}).status_code == 204
    (after,) = client.get("Systems")["Members"]
    assert after != before
    assert client.ask("GET", before["@odata.id"]).status_code == 404
    assert client.get(after["@odata.id"])["PowerState"] == "Off"


def test_a_bmc_that_is_stopped_comes_back(lab: RedfishLab) -> None:
    lab.bmc.stop()
    with pytest.raises(requests.exceptions.ConnectionError):
        lab.client().ask("GET", SYSTEM)
    lab.bmc.start()
    assert lab.client().get(SYSTEM)["Id"] == "1"


def test_a_subscriber_is_told_of_what_happens(lab: RedfishLab) -> None:
    got: list[bytes] = []
    came = threading.Event()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()
            came.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's
            pass

    server = HTTPServer((lab.network.gateway, 0), Listener)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    client = lab.client()
    wanted = {
        "Destination": f"http://{lab.network.gateway}:{server.server_port}/events",
        "Protocol": "Redfish",
        "Context": "node-1",
    }
    made = client.ask("POST", "EventService/Subscriptions", wanted)
    assert made.status_code == 201
    client.ask("POST", RESET, {"ResetType": "On"})
    assert came.wait(10)
    assert b"node-1" in got[0]
    assert b"ComputerSystem.Reset On" in got[0]
    assert client.ask("DELETE", made.headers["Location"]).status_code == 204
    server.shutdown()
    server.server_close()
