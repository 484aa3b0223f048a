"""The Redfish driver and power states that are of the past, or on their way: what is ordered, and what counts as off."""

from dataclasses import replace

import pytest

from controller.bmc.redfish import RedfishBmc
from controller.errors import BmcError
from controller.hardware.bmc import PowerState
from tests.integration.redfish_doubles import RedfishLab
from tests.integration.redfish_fixtures import bmc, driver, lab, shared
from tests.lab.redfish.faults import RedfishFaults

__all__ = ["bmc", "driver", "lab", "shared"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 10.0


def test_a_machine_that_is_shown_off_and_is_on_is_switched_off(
    lab: RedfishLab, bmc: RedfishBmc
) -> None:
    assert bmc.power_state(timeout_s=S) is PowerState.OFF
    lab.bmc.set_faults(RedfishFaults(stale_power_s=60))
    bmc.power_on(timeout_s=S)
    assert lab.machine.is_on
    assert bmc.power_state(timeout_s=S) is PowerState.OFF
    bmc.power_off(timeout_s=S)
    assert not lab.machine.is_on


def test_a_machine_that_is_shown_on_and_is_off_is_switched_on(
    lab: RedfishLab, bmc: RedfishBmc
) -> None:
    bmc.power_on(timeout_s=S)
    assert bmc.power_state(timeout_s=S) is PowerState.ON
    lab.bmc.set_faults(RedfishFaults(stale_power_s=60))
    bmc.power_off(timeout_s=S)
    assert bmc.power_state(timeout_s=S) is PowerState.ON
    bmc.power_on(timeout_s=S)
    assert lab.machine.is_on


def test_a_refusal_of_what_is_so_already_is_no_error(lab: RedfishLab, bmc: RedfishBmc) -> None:
    lab.bmc.set_faults(RedfishFaults(refuses_needless=True))
    bmc.power_off(timeout_s=S)
    bmc.power_on(timeout_s=S)
    bmc.power_on(timeout_s=S)
    assert lab.machine.is_on
    lab.bmc.set_faults(RedfishFaults(refuses_needless=True, shows_power="Off"))
    with pytest.raises(BmcError, match="answered 409"):  # it is not shown on
        bmc.power_on(timeout_s=S)


def test_a_machine_that_shuts_down_is_on_and_its_power_can_be_cut(
    lab: RedfishLab, bmc: RedfishBmc
) -> None:
    bmc.power_on(timeout_s=S)
    lab.bmc.set_faults(RedfishFaults(shows_power="PoweringOff"))
    assert bmc.power_state(timeout_s=S) is PowerState.ON
    bmc.power_off(timeout_s=S)
    assert not lab.machine.is_on


def test_a_button_is_not_pressed_of_a_machine_that_is_off(lab: RedfishLab, bmc: RedfishBmc) -> None:
    bmc.soft_power_off(timeout_s=S)
    assert not lab.machine.is_on


def test_a_button_is_not_pressed_of_a_machine_that_shuts_down(
    lab: RedfishLab, bmc: RedfishBmc
) -> None:
    bmc.power_on(timeout_s=S)
    only_button = RedfishFaults(without_resets=("GracefulShutdown",))
    lab.bmc.set_faults(replace(only_button, shows_power="PoweringOff"))
    bmc.soft_power_off(timeout_s=S)
    assert (lab.machine.is_on, bmc.has_pressed_button()) == (True, False)
    lab.bmc.set_faults(only_button)
    bmc.soft_power_off(timeout_s=S)
    assert (lab.machine.is_on, bmc.has_pressed_button()) == (False, True)


def test_a_press_that_the_bmc_refuses_is_none(lab: RedfishLab, bmc: RedfishBmc) -> None:
    bmc.power_on(timeout_s=S)
    lab.bmc.set_faults(RedfishFaults(without_resets=("GracefulShutdown",), bare_400=True))
    with pytest.raises(BmcError, match="answered 400"):
        bmc.soft_power_off(timeout_s=S)
    assert not bmc.has_pressed_button()
