"""Both IPMI drivers against the laboratory's BMC: cipher suite 17, slowness, garbage, silence."""

import pytest

from controller.bmc.ipmi import IpmiDriver
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.hardware.abilities import Interrupts
from controller.hardware.bmc import BootDevice, BootMode, PowerState
from tests.integration.bmc_doubles import LabMachine
from tests.integration.ipmi_fixtures import Driver, driver, machine, shared_machine
from tests.lab import hardware

__all__ = ["driver", "machine", "shared_machine"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


@pytest.mark.parametrize("suite", [None, 3, 17])
def test_every_cipher_suite_works(driver: Driver, machine: LabMachine, suite: int | None) -> None:
    bmc = driver.connect({**machine.info, "ipmi_cipher_suite": suite})
    bmc.power_on(timeout_s=10)
    assert machine.chassis.is_on
    assert bmc.power_state(timeout_s=10) is PowerState.ON
    bmc.power_off(timeout_s=10)
    assert not machine.chassis.is_on


@pytest.mark.parametrize("suite", [2, 16])
def test_old_cipher_suites_go_by_the_program_without_being_asked_for(
    driver: Driver, machine: LabMachine, suite: int
) -> None:
    bmc = driver.connect({**machine.info, "ipmi_cipher_suite": suite})
    bmc.power_on(timeout_s=10)
    assert machine.chassis.is_on
    assert bmc.power_state(timeout_s=10) is PowerState.ON


def test_a_cipher_suite_that_the_bmc_lacks_is_named(driver: Driver, machine: LabMachine) -> None:
    with pytest.raises(BmcError, match="ipmi_cipher_suite"):
        driver.connect({**machine.info, "ipmi_cipher_suite": 8}).power_state(timeout_s=20)


@pytest.mark.parametrize("form", ["{}:{}", "ipmi://{}:{}/", " {}:{}\n"])
def test_an_address_may_have_its_port(driver: Driver, machine: LabMachine, form: str) -> None:
    info = {key: value for key, value in machine.info.items() if key != "ipmi_port"}
    info["ipmi_address"] = form.format(info["ipmi_address"], machine.info.get("ipmi_port", 623))
    assert driver.connect(info).power_state(timeout_s=10) in set(PowerState)


def test_the_machine_sees_the_boot_device_the_firmware_mode_and_how_long(
    driver: Driver, machine: LabMachine
) -> None:
    bmc = driver.connect(machine.info)
    bmc.set_boot_device(BootDevice.PXE, mode=BootMode.UEFI, persistent=False, timeout_s=10)
    assert machine.chassis.boot_override == hardware.BootOverride(
        device=hardware.BootDevice.PXE, persistent=False, uefi=True
    )
    bmc.set_boot_device(BootDevice.DISK, mode=BootMode.BIOS, persistent=True, timeout_s=10)
    assert machine.chassis.boot_override == hardware.BootOverride(
        device=hardware.BootDevice.DISK, persistent=True, uefi=False
    )


def test_a_machine_that_is_on_is_interrupted(driver: Driver, machine: LabMachine) -> None:
    bmc = driver.connect(machine.info)
    assert isinstance(bmc, Interrupts)
    machine.chassis.power_off()
    with pytest.raises(BmcError, match="not possible in the machine's present state"):
        bmc.inject_nmi(timeout_s=10)
    bmc.power_on(timeout_s=10)
    before = machine.chassis.interrupts
    bmc.inject_nmi(timeout_s=10)
    assert machine.chassis.interrupts == before + 1
    bmc.power_off(timeout_s=10)


def test_a_bmc_that_forgets_the_boot_device_is_found_out_by_asking(
    driver: Driver, machine: LabMachine
) -> None:
    bmc = driver.connect(machine.info)
    bmc.set_boot_device(BootDevice.DISK, mode=BootMode.BIOS, persistent=True, timeout_s=10)
    machine.bmc.set_faults(forgets_boot_device=True)
    bmc.set_boot_device(BootDevice.PXE, mode=BootMode.BIOS, persistent=True, timeout_s=10)
    assert bmc.boot_device(timeout_s=10).device is BootDevice.DISK


@pytest.mark.parametrize("slow_s", [0.7, 2.0])
def test_a_slow_bmc_is_waited_for(machine: LabMachine, slow_s: float) -> None:
    driver = IpmiDriver()
    try:
        bmc = driver.connect(machine.info)
        machine.bmc.set_faults(slow_s=slow_s)
        bmc.power_on(timeout_s=40)
        assert machine.chassis.is_on
        assert bmc.power_state(timeout_s=40) is PowerState.ON
    finally:
        driver.close()


def test_garbage_is_no_answer(driver: Driver, machine: LabMachine) -> None:
    machine.bmc.set_faults(garbage=True)
    with pytest.raises(BmcError):
        driver.connect(machine.info).power_state(timeout_s=6)


def test_garbage_in_the_middle_of_a_session_is_an_error_and_passes(
    driver: Driver, machine: LabMachine
) -> None:
    bmc = driver.connect(machine.info)
    bmc.power_state(timeout_s=10)
    machine.bmc.set_faults(garbage=True)
    with pytest.raises(BmcError):
        bmc.power_state(timeout_s=4)
    machine.bmc.set_faults()
    assert bmc.power_state(timeout_s=20) in set(PowerState)


def test_a_bmc_that_cannot_be_reached_is_named(driver: Driver, machine: LabMachine) -> None:
    machine.bmc.set_faults(unreachable=True)
    with pytest.raises(BmcUnreachable, match=f"BMC {machine.bmc.address} port 623: power on"):
        driver.connect(machine.info).power_on(timeout_s=3)


def test_a_wrong_password_is_said_and_not_taken_for_silence(
    driver: Driver, machine: LabMachine
) -> None:
    with pytest.raises(BmcAuthenticationFailed, match="user 'admin' refused"):
        driver.connect({**machine.info, "ipmi_password": "wrong"}).power_state(timeout_s=30)


def test_an_unknown_user_is_said(driver: Driver, machine: LabMachine) -> None:
    with pytest.raises(BmcAuthenticationFailed, match="user 'root' refused"):
        driver.connect({**machine.info, "ipmi_username": "root"}).power_state(timeout_s=30)
