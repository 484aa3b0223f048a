"""Two machines behind one Redfish BMC: one is started from media that the BMC put in, the other stays off."""

from pathlib import Path

import pytest

from controller.bmc.redfish import RedfishDriver
from controller.bmc.redfish_sessions import Sessions
from controller.hardware.abilities import MediaDevice
from controller.hardware.bmc import BootDevice, BootMode, PowerState
from tests.lab.enrol import redfish_login
from tests.lab.hardware import BmcKind, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.live_guest import READY, make_live_guest, make_live_image
from tests.lab.machine_event import EventKind

S = 30.0
pytestmark = [pytest.mark.root, pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(600)]


def test_one_of_two_machines_boots_what_was_put_into_it(logs: Path, tmp_path: Path) -> None:
    image = make_live_image(make_live_guest(tmp_path), "lab.word=second")
    driver = RedfishDriver(Sessions())
    with Lab(workdir=logs) as lab:
        first = lab.machine(bmc=BmcKind.REDFISH, disks=(Disk(size_bytes=1 << 20),))
        second = lab.machine(
            firmware=Firmware.UEFI,
            memory_mib=1024,
            disks=(Disk(size_bytes=1 << 20),),
            bmc=BmcKind.REDFISH,
            beside=first,
        )
        url = lab.http.publish("live.iso", image)
        with lab.network.inside():
            mine, theirs = (driver.connect(redfish_login(one)) for one in (second, first))
            mine.attach_media(MediaDevice.CDROM, url, timeout_s=S)
            mine.set_boot_device(
                BootDevice.CDROM, mode=BootMode.UEFI, persistent=False, timeout_s=S
            )
            mine.power_on(timeout_s=S)
            ready = second.console.wait_for(READY, timeout_s=300)
            assert "lab.word=second" in ready.text
            assert theirs.power_state(timeout_s=S) is PowerState.OFF
            assert theirs.media(timeout_s=S)[MediaDevice.CDROM] is None
            assert not any(event.kind is EventKind.BOOT for event in first.events)
            theirs.power_on(timeout_s=S)
            mine.power_off(timeout_s=S)
            assert (first.is_on, second.is_on) == (True, False)
        driver.close()
