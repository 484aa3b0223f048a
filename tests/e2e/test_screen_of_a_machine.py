"""A machine's boot is seen over the WebSocket that a browser has: its firmware, its network loader and the ramdisk's kernel, as QEMU draws them."""

import time
from pathlib import Path

import pytest

from tests.integration.screen_site import Screens, viewer
from tests.integration.waiting import wait_until
from tests.integration.web_socket import ClosedError
from tests.lab.api_client import ApiClient
from tests.lab.enrol import enrol, ramdisk_settings
from tests.lab.hardware import BmcKind, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.vnc import Picture, VncClient

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(900)]
_BOOT_S = 300
_PICTURES = 4


@pytest.mark.parametrize("firmware", [Firmware.BIOS, Firmware.UEFI])
def test_the_boot_of_a_machine_is_seen(logs: Path, firmware: Firmware) -> None:
    with Lab(workdir=logs) as lab:
        settings = ramdisk_settings()
        settings["kernel_append_params"] += " console=tty0"
        controller = lab.controller(settings=settings)
        machine = lab.machine(
            name="m1",
            firmware=firmware,
            bmc=BmcKind.REDFISH,
            memory_mib=2048,
            disks=(Disk(size_bytes=8 << 30),),
            screen=True,
        )
        assert machine.hardware.screen is not None
        screen = machine.hardware.screen
        with lab.network.inside():
            api = ApiClient(controller.url)
            uuid = enrol(api, machine, console_interface="vnc", inspect_interface="agent")["uuid"]
            info = {"vnc_address": screen.address, "vnc_password": screen.password}
            patch = [
                {"op": "add", "path": f"/driver_info/{key}", "value": value}
                for key, value in info.items()
            ]
            api.call("PATCH", f"/v1/nodes/{uuid}", patch)
            people = Screens(controller.url, "m1")
            people.switch(is_on=True)
            with people.browser() as browser, pytest.raises(ClosedError, match="cannot be reached"):
                browser.receive(1)  # it is off
            api.provision("m1", "manage")
            api.wait_for_state("m1", "manageable", timeout_s=60)
            api.provision("m1", "inspect")
            wait_until(lambda: machine.is_on, 60, "the machine is on")
            with people.browser() as browser:
                client = viewer(browser)
                seen = _watch(client, machine.name, logs)
                assert len(seen) == _PICTURES
                dump = lab.scratch / "screen.ppm"

                def are_alike() -> bool:
                    machine.qmp("screendump", filename=str(dump))
                    return client.picture().as_ppm() == dump.read_bytes()

                wait_until(are_alike, 60, "the browser sees what QEMU draws")
            node = api.wait_for_state("m1", "manageable", timeout_s=_BOOT_S)
            assert node["last_error"] is None
            assert screen.password not in controller.log.read_text()


def _watch(client: VncClient, name: str, logs: Path) -> list[Picture]:
    """Return pictures that differ, as they come; each is kept in a file."""
    seen: list[Picture] = []
    ends_at = time.monotonic() + _BOOT_S
    while len(seen) < _PICTURES and time.monotonic() < ends_at:
        picture = client.picture()
        if not picture.is_blank and picture not in seen[-2:]:  # a cursor blinks
            (logs / f"{name}.screen-{len(seen):02}.ppm").write_bytes(picture.as_ppm())
            seen.append(picture)
        time.sleep(1)
    return seen
