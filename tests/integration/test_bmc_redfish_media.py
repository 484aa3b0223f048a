"""Virtual media by the Redfish driver against the laboratory's BMC: drives of one kind and of several, full ones, stubborn ones."""

import pytest

from controller.bmc.redfish import RedfishBmc
from controller.errors import BmcError, NoDriveLeft
from controller.hardware.abilities import HasVirtualMedia, MediaDevice
from tests.integration.redfish_doubles import RedfishLab
from tests.integration.redfish_fixtures import bmc, driver, lab, shared
from tests.lab.redfish.faults import RedfishFaults

__all__ = ["bmc", "driver", "lab", "shared"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 10.0


@pytest.mark.parametrize("faults", [RedfishFaults(), RedfishFaults(without_optional=True)])
def test_media_come_and_go(lab: RedfishLab, bmc: RedfishBmc, faults: RedfishFaults) -> None:
    lab.bmc.set_faults(faults)
    assert isinstance(bmc, HasVirtualMedia)
    assert bmc.media(timeout_s=S) == {MediaDevice.CDROM: None, MediaDevice.DISK: None}
    first = lab.http.publish("first.iso", b"first")
    second = lab.http.publish("second.iso", b"second")
    bmc.attach_media(MediaDevice.CDROM, first, timeout_s=S)
    assert lab.machine.media == {"Cd": b"first"}
    bmc.attach_media(MediaDevice.CDROM, second, timeout_s=S)
    assert lab.machine.media == {"Cd": b"second"}
    bmc.attach_media(MediaDevice.DISK, first, timeout_s=S)
    assert bmc.media(timeout_s=S) == {MediaDevice.CDROM: second, MediaDevice.DISK: first}
    for device in (MediaDevice.CDROM, MediaDevice.DISK, MediaDevice.CDROM):
        bmc.detach_media(device, timeout_s=S)
    assert lab.machine.media == {}


@pytest.mark.parametrize("first", [MediaDevice.CDROM, MediaDevice.DISK])
def test_drives_of_several_kinds_hold_an_image_each(
    lab: RedfishLab, bmc: RedfishBmc, first: MediaDevice
) -> None:
    lab.bmc.set_faults(RedfishFaults(mixed_slots=2))
    second = MediaDevice.DISK if first is MediaDevice.CDROM else MediaDevice.CDROM
    urls = {one: lab.http.publish(f"{one}.iso", one.encode()) for one in (first, second)}
    drive = bmc.attach_media(first, urls[first], timeout_s=S)
    other = bmc.attach_media(second, urls[second], beside=True, timeout_s=S)
    assert lab.machine.media == {"1": first.encode(), "2": second.encode()}
    assert (drive, other) == ("1", "2")
    with pytest.raises(NoDriveLeft, match=r"attach virtual media disk: all drives .* in use"):
        bmc.attach_media(MediaDevice.DISK, urls[first], beside=True, timeout_s=S)
    bmc.detach_media(second, drive=other, timeout_s=S)
    assert lab.machine.media == {"1": first.encode()}
    bmc.attach_media(second, urls[second], timeout_s=S)
    assert set(lab.machine.media) == {"1", "2"}
    bmc.attach_media(second, urls[second], timeout_s=S)  # full: in place of what is in the first
    assert lab.machine.media["1"] == second.encode()
    bmc.detach_media(MediaDevice.CDROM, drive="of another firmware", timeout_s=S)
    assert lab.machine.media == {}


def test_the_next_drive_is_taken_when_one_refuses(lab: RedfishLab, bmc: RedfishBmc) -> None:
    lab.bmc.set_faults(RedfishFaults(mixed_slots=3, refuses_slot="1"))
    url = lab.http.publish("x.iso", b"x")
    assert bmc.attach_media(MediaDevice.CDROM, url, timeout_s=S) == "2"
    assert lab.machine.media == {"2": b"x"}
    with pytest.raises(BmcError, match="attach virtual media cdrom: answered 500"):
        bmc.attach_media(MediaDevice.CDROM, f"{lab.http.url}/absent.iso", timeout_s=S)
    bmc.detach_media(MediaDevice.CDROM, timeout_s=S)
    assert lab.machine.media == {}


def test_a_drive_that_keeps_what_is_in_it_stops_no_other(lab: RedfishLab, bmc: RedfishBmc) -> None:
    lab.bmc.set_faults(RedfishFaults(mixed_slots=3))
    bmc.attach_media(MediaDevice.CDROM, lab.http.publish("old.iso", b"old"), timeout_s=S)
    lab.bmc.set_faults(RedfishFaults(mixed_slots=3, refuses_slot="1"))
    url = lab.http.publish("x.iso", b"x")
    assert bmc.attach_media(MediaDevice.CDROM, url, timeout_s=S) == "2"
    with pytest.raises(BmcError, match="the medium is still in the drive 1"):
        bmc.detach_media(MediaDevice.CDROM, timeout_s=S)
    assert lab.machine.media == {"1": b"old"}
    lab.bmc.set_faults(RedfishFaults(mixed_slots=3))
    bmc.detach_media(MediaDevice.CDROM, timeout_s=S)


def test_a_drive_that_does_not_say_what_is_inside_is_full(lab: RedfishLab, bmc: RedfishBmc) -> None:
    lab.bmc.set_faults(RedfishFaults(hides_media=True))
    bmc.attach_media(MediaDevice.CDROM, lab.http.publish("x.iso", b"x"), timeout_s=S)
    assert bmc.media(timeout_s=S) == {MediaDevice.CDROM: "unknown", MediaDevice.DISK: None}
    bmc.detach_media(MediaDevice.CDROM, timeout_s=S)
    assert bmc.media(timeout_s=S) == {MediaDevice.CDROM: None, MediaDevice.DISK: None}


def test_media_that_cannot_be_had_or_let_go_are_errors_that_are_told(
    lab: RedfishLab, bmc: RedfishBmc
) -> None:
    with pytest.raises(BmcError, match="attach virtual media cdrom: answered 400"):
        bmc.attach_media(MediaDevice.CDROM, f"{lab.http.url}/absent.iso", timeout_s=S)
    with pytest.raises(BmcError, match=r"attach virtual media floppy: .*it offers: cdrom, disk"):
        bmc.attach_media(MediaDevice.FLOPPY, lab.http.publish("x", b"x"), timeout_s=S)
    bmc.attach_media(MediaDevice.CDROM, lab.http.publish("x", b"x"), timeout_s=S)
    lab.bmc.set_faults(RedfishFaults(keeps_media=True))
    with pytest.raises(
        BmcError, match="detach virtual media cdrom: the medium is still in the drive Cd"
    ):
        bmc.detach_media(MediaDevice.CDROM, timeout_s=S)
    lab.bmc.set_faults()
    bmc.detach_media(MediaDevice.CDROM, timeout_s=S)
