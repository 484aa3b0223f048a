"""Steps of a BMC that need a start of the machine in their middle, as changed BIOS settings do: who starts it, and with what."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.hardware.bmc import BmcStep, BmcStepLook
from tests.integration.running_controller import (
    IMAGE,
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.steps_asked_for import in_use, step, wish


def starts_of(bmc: MachineBmc) -> list[str]:
    return [one for one in bmc.machine.boots if one != "off"]


class Apply:
    """A step that orders, has the machine started ``starts`` times, looks twice, and tells what came of it."""

    def __init__(self, starts: int = 1) -> None:
        self.bmc: MachineBmc | None = None
        self.starts = starts
        self.boots_at_look: list[int] = []

    def begin(self, bmc: Any, _args: Mapping[str, Any], _timeout_s: float) -> BmcStepLook:
        self.bmc = bmc
        return BmcStepLook(state={"left": self.starts}, restarts=True)

    def look(self, bmc: Any, state: Mapping[str, Any], _timeout_s: float) -> BmcStepLook:
        self.boots_at_look.append(len(starts_of(bmc)))
        left = state["left"] - 1
        if left > 0:
            return BmcStepLook(state={"left": left}, restarts=True)
        if left == 0:
            return BmcStepLook(state={"left": left}, message="nearly")
        return BmcStepLook(state=None, message="3 settings were changed")

    def offer(self, **priorities: int) -> BmcStep:
        return BmcStep(
            name="apply_configuration",
            interface="bios",
            priorities=priorities,
            begin=self.begin,
            look=self.look,
        )


APPLY = wish("apply_configuration", "bios")


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path) as found:
        yield found


def told(controller: RunningController) -> list[str]:
    return [one.message for one in controller.events("m1", "step")]


@pytest.mark.parametrize("starts", [1, 2])
def test_a_machine_that_runs_the_ramdisk_comes_back_with_it(
    controller: RunningController, starts: int
) -> None:
    apply = Apply(starts)
    controller.driver.offered = (apply.offer(clean=0),)
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.steps = {"clean": [step("first"), step("last")]}
    controller.ask("m1", "clean", clean_steps=[wish("first"), APPLY, wish("last")])
    controller.wait_for("m1", "manageable")
    assert starts_of(bmc) == ["pxe"] * (starts + 1)
    assert apply.boots_at_look == [*range(2, 2 + starts), 1 + starts]
    assert "clean step apply_configuration: 3 settings were changed" in told(controller)
    begun = [one for one in told(controller) if one.endswith(" begins")]
    assert begun == [
        f"clean step {name} begins" for name in ("first", "apply_configuration", "last")
    ]


def test_a_machine_without_the_ramdisk_is_switched_off_and_on(
    controller: RunningController,
) -> None:
    apply = Apply()
    controller.driver.offered = (apply.offer(clean=0),)
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.power_on()
    controller.ask("m1", "clean", clean_steps=[APPLY], disable_ramdisk=True)
    controller.wait_for("m1", "manageable")
    assert bmc.calls.index("power_off") < bmc.calls.index("power_on")
    assert apply.boots_at_look == [2, 2]
    assert "set_boot_device" not in "".join(bmc.calls)


def test_a_machine_in_use_boots_its_own_system_again(controller: RunningController) -> None:
    apply = Apply()
    bmc = in_use(controller)
    controller.driver.offered = (apply.offer(service=0),)
    before = len(starts_of(bmc))
    controller.ask("m1", "service", service_steps=[APPLY], disable_ramdisk=True)
    controller.wait_for("m1", "active")
    assert apply.boots_at_look == [before + 1, before + 1]
    assert bmc.machine.is_on


def test_a_machine_that_must_stay_on_is_reset(controller: RunningController) -> None:
    apply = Apply()
    controller.driver.offered = (apply.offer(clean=0),)
    bmc = controller.enrol("m1", "manageable", disable_power_off=True)
    bmc.machine.power_on()
    controller.ask("m1", "clean", clean_steps=[APPLY], disable_ramdisk=True)
    controller.wait_for("m1", "manageable")
    assert ("reset" in bmc.calls, "power_off" in bmc.calls) == (True, False)


@pytest.mark.parametrize("priority", [150, 90, 60])
def test_a_deployment_goes_on_after_it(controller: RunningController, priority: int) -> None:
    apply = Apply()
    controller.driver.offered = (apply.offer(deploy=priority),)
    bmc = controller.enrol("m1", "available", instance_info=IMAGE)
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert apply.boots_at_look[0] == (1 if priority > 100 else 2)
    assert bmc.machine.boots.count("pxe") == (1 if priority > 100 else 2)
