"""BMCs and machines that do not do as they are told, and strangers that call: each ends well, and a normal verb goes on."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import requests

from tests.lab.api_client import ApiClient
from tests.lab.controller import Controller
from tests.lab.enrol import BUILD, enrol, failure_of, ramdisk_settings
from tests.lab.hardware import Disk
from tests.lab.lab import Lab
from tests.lab.machine import Machine

pytestmark = pytest.mark.vm

_IMPATIENT = {
    "bmc_timeout_s": 4.0,
    "bmc_tries": 2,
    "power_change_timeout_s": 5.0,
    "callback_timeout_s": 20.0,
    "agent_request_timeout_s": 5.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A lab with an impatient controller and one machine, enrolled as node ``m1``."""

    lab: Lab
    controller: Controller
    machine: Machine
    api: ApiClient

    def set_password(self, password: str) -> None:
        patch = [{"op": "replace", "path": "/driver_info/ipmi_password", "value": password}]
        self.api.call("PATCH", "/v1/nodes/m1", patch)

    def manage(self) -> None:
        self.api.provision("m1", "manage")
        self.api.wait_for_state("m1", "manageable", timeout_s=60)

    def everything_said(self) -> str:
        """Return all that the controller told anybody: log, node, history."""
        return f"{self.controller.log.read_text()}{self.api.node('m1')}{self.api.history('m1')}"


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    logs = BUILD / "test-results" / str(request.node.name)
    logs.mkdir(parents=True, exist_ok=True)
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings={**ramdisk_settings(), **_IMPATIENT})
        machine = lab.machine(name="m1", memory_mib=256, cpus=1, disks=(Disk(),))
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine)
            yield Site(lab=lab, controller=controller, machine=machine, api=api)


def test_a_wrong_bmc_password_is_called_that_and_never_shown(site: Site) -> None:
    site.set_password("not-the-password")
    site.api.provision("m1", "manage")
    error = failure_of(site.api, "m1", "enroll", timeout_s=60)
    assert site.machine.bmc.address in error
    assert "password" in error
    assert "admin" in error
    assert "not-the-password" not in site.everything_said()
    site.set_password(site.machine.bmc.password)
    site.manage()
    assert site.machine.bmc.password not in site.everything_said()


def test_a_bmc_that_does_not_answer_is_named_with_what_to_check(site: Site) -> None:
    site.machine.bmc.set_faults(unreachable=True)
    site.api.provision("m1", "manage")
    error = failure_of(site.api, "m1", "enroll", timeout_s=60)
    assert f"{site.machine.bmc.address}" in error
    assert "check" in error
    site.machine.bmc.set_faults()
    site.manage()


def test_a_bmc_that_says_yes_and_leaves_the_machine_off_fails_the_cleaning(site: Site) -> None:
    site.manage()
    site.machine.bmc.set_faults(stays_off=True)
    site.api.provision("m1", "provide")
    error = failure_of(site.api, "m1", "clean failed", timeout_s=60)
    assert "off" in error
    assert "accepted" in error
    site.machine.bmc.set_faults()
    site.manage()


def test_a_ramdisk_that_never_calls_back_ends_the_wait_and_says_how_far_it_came(site: Site) -> None:
    site.manage()
    site.lab.network.set_link(site.machine.nics[0].tap, up=False)
    site.api.provision("m1", "provide")
    error = failure_of(site.api, "m1", "clean failed", timeout_s=90)
    assert "20 s" in error
    assert "console" in error or "cable" in error or "DHCP" in error
    site.manage()


def test_strangers_learn_nothing_and_change_nothing(site: Site) -> None:
    before = site.api.node("m1")
    versions = {"X-OpenStack-Ironic-API-Version": "1.68"}

    def get(path: str) -> requests.Response:
        return requests.get(f"{site.controller.url}{path}", headers=versions, timeout=10)

    stranger = get("/v1/lookup?addresses=52:54:00:ff:ff:ff")
    known_but_idle = get(f"/v1/lookup?addresses={site.machine.nics[0].mac}")
    assert (stranger.status_code, known_but_idle.status_code) == (404, 404)
    for host, reason in (("192.0.2.1", "at another address"), (own_address(site), "token")):
        beat = {
            "callback_url": f"https://{host}:9999",
            "agent_token": "x" * 43,
            "agent_version": "1.0",
            "agent_verify_ca": "none",
        }
        url = f"{site.controller.url}/v1/heartbeat/{before['uuid']}"
        refused = requests.post(url, json=beat, headers=versions, timeout=10)
        assert refused.status_code == 400
        assert reason in refused.text
    after = site.api.node("m1")
    assert after["driver_internal_info"] == before["driver_internal_info"]
    assert after["provision_state"] == "enroll"
    assert "52:54:00:ff:ff:ff" in site.controller.log.read_text()


def own_address(site: Site) -> str:
    """Return the address that this process talks to the controller from."""
    parts = urlsplit(site.controller.url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=10) as link:
        return str(link.getsockname()[0])
