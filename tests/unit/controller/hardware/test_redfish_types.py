"""Nodes that were defined for Ironic's Redfish-like hardware types are served."""

import pytest

from controller.bmc.redfish import RedfishDriver
from controller.bmc.redfish_bios import RedfishBios
from controller.bmc.redfish_firmware import RedfishFirmware
from controller.hardware.registry import load_catalog
from controller.settings import Settings


@pytest.mark.parametrize(
    ("driver", "chosen"),
    [
        ("redfish", {}),
        ("redfish", {"power": "redfish", "bios": "no-bios", "firmware": "no-firmware"}),
        ("idrac", {}),
        ("idrac", {"power": "idrac-redfish", "management": "idrac-redfish", "bios": "redfish"}),
        ("ilo", {}),
        ("ilo", {"power": "ilo", "management": "ilo", "bios": "ilo", "boot": "ilo-ipxe"}),
        ("ilo", {"boot": "ilo-pxe", "firmware": "redfish"}),
    ],
)
def test_their_interfaces_are_those_of_redfish(driver: str, chosen: dict[str, str]) -> None:
    catalog = load_catalog(Settings())
    found = catalog.interfaces_of(driver, chosen)
    assert isinstance(found.power, RedfishDriver)
    assert found.power is found.management
    assert isinstance(found.bios, RedfishBios) is (chosen.get("bios") != "no-bios")
    assert isinstance(found.firmware, RedfishFirmware) is (chosen.get("firmware") != "no-firmware")


def test_steps_of_dell_are_those_of_the_interface_called_so() -> None:
    catalog = load_catalog(Settings())

    def names(driver: str, chosen: dict[str, str]) -> set[str]:
        parts = catalog.interfaces_of(driver, chosen).offering()
        return {one.name for part in parts for one in part.steps({}) if "verify" in one.priorities}

    dell = {"clear_job_queue", "reset_idrac", "known_good_state"}
    assert names("idrac", {}) == {"verify_bmc_clock", *dell}
    assert names("redfish", {}) == {"verify_bmc_clock"}
    assert names("idrac", {"power": "redfish", "management": "redfish"}) == {"verify_bmc_clock"}
