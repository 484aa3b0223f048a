"""What the Redfish driver can do beside power, boot device and media: boot mode, Secure Boot and its keys, lamps, the BMC's clock."""

import datetime as dt
import time
from collections.abc import Iterator

import pytest

from controller.bmc.redfish import RedfishBmc, RedfishDriver
from controller.bmc.redfish_steps import STEPS
from controller.errors import BmcError
from controller.hardware.abilities import HasIndicators, IndicatorState, SwitchesFirmware
from controller.hardware.bmc import BmcStepLook, BootDevice, BootMode
from tests.integration.redfish_doubles import UUID, RedfishLab, driver_info
from tests.integration.redfish_fixtures import shared
from tests.lab.redfish.facts import SecureBoot
from tests.lab.redfish.faults import RedfishFaults

__all__ = ["shared"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 10.0
POOR = RedfishFaults(without_optional=True)


@pytest.fixture
def lab(shared: RedfishLab) -> Iterator[RedfishLab]:
    shared.machine.secure_boot = SecureBoot(possible=True)
    with shared.as_new() as made:
        yield made


@pytest.fixture
def bmc(lab: RedfishLab) -> Iterator[RedfishBmc]:
    driver = RedfishDriver()
    yield driver.connect(driver_info(lab))
    lab.bmc.set_faults()
    driver.close()


def carry_out(bmc: RedfishBmc, name: str, **arguments: object) -> None:
    (step,) = [one for one in STEPS if one.name == name]
    assert step.begin(bmc, arguments, S) == BmcStepLook(state=None)


def test_the_boot_mode_is_changed_where_the_bmc_does_it(lab: RedfishLab, bmc: RedfishBmc) -> None:
    assert isinstance(bmc, SwitchesFirmware)
    assert bmc.boot_mode(timeout_s=S) is BootMode.UEFI
    bmc.set_boot_mode(BootMode.UEFI, timeout_s=S)
    bmc.set_boot_device(BootDevice.PXE, mode=BootMode.UEFI, persistent=True, timeout_s=S)
    bmc.set_boot_mode(BootMode.BIOS, timeout_s=S)
    assert bmc.boot_mode(timeout_s=S) is BootMode.BIOS
    assert lab.machine.boot_override is not None
    assert not lab.machine.boot_override.uefi


def test_a_bmc_that_keeps_the_other_boot_mode_is_found_out(bmc: RedfishBmc) -> None:
    with pytest.raises(BmcError, match=r"set boot mode bios: .*stays at boot mode uefi; .*set-up"):
        bmc.set_boot_mode(BootMode.BIOS, timeout_s=S)


def test_secure_boot_is_switched_and_its_keys_come_and_go(lab: RedfishLab, bmc: RedfishBmc) -> None:
    assert bmc.secure_boot(timeout_s=S) is False
    bmc.set_secure_boot(True, timeout_s=S)
    assert bmc.secure_boot(timeout_s=S) is True
    assert lab.machine.secure_boot.enabled
    carry_out(bmc, "clear_secure_boot_keys")
    assert (lab.machine.secure_boot.enabled, lab.machine.secure_boot.keys) == (False, False)
    with pytest.raises(BmcError, match=r"needs keys.*reset_secure_boot_keys_to_default"):
        bmc.set_secure_boot(True, timeout_s=S)
    carry_out(bmc, "reset_secure_boot_keys_to_default")
    assert lab.machine.secure_boot.keys
    bmc.set_secure_boot(True, timeout_s=S)
    bmc.set_secure_boot(False, timeout_s=S)
    assert not lab.machine.secure_boot.enabled


def test_secure_boot_needs_uefi(bmc: RedfishBmc) -> None:
    bmc.set_boot_device(BootDevice.PXE, mode=BootMode.BIOS, persistent=True, timeout_s=S)
    with pytest.raises(BmcError, match="Secure Boot needs UEFI; set the boot mode"):
        bmc.set_secure_boot(True, timeout_s=S)


def test_a_bmc_without_secure_boot_has_it_off_and_says_so(lab: RedfishLab, bmc: RedfishBmc) -> None:
    lab.bmc.set_faults(POOR)
    assert bmc.secure_boot(timeout_s=S) is False
    bmc.set_secure_boot(False, timeout_s=S)
    words = "switch Secure Boot on: it does not offer Secure Boot by Redfish; .*set-up"
    with pytest.raises(BmcError, match=words):
        bmc.set_secure_boot(True, timeout_s=S)
    with pytest.raises(BmcError, match="does not offer Secure Boot"):
        carry_out(bmc, "clear_secure_boot_keys")


def test_every_lamp_is_told_and_switched(lab: RedfishLab, bmc: RedfishBmc) -> None:
    assert isinstance(bmc, HasIndicators)
    lamps = bmc.indicators(timeout_s=S)
    assert {kind: [*names] for kind, names in lamps.items()} == {
        "system": [UUID],
        "chassis": ["Case"],
        "disk": ["0", "1"],
    }
    for kind, names in lamps.items():
        for name, lamp in names.items():
            assert not lamp.readonly
            for state in lamp.states:
                bmc.set_indicator_state(kind, name, state, timeout_s=S)
                assert bmc.indicator_state(kind, name, timeout_s=S) is state
    bmc.set_indicator_state("disk", "1", IndicatorState.OFF, timeout_s=S)
    bmc.set_indicator_state("disk", "0", IndicatorState.ON, timeout_s=S)
    assert bmc.indicator_state("disk", "1", timeout_s=S) is IndicatorState.OFF


def test_a_lamp_that_is_not_there_is_named(lab: RedfishLab, bmc: RedfishBmc) -> None:
    with pytest.raises(BmcError, match="there is no indicator x@disk"):
        bmc.indicator_state("disk", "x", timeout_s=S)
    with pytest.raises(BmcError, match="indicator 0@disk cannot be blinking"):
        bmc.set_indicator_state("disk", "0", IndicatorState.BLINKING, timeout_s=S)
    lab.bmc.set_faults(POOR)
    assert set(bmc.indicators(timeout_s=S)) <= {"chassis", "disk"}


@pytest.mark.parametrize("hours", [-30, 0, 5])
def test_the_clock_is_set_and_read_back(bmc: RedfishBmc, hours: int) -> None:
    wrong = dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)
    carry_out(bmc, "set_bmc_clock", target_datetime=wrong.isoformat())
    assert bmc.clock_is_right(timeout_s=S) is (hours == 0)
    carry_out(bmc, "verify_bmc_clock")
    assert bmc.clock_is_right(timeout_s=S)
    carry_out(bmc, "set_bmc_clock", datetime_local_offset="+00:00")
    assert bmc.clock_is_right(timeout_s=S)


def test_a_clock_of_whole_seconds_is_right_however_late_in_a_second_it_was_set(
    bmc: RedfishBmc,
) -> None:
    carry_out(bmc, "set_bmc_clock", target_datetime="2001-01-01T00:00:00+00:00")
    time.sleep((0.9 - time.time()) % 1)
    carry_out(bmc, "verify_bmc_clock")
    for _look in range(15):
        assert bmc.clock_is_right(timeout_s=S)
        time.sleep(0.1)


def test_a_clock_that_cannot_be_set_is_said(lab: RedfishLab, bmc: RedfishBmc) -> None:
    lab.bmc.set_faults(RedfishFaults(keeps_time=True))
    with pytest.raises(BmcError, match=r"set the clock: .*2001-01-01.*\(NTP\)"):
        carry_out(bmc, "set_bmc_clock", target_datetime="2001-01-01T00:00:00+00:00")
    lab.bmc.set_faults(POOR)
    with pytest.raises(BmcError, match="does not offer a clock"):
        carry_out(bmc, "verify_bmc_clock")
    for wrong in ({"target_datetime": "noon"}, {"datetime_local_offset": "2"}):
        with pytest.raises(BmcError, match="give"):
            carry_out(bmc, "set_bmc_clock", **wrong)
