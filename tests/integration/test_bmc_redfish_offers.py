"""A Redfish BMC that does not have what is asked for: one sentence says which BMC, what it has, and what to do; no library's words."""

import re
from collections.abc import Callable

import pytest

from controller.bmc.redfish import RedfishBmc
from controller.errors import BmcError
from controller.hardware.abilities import MediaDevice
from controller.hardware.bmc import BootDevice, BootMode
from tests.integration.redfish_doubles import RedfishLab
from tests.integration.redfish_fixtures import bmc, driver, lab, shared
from tests.lab.redfish.faults import RedfishFaults

__all__ = ["bmc", "driver", "lab", "shared"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 10.0
RAW = re.compile(r"<\w+\.|ResetType|BootSource\.|parameter|attribute|is missing from")
"""What sushy's own sentences have."""


def boot_cd(bmc: RedfishBmc) -> None:
    bmc.set_boot_device(BootDevice.CDROM, mode=BootMode.UEFI, persistent=False, timeout_s=S)


@pytest.mark.parametrize(
    ("faults", "call", "words"),
    [
        (
            RedfishFaults(without_resets=("Nmi",)),
            lambda bmc: bmc.inject_nmi(timeout_s=S),
            "does not offer the reset Nmi by Redfish (it offers: ForceOff, ForceRestart,",
        ),
        (
            RedfishFaults(without_resets=("ForceRestart", "PowerCycle")),
            lambda bmc: bmc.reset(timeout_s=S),
            "the reset ForceRestart or PowerCycle by Redfish (it offers: ForceOff, Graceful",
        ),
        (
            RedfishFaults(without_resets=("GracefulShutdown", "PushPowerButton")),
            lambda bmc: bmc.soft_power_off(timeout_s=S),
            "; shut the operating system down there, or power off",
        ),
        (
            RedfishFaults(without_resets=("ForceOff",)),
            lambda bmc: bmc.power_off(timeout_s=S),
            "does not offer the reset ForceOff by Redfish (it offers: ForceRestart, ",
        ),
        (
            RedfishFaults(without_targets=("Cd",)),
            boot_cd,
            "does not offer the boot device Cd by Redfish (it offers: BiosSetup, Hdd,",
        ),
        (
            RedfishFaults(without_targets=("UefiHttp",)),
            lambda bmc: bmc.boot_next_address("http://192.0.2.1/x", timeout_s=S),
            "does not offer the boot device UefiHttp by Redfish (it offers: BiosSetup,",
        ),
        (
            RedfishFaults(without_drives=("Cd",)),
            lambda bmc: bmc.attach_media(MediaDevice.CDROM, "http://192.0.2.1/x", timeout_s=S),
            "does not offer a virtual drive of the kind cdrom by Redfish (it offers: disk);",
        ),
        (
            RedfishFaults(without_logs=True),
            lambda bmc: bmc.log(10, timeout_s=S),
            "does not offer a log of the machine by Redfish; look at its own page",
        ),
    ],
    ids=["nmi", "reset", "soft off", "off", "boot device", "http boot", "drive", "log"],
)
def test_what_it_does_not_have_is_said_in_our_words(
    lab: RedfishLab,
    bmc: RedfishBmc,
    faults: RedfishFaults,
    call: Callable[[RedfishBmc], object],
    words: str,
) -> None:
    bmc.power_on(timeout_s=S)
    lab.bmc.set_faults(faults)
    with pytest.raises(BmcError, match=re.escape(words)) as raised:
        call(bmc)
    said = str(raised.value)
    assert said.startswith(f"BMC {lab.bmc.url}: ")
    assert not RAW.search(said), said
