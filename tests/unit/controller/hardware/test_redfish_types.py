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
