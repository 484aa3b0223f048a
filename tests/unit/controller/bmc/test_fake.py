import pytest

from controller.bmc.fake import FakeDriver
from controller.errors import BmcError, BmcUnreachable, Invalid
from controller.hardware.bmc import BootDevice, BootMode, PowerState


def test_a_machine_is_remembered_by_its_fake_id() -> None:
    driver = FakeDriver()
    driver.connect({"fake_id": "a"}).power_on(timeout_s=1)
    assert driver.connect({"fake_id": "a"}).power_state(timeout_s=1) is PowerState.ON
    assert driver.connect({"fake_id": "b"}).power_state(timeout_s=1) is PowerState.OFF


def test_the_boot_device_is_remembered() -> None:
    bmc = FakeDriver().connect({})
    assert bmc.boot_device(timeout_s=1).device is None
    bmc.set_boot_device(BootDevice.PXE, mode=BootMode.UEFI, persistent=True, timeout_s=1)
    assert bmc.boot_device(timeout_s=1).device is BootDevice.PXE
    assert bmc.boot_device(timeout_s=1).is_persistent


def test_a_machine_that_stays_off_accepts_power_on() -> None:
    bmc = FakeDriver().connect({"fake_stays_off": True})
    bmc.power_on(timeout_s=1)
    assert bmc.power_state(timeout_s=1) is PowerState.OFF


def test_a_machine_that_is_off_cannot_be_reset() -> None:
    with pytest.raises(BmcError, match="the machine is off"):
        FakeDriver().connect({}).reset(timeout_s=1)


def test_a_slow_bmc_misses_the_deadline() -> None:
    with pytest.raises(BmcUnreachable, match=r"no answer within 0.0 s"):
        FakeDriver().connect({"fake_delay_s": 5}).power_on(timeout_s=0.01)


def test_failures_come_as_often_as_asked_for() -> None:
    with pytest.raises(BmcUnreachable):
        FakeDriver().connect({"fake_failure_rate": 1}).power_on(timeout_s=1)


@pytest.mark.parametrize("value", ["x", -1, 2])
def test_a_malformed_rate_is_refused(value: object) -> None:
    with pytest.raises(Invalid, match=r"fake_failure_rate.*0 to 1"):
        FakeDriver().check({"fake_failure_rate": value})
