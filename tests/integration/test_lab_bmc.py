"""The lab's BMC answers the IPMI clients that people use, and fails in the ways that tests ask for."""

import sys
import time

import pytest

from tests.lab.errors import LabError
from tests.lab.hardware import BootDevice, BootOverride, Disk
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.machine_event import EventKind
from tests.lab.tiny_guest import READY, boot_sector

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

_PYGHMI_CLIENT = """
import sys
from pyghmi.ipmi.command import Command
bmc = Command(bmc=sys.argv[1], userid=sys.argv[2], password=sys.argv[3])
print(bmc.get_power()["powerstate"])
print(bmc.set_bootdev("network", persist=True, uefiboot=True))
print(sorted(bmc.get_bootdev().items()))
print(bmc.set_power("on", wait=True)["powerstate"])
print(bmc.set_power("off", wait=True)["powerstate"])
print(bmc.set_bootdev("default"))
print(sorted(bmc.get_bootdev().items()))
sys.stdout.flush()
import os
os._exit(0)  # its I/O thread would hold the interpreter up
"""


@pytest.fixture
def machine(lab: Lab) -> Machine:
    return lab.machine(memory_mib=256, disks=(Disk(size_bytes=1 << 20),))


def ipmitool(
    lab: Lab, machine: Machine, *words: str, suite: int = 3, password: str | None = None
) -> str:
    """Give one command with ipmitool: one try, 2 s."""
    bmc = machine.bmc
    return lab.network.run(
        *("ipmitool", "-I", "lanplus", "-C", str(suite), "-N", "2", "-R", "1", "-H", bmc.address),
        *("-p", str(bmc.port), "-U", bmc.username, "-P", password or bmc.password, *words),
    ).strip()


@pytest.mark.parametrize("suite", [3, 17])
def test_ipmitool_switches_a_machine_on_and_off(lab: Lab, machine: Machine, suite: int) -> None:
    def power(word: str) -> str:
        return ipmitool(lab, machine, "power", word, suite=suite)

    assert power("status") == "Chassis Power is off"
    power("on")
    assert machine.is_on
    assert power("status") == "Chassis Power is on"
    machine.console.wait_for("SeaBIOS", timeout_s=30)
    power("reset")
    power("cycle")
    power("off")
    assert power("status") == "Chassis Power is off"
    assert [event.kind for event in machine.events if event.kind is not EventKind.BOOT] == [
        EventKind.POWER_ON,
        EventKind.RESET,
        EventKind.POWER_OFF,
        EventKind.POWER_ON,
        EventKind.POWER_OFF,
    ]


def test_ipmitool_left_to_choose_takes_the_better_cipher_suite(lab: Lab, machine: Machine) -> None:
    bmc = machine.bmc
    words = ("-H", bmc.address, "-U", bmc.username, "-P", bmc.password, "-vv", "power", "status")
    shown = lab.network.run("sh", "-c", 'exec "$@" 2>&1', "-", "ipmitool", "-I", "lanplus", *words)
    assert "Chassis Power is off" in shown
    assert "hmac_sha256" in shown


def test_soft_off_presses_the_power_button(lab: Lab) -> None:
    image = lab.scratch / "tiny.raw"
    image.write_bytes(boot_sector())
    machine = lab.machine(memory_mib=256, disks=(Disk(size_bytes=1 << 20, image=image),))
    ipmitool(lab, machine, "power", "on")
    machine.console.wait_for(READY, timeout_s=30)
    ipmitool(lab, machine, "power", "soft")
    machine.wait_for_event(EventKind.GUEST_SHUTDOWN, timeout_s=10)
    assert ipmitool(lab, machine, "power", "status") == "Chassis Power is off"


def test_a_machine_that_is_off_cannot_be_reset(lab: Lab, machine: Machine) -> None:
    with pytest.raises(LabError, match="not supported in present state"):
        ipmitool(lab, machine, "power", "reset")


@pytest.mark.parametrize(
    ("words", "device", "persistent", "uefi"),
    [
        (("pxe",), BootDevice.PXE, False, False),
        (("pxe", "options=persistent"), BootDevice.PXE, True, False),
        (("disk", "options=persistent,efiboot"), BootDevice.DISK, True, True),
        (("safe",), BootDevice.DISK, False, False),
        (("cdrom",), BootDevice.CDROM, False, False),
        (("bios",), BootDevice.SETUP, False, False),
    ],
)
def test_ipmitool_sets_the_boot_device(
    lab: Lab,
    machine: Machine,
    words: tuple[str, ...],
    device: BootDevice,
    persistent: bool,
    uefi: bool,
) -> None:
    ipmitool(lab, machine, "chassis", "bootdev", *words)
    assert machine.boot_override == BootOverride(device=device, persistent=persistent, uefi=uefi)
    shown = ipmitool(lab, machine, "chassis", "bootparam", "get", "5")
    assert "Boot Flag Valid" in shown
    assert ("all future boots" in shown) == persistent
    ipmitool(lab, machine, "chassis", "bootdev", "none")
    assert machine.boot_override is None


def test_the_raw_boot_flags_that_ironic_sends_are_understood(lab: Lab, machine: Machine) -> None:
    ipmitool(lab, machine, "raw", "0x00", "0x08", "0x03", "0x08")
    ipmitool(lab, machine, "raw", "0x00", "0x08", "0x05", "0xe0", "0x04", "0x00", "0x00", "0x00")
    assert machine.boot_override == BootOverride(device=BootDevice.PXE, persistent=True, uefi=True)
    assert ipmitool(lab, machine, "raw", "0", "9", "5", "0", "0") == "01 05 e0 04 00 00 00"


def test_what_a_server_also_answers_is_answered(lab: Lab, machine: Machine) -> None:
    ipmitool(lab, machine, "chassis", "identify", "5")
    assert "IPMI Version              : 2.0" in ipmitool(lab, machine, "mc", "info")
    assert "System GUID" in ipmitool(lab, machine, "mc", "guid")


def test_the_stock_pyghmi_client_gets_in_and_does_everything(lab: Lab, machine: Machine) -> None:
    bmc = machine.bmc
    arguments = (bmc.address, bmc.username, bmc.password)
    printed = lab.network.run(sys.executable, "-c", _PYGHMI_CLIENT, *arguments, timeout_s=60)
    assert printed.splitlines() == [
        "off",
        "{'bootdev': 'network'}",
        "[('bootdev', 'network'), ('persistent', True), ('uefimode', True)]",
        "on",
        "off",
        "{'bootdev': 'default'}",
        "[('bootdev', 'default'), ('persistent', True)]",
    ]


@pytest.mark.parametrize("suite", [3, 17])
def test_a_wrong_password_gets_nobody_in(lab: Lab, machine: Machine, suite: int) -> None:
    with pytest.raises(LabError, match=r"(?i)HMAC|password"):
        ipmitool(lab, machine, "-v", "power", "status", suite=suite, password="guess")
    assert ipmitool(lab, machine, "power", "status") == "Chassis Power is off"


def test_an_unreachable_bmc_says_nothing_until_it_is_back(lab: Lab, machine: Machine) -> None:
    machine.bmc.set_faults(unreachable=True)
    with pytest.raises(LabError, match="Unable to establish"):
        ipmitool(lab, machine, "power", "status")
    machine.bmc.set_faults()
    assert ipmitool(lab, machine, "power", "status") == "Chassis Power is off"


def test_a_bmc_that_answers_garbage_gives_no_session(lab: Lab, machine: Machine) -> None:
    machine.bmc.set_faults(garbage=True)
    with pytest.raises(LabError):
        ipmitool(lab, machine, "power", "status")
    machine.bmc.set_faults()
    assert ipmitool(lab, machine, "power", "status") == "Chassis Power is off"


def test_a_bmc_that_accepts_power_on_can_leave_the_machine_off(lab: Lab, machine: Machine) -> None:
    machine.bmc.set_faults(stays_off=True)
    ipmitool(lab, machine, "power", "on")
    assert ipmitool(lab, machine, "power", "status") == "Chassis Power is off"
    assert not machine.is_on


def test_a_bmc_that_accepts_a_boot_device_can_forget_it(lab: Lab, machine: Machine) -> None:
    machine.bmc.set_faults(forgets_boot_device=True)
    ipmitool(lab, machine, "chassis", "bootdev", "pxe")
    assert machine.boot_override is None


def test_a_slow_bmc_answers_late_but_right(lab: Lab, machine: Machine) -> None:
    machine.bmc.set_faults(slow_s=0.5)
    started_s = time.monotonic()
    assert ipmitool(lab, machine, "power", "status") == "Chassis Power is off"
    assert time.monotonic() - started_s > 2  # at least four questions


def test_a_bmc_that_was_stopped_comes_back_without_faults(lab: Lab, machine: Machine) -> None:
    machine.bmc.set_faults(stays_off=True)
    machine.bmc.stop()
    machine.bmc.start()
    ipmitool(lab, machine, "power", "on")
    assert machine.is_on


def test_three_machines_have_three_bmcs(lab: Lab, machine: Machine) -> None:
    others = [lab.machine(memory_mib=128, disks=()) for _ in range(2)]
    ipmitool(lab, others[1], "power", "on")
    assert [each.is_on for each in (machine, *others)] == [False, False, True]
    addresses = {each.bmc.address for each in (machine, *others)}
    assert len(addresses) == 3
