"""The console interface ``vnc`` with a machine of the lab: off, its firmware's screen, and the keyboard that reaches its guest."""

from pathlib import Path

import pytest

from tests.integration.screen_site import Screens, viewer
from tests.integration.waiting import wait_until
from tests.integration.web_socket import ClosedError
from tests.lab.api_client import ApiClient
from tests.lab.enrol import enrol
from tests.lab.hardware import BmcKind, Disk
from tests.lab.lab import Lab
from tests.lab.machine_event import EventKind
from tests.lab.tiny_guest import READY, boot_sector

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]


def test_a_machine_switched_on_by_redfish_is_seen_and_typed_on(tmp_path: Path) -> None:
    with Lab(workdir=tmp_path) as lab:
        image = lab.scratch / "tiny.raw"
        image.write_bytes(boot_sector())
        controller = lab.controller()
        disks = (Disk(size_bytes=1 << 20, image=image),)
        machine = lab.machine(memory_mib=256, disks=disks, screen=True, bmc=BmcKind.REDFISH)
        assert machine.hardware.screen is not None
        screen = machine.hardware.screen
        with lab.network.inside():
            api = ApiClient(controller.url)
            uuid = enrol(api, machine, console_interface="vnc")["uuid"]
            patch = [
                {"op": "add", "path": f"/driver_info/{key}", "value": value}
                for key, value in (
                    ("vnc_address", screen.address),
                    ("vnc_password", screen.password),
                )
            ]
            api.call("PATCH", f"/v1/nodes/{uuid}", patch)
            people = Screens(controller.url, machine.name)
            people.switch(is_on=True)
            with people.browser() as browser:
                assert "cannot be reached" in browser.wait_closed().reason  # it is off
            people.ok("PUT", "/states/power", {"target": "power on"})
            machine.console.wait_for(READY, timeout_s=60)
            with people.browser() as browser:
                client = viewer(browser)
                assert client.name == f"QEMU ({machine.name})"
                dump = lab.scratch / "screen.ppm"

                def are_alike() -> bool:
                    machine.qmp("screendump", filename=str(dump))
                    return client.picture().as_ppm() == dump.read_bytes()

                wait_until(are_alike, 30, "the browser sees what QEMU draws")
                assert not client.picture().is_blank
                (tmp_path / "screen.ppm").write_bytes(dump.read_bytes())
                client.press(ord("s"))
                machine.wait_for_event(EventKind.GUEST_SHUTDOWN, timeout_s=30)
                with pytest.raises(ClosedError, match="ended the connection"):
                    browser.receive(1 << 30)
            wrong = {"op": "replace", "path": "/driver_info/vnc_password", "value": "other"}
            api.call("PATCH", f"/v1/nodes/{uuid}", [wrong])
            machine.power_on()
            with people.browser() as browser:
                browser.wait_closed()
                assert "password was refused" in browser.texts[-1]["reason"]
        assert screen.password not in controller.log.read_text()
