"""Workflows with the drives of a real Redfish BMC: each that can be of several kinds, one alone, or silent about what is inside."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.bmc.redfish import RedfishBmc, RedfishDriver
from controller.hardware.abilities import MediaDevice
from tests.integration.media_machine import (
    MediaBmc,
    controller_with_media,
    enrol_with_media,
    fetched,
    file_of,
    token_in,
)
from tests.integration.redfish_doubles import RedfishLab, driver_info
from tests.integration.redfish_fixtures import lab, shared
from tests.integration.running_controller import IMAGE, RunningController
from tests.lab.redfish.faults import RedfishFaults

__all__ = ["lab", "shared"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
READY = b"ready" * 1000


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with controller_with_media(tmp_path) as made:
        yield made


class LabBmc(MediaBmc):
    """Its drives are those of the lab's BMC, by the Redfish driver; power and boot device are those of a machine without hardware.

    The BMC is in a network of its own and shows another address than the controller gave.
    """

    def __init__(self, plain: MediaBmc, lab: RedfishLab) -> None:
        super().__init__(plain.machine, ())
        self.lab = lab
        self.redfish: RedfishBmc = RedfishDriver().connect(driver_info(lab))

    def media(self, *, timeout_s: float) -> Mapping[MediaDevice, str | None]:
        return self.redfish.media(timeout_s=timeout_s)

    def attach_media(
        self, device: MediaDevice, url: str, *, beside: bool = False, timeout_s: float
    ) -> str | None:
        near = self.lab.http.publish(url.rsplit("/", 1)[-1], fetched(url))
        drive = self.redfish.attach_media(device, near, beside=beside, timeout_s=timeout_s)
        self.drives[MediaDevice.CDROM] = "full"
        for image in self.lab.machine.media.values():
            self.machine.token_on_medium = token_in(image) or self.machine.token_on_medium
        return drive

    def detach_media(
        self, device: MediaDevice, *, drive: str | None = None, timeout_s: float
    ) -> None:
        self.redfish.detach_media(device, drive=drive, timeout_s=timeout_s)


def deployed(
    controller: RunningController, lab: RedfishLab, **driver_info: Any
) -> list[list[tuple[str, bytes]]]:
    """Deploy a machine; return what was in the drives at its first start and at each order to its agent."""
    plain = enrol_with_media(
        controller, state="available", driver_info=driver_info, instance_info=IMAGE
    )
    bmc = LabBmc(plain, lab)
    controller.driver.bmcs["m1"] = bmc
    seen: list[list[tuple[str, bytes]]] = []
    bmc.machine.on_change = lambda what: (
        seen.append(sorted(lab.machine.media.items()))
        if what.startswith("order") or (what.startswith("on") and not seen)
        else None
    )
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    return seen


def test_settings_beside_a_ready_image_have_a_drive_of_their_own(
    controller: RunningController, lab: RedfishLab, tmp_path: Path
) -> None:
    lab.bmc.set_faults(RedfishFaults(mixed_slots=2))
    redfish: RedfishBmc = RedfishDriver().connect(driver_info(lab))
    stale = lab.http.publish("stale.iso", b"stale")
    redfish.attach_media(MediaDevice.CDROM, stale, timeout_s=10)
    at_start, *at_orders = deployed(controller, lab, deploy_iso=str(tmp_path / "ready.iso"))
    assert [name for name, _image in at_start] == ["1", "2"]
    assert at_start[0][1] == READY
    assert "ipa-agent-token" in (file_of(at_start[1][1], "parameters.txt") or "")
    assert at_orders
    assert all(one == [("1", READY)] for one in at_orders)
    assert lab.machine.media == {}


def test_a_drive_that_somebody_else_keeps_stops_no_boot(
    controller: RunningController, lab: RedfishLab
) -> None:
    lab.bmc.set_faults(RedfishFaults(mixed_slots=2))
    redfish: RedfishBmc = RedfishDriver().connect(driver_info(lab))
    redfish.attach_media(MediaDevice.CDROM, lab.http.publish("old.iso", b"old"), timeout_s=10)
    lab.bmc.set_faults(RedfishFaults(mixed_slots=2, refuses_slot="1"))
    at_start, *_at_orders = deployed(controller, lab)
    assert [name for name, _image in at_start] == ["1", "2"]
    assert lab.machine.media == {"1": b"old"}
    lab.bmc.set_faults(RedfishFaults(mixed_slots=2))
    redfish.detach_media(MediaDevice.CDROM, timeout_s=10)


def test_one_drive_alone_is_for_the_ready_image(
    controller: RunningController, lab: RedfishLab, tmp_path: Path
) -> None:
    lab.bmc.set_faults(RedfishFaults(mixed_slots=1))
    at_start, *_at_orders = deployed(controller, lab, deploy_iso=str(tmp_path / "ready.iso"))
    assert at_start == [("1", READY)]
    told = "\n".join(event.message for event in controller.events("m1"))
    assert "no second drive" in told
    assert lab.machine.media == {}


@pytest.mark.parametrize("mixed_slots", [0, 1, 2])
def test_a_bmc_that_does_not_say_what_is_inside_gets_its_drives_emptied(
    controller: RunningController, lab: RedfishLab, tmp_path: Path, mixed_slots: int
) -> None:
    lab.bmc.set_faults(RedfishFaults(hides_media=True, mixed_slots=mixed_slots))
    at_start, *at_orders = deployed(controller, lab, deploy_iso=str(tmp_path / "ready.iso"))
    assert len(at_start) == (1 if mixed_slots == 1 else 2)
    assert all(len(one) == 1 for one in at_orders)
    assert lab.machine.media == {}
