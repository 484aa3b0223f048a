"""The lab's machines with a screen: QEMU's VNC shows what the machine shows, to who has the password, and Redfish tells of it."""

from contextlib import AbstractContextManager

import pytest
import requests

from tests.integration.waiting import wait_until
from tests.lab.errors import LabError
from tests.lab.hardware import VNC_PORT, BmcKind, Disk
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.machine_event import EventKind
from tests.lab.tiny_guest import READY, boot_sector
from tests.lab.vnc import VncClient

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
_FIRMWARE_S = 30


def with_screen(lab: Lab, *, screen: bool = True) -> Machine:
    image = lab.scratch / "tiny.raw"
    image.write_bytes(boot_sector())
    disk = Disk(size_bytes=1 << 20, image=image)
    return lab.machine(memory_mib=256, disks=(disk,), screen=screen, bmc=BmcKind.BOTH)


def password_of(machine: Machine) -> str:
    assert machine.hardware.screen is not None
    return machine.hardware.screen.password


def session(machine: Machine, password: str | None) -> AbstractContextManager[VncClient]:
    assert machine.hardware.screen is not None
    return VncClient.session(machine.hardware.screen.address, VNC_PORT, password)


def test_the_screen_shows_what_the_machine_shows_and_takes_keys(lab: Lab) -> None:
    machine = with_screen(lab)
    machine.power_on()
    machine.console.wait_for(READY, timeout_s=_FIRMWARE_S)  # the serial line is there as ever
    dump = lab.scratch / "screen.ppm"
    with session(machine, password_of(machine)) as client:

        def are_alike() -> bool:
            machine.qmp("screendump", filename=str(dump))
            return client.picture().as_ppm() == dump.read_bytes()

        wait_until(are_alike, 10, "VNC shows what QEMU draws")  # its cursor blinks
        assert client.picture().width == 720  # text mode
        assert not client.picture().is_blank
        client.press(ord("s"))
        machine.wait_for_event(EventKind.GUEST_SHUTDOWN, timeout_s=10)


def test_without_the_password_nobody_sees_it_after_a_restart_too(lab: Lab) -> None:
    machine = with_screen(lab)
    machine.power_on()
    for _ in range(2):
        with pytest.raises(LabError, match="refuses"), session(machine, "wrong"):
            pass
        with pytest.raises(LabError, match="security types"), session(machine, None):
            pass
        with session(machine, password_of(machine)) as client:
            assert client.name == "QEMU (m1)"
        machine.reset()
    machine.power_off()
    with pytest.raises(OSError, match="refused"), session(machine, password_of(machine)):
        pass


@pytest.mark.parametrize("has_screen", [True, False])
def test_redfish_says_whether_there_is_a_screen_and_where(lab: Lab, has_screen: bool) -> None:
    machine = with_screen(lab, screen=has_screen)
    bmc = machine.redfish

    def said(path: str) -> dict[str, object]:
        reply = requests.get(
            f"{bmc.url}/redfish/v1/{path}",
            auth=(bmc.username, bmc.password),
            verify=str(bmc.certificate),
            timeout=30,
        )
        found: dict[str, object] = reply.json()["GraphicalConsole"]
        return found

    for path in ("Systems/1", "Managers/BMC"):
        assert said(path)["ServiceEnabled"] is has_screen
    assert said("Systems/1").get("Port") == (VNC_PORT if has_screen else None)
