"""Both IPMI drivers against pyghmi's own BMC: what works, and that every fault ends in time with the right words."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from controller.bmc.ipmitool import IpmitoolDriver
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState
from tests.integration.bmc_doubles import PASSWORD, PlainBmcs
from tests.integration.ipmi_fixtures import Driver, driver

__all__ = ["driver"]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def shared_bmcs() -> Iterator[PlainBmcs]:
    made = PlainBmcs(count=2)
    yield made
    made.stop()


@pytest.fixture
def bmcs(shared_bmcs: PlainBmcs) -> PlainBmcs:
    shared_bmcs.set_faults()
    return shared_bmcs


def refusal(
    call: Callable[..., Any], kind: type[BmcError], *, timeout_s: float, limit_s: float
) -> str:
    """Return the words of an error that must come within ``limit_s``."""
    started = time.monotonic()
    with pytest.raises(kind) as caught:
        call(timeout_s=timeout_s)
    assert time.monotonic() - started < limit_s
    assert caught.type is kind
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_power_and_boot_device_do_what_they_say(driver: Driver, bmcs: PlainBmcs) -> None:
    bmc = driver.connect(bmcs.info())
    bmc.power_off(timeout_s=10)
    assert bmc.power_state(timeout_s=10) is PowerState.OFF
    bmc.power_on(timeout_s=10)
    assert bmc.power_state(timeout_s=10) is PowerState.ON
    bmc.reset(timeout_s=10)
    bmc.set_boot_device(BootDevice.PXE, mode=BootMode.UEFI, persistent=False, timeout_s=10)
    assert bmc.boot_device(timeout_s=10) == BootOverride(device=BootDevice.PXE, is_persistent=False)
    bmc.set_boot_device(BootDevice.DISK, mode=BootMode.BIOS, persistent=True, timeout_s=10)
    assert bmc.boot_device(timeout_s=10) == BootOverride(device=BootDevice.DISK, is_persistent=True)
    bmc.soft_power_off(timeout_s=10)
    assert bmc.power_state(timeout_s=10) is PowerState.OFF


def test_a_wrong_password_is_said_at_once_and_the_right_one_works_after_it(
    driver: Driver, bmcs: PlainBmcs
) -> None:
    wrong = driver.connect(bmcs.info(ipmi_password="not-the-password"))
    words = refusal(wrong.power_state, BmcAuthenticationFailed, timeout_s=30, limit_s=5)
    assert "login of user 'admin' refused" in words
    assert "not-the-password" not in words
    assert driver.connect(bmcs.info()).power_state(timeout_s=30) in set(PowerState)


def test_an_unknown_user_is_said_although_this_bmc_just_ignores_him(
    driver: Driver, bmcs: PlainBmcs
) -> None:
    nobody = driver.connect(bmcs.info(ipmi_username="nobody"))
    words = refusal(nobody.power_state, BmcAuthenticationFailed, timeout_s=30, limit_s=20)
    assert "'nobody' refused" in words


def test_an_address_without_a_bmc_is_unreachable_by_the_deadline(
    driver: Driver, bmcs: PlainBmcs
) -> None:
    empty = driver.connect(bmcs.info(ipmi_port=9))
    words = refusal(empty.power_on, BmcUnreachable, timeout_s=2, limit_s=4)
    assert "127.0.0.1 port 9: power on: no answer within 2.0 s; check the address" in words


def test_an_address_without_a_bmc_does_not_use_a_long_deadline_up(
    driver: Driver, bmcs: PlainBmcs
) -> None:
    empty = driver.connect(bmcs.info(ipmi_port=9))
    refusal(empty.power_state, BmcUnreachable, timeout_s=60, limit_s=25)


def test_a_host_name_that_nobody_knows_is_said(driver: Driver, bmcs: PlainBmcs) -> None:
    lost = driver.connect(bmcs.info(ipmi_address="bmc.invalid"))
    words = refusal(lost.power_state, BmcError, timeout_s=30, limit_s=20)
    assert "check ipmi_address" in words


def test_a_bmc_that_stops_answering_in_a_session_is_unreachable_and_heals(
    driver: Driver, bmcs: PlainBmcs
) -> None:
    bmc = driver.connect(bmcs.info())
    bmc.power_state(timeout_s=10)
    bmcs.set_faults(mute=1)
    refusal(bmc.power_state, BmcUnreachable, timeout_s=4, limit_s=6)
    bmcs.set_faults()
    assert bmc.power_state(timeout_s=10) in set(PowerState)


def test_a_bmc_that_was_restarted_is_logged_in_to_again(driver: Driver, bmcs: PlainBmcs) -> None:
    bmc = driver.connect(bmcs.info())
    bmc.power_on(timeout_s=10)
    bmcs.restart()
    assert bmc.power_state(timeout_s=30) is PowerState.OFF


def test_a_machine_that_is_off_cannot_be_reset_and_the_bmc_says_so(
    driver: Driver, bmcs: PlainBmcs
) -> None:
    bmc = driver.connect(bmcs.info())
    bmc.power_off(timeout_s=10)
    words = refusal(bmc.reset, BmcError, timeout_s=10, limit_s=5)
    assert "reset refused: not possible in the machine's present state (0xd5)" in words


def test_power_on_that_the_bmc_accepts_and_ignores_shows_in_the_power_state(
    driver: Driver, bmcs: PlainBmcs
) -> None:
    bmc = driver.connect(bmcs.info())
    bmc.power_off(timeout_s=10)
    bmcs.set_faults(stays_off=1)
    bmc.power_on(timeout_s=10)
    assert bmc.power_state(timeout_s=10) is PowerState.OFF


def test_a_busy_bmc_is_asked_again(driver: Driver, bmcs: PlainBmcs) -> None:
    bmc = driver.connect(bmcs.info())
    bmc.power_state(timeout_s=10)
    bmcs.set_faults(busy=2)
    assert bmc.power_state(timeout_s=10) in set(PowerState)


def test_a_kg_key_may_be_shorter_than_the_bmc_keeps_it(driver: Driver, bmcs: PlainBmcs) -> None:
    bmcs.set_faults(kg="4b6579" + "00" * 17)
    bmc = driver.connect(bmcs.info(1, ipmi_hex_kg_key="4b6579", ipmi_cipher_suite=3))
    assert bmc.power_state(timeout_s=20) in set(PowerState)
    wrong = driver.connect(bmcs.info(1, ipmi_hex_kg_key="4b657a", ipmi_cipher_suite=3))
    with pytest.raises(BmcError):
        wrong.power_state(timeout_s=20)


def test_cipher_suite_3_can_be_chosen(driver: Driver, bmcs: PlainBmcs) -> None:
    bmc = driver.connect(bmcs.info(1, ipmi_cipher_suite=3))
    assert bmc.power_state(timeout_s=10) is PowerState.OFF


def test_a_bmc_that_lacks_the_chosen_cipher_suite_is_not_talked_to_with_a_weaker_one(
    driver: Driver, bmcs: PlainBmcs
) -> None:
    bmc = driver.connect(bmcs.info(1, ipmi_cipher_suite=17))
    words = refusal(bmc.power_state, BmcError, timeout_s=30, limit_s=10)
    assert "ipmi_cipher_suite" in words


def test_a_bridged_request_goes_to_the_target_and_never_switches_the_bmc_between(
    bmcs: PlainBmcs,
) -> None:
    driver = IpmitoolDriver()
    bmc = driver.connect(bmcs.info())
    bmc.power_off(timeout_s=10)
    bridged = driver.connect(
        bmcs.info(ipmi_bridging="single", ipmi_target_channel=0, ipmi_target_address="0x82")
    )
    words = refusal(bridged.power_on, BmcError, timeout_s=10, limit_s=11)
    assert "bridged to 0x82 on channel 0" in words
    assert (
        "0x82" in words.partition("power on")[2]
    )  # the code with which the BMC refuses the target
    assert bmc.power_state(timeout_s=10) is PowerState.OFF
