"""A step of the wall clock in the middle of a BMC's firmware update ends no wait for it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from controller.bmc.redfish_components import Part
from controller.bmc.redfish_firmware_steps import firmware_steps
from controller.bmc.redfish_task import Progress, TaskLook
from controller.bmc.redfish_update import Begun
from controller.errors import BmcError
from controller.hardware.firmware import FirmwareComponent
from tests.integration.running_controller import RunningController
from tests.integration.waiting import wait_until

DAY_S = 86400.0


class Updating:
    """A BMC that is at an update for as long as the test wants."""

    def __init__(self) -> None:
        self.looks = 0
        self.has_ended = False

    def parts(self, *, timeout_s: float) -> Sequence[Part]:
        version = "2.0" if self.has_ended else "1.0"
        bios = FirmwareComponent(component="bios", current_version=version)
        return [Part(component=bios)]

    def tasks(self, *, timeout_s: float) -> Sequence[str]:
        return []

    def update(self, component: str, url: str, target: str | None, *, timeout_s: float) -> Begun:
        return Begun(task="/tasks/1")

    def look_at(self, task: str, *, timeout_s: float) -> TaskLook:
        self.looks += 1
        progress = Progress.DONE if self.has_ended else Progress.RUNS
        return TaskLook(progress=progress, words="writing the flash")

    def refusal(self, what: str, why: str) -> BmcError:
        return BmcError(f"BMC: {what}: {why}")


def test_a_clock_that_goes_a_day_forward_ends_no_update(
    controller: RunningController, monkeypatch: pytest.MonkeyPatch
) -> None:
    bmc, (step,) = Updating(), firmware_steps(60.0)

    def at_bmc(do: Callable[..., Any], _bmc: object, *values: object) -> Any:
        return do(bmc, *values)

    begin, look = partial(at_bmc, step.begin), partial(at_bmc, step.look)
    controller.driver.offered = (replace(step, begin=begin, look=look),)
    controller.enrol("m1", "manageable")
    update = {"component": "bios", "url": "http://192.0.2.1/bios.bin"}
    wish = {"interface": "firmware", "step": "update", "args": {"settings": [update]}}
    controller.ask("m1", "clean", clean_steps=[wish], disable_ramdisk=True)
    wait_until(lambda: bmc.looks > 0, 20, "the task")
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + DAY_S)
    looks = bmc.looks
    wait_until(
        lambda: bmc.looks > looks + 1 or controller.node("m1").last_error is not None,
        20,
        "further looks",
    )
    assert controller.node("m1").last_error is None
    bmc.has_ended = True
    controller.wait_for("m1", "manageable")
    told = [one.message for one in controller.events("m1", "step")]
    assert "clean step update: bios: 1.0 -> 2.0" in told
