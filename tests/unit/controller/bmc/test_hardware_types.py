import pytest

from controller.bmc.hardware_types import HARDWARE_TYPES, INTERFACE_KINDS
from controller.bmc.registry import load_drivers
from controller.errors import Invalid


@pytest.mark.parametrize("name", HARDWARE_TYPES)
def test_every_hardware_type_has_interfaces_of_every_kind(name: str) -> None:
    hardware_type = HARDWARE_TYPES[name]
    assert set(hardware_type.interfaces) == set(INTERFACE_KINDS)
    assert all(hardware_type.interfaces.values())


@pytest.mark.parametrize("name", HARDWARE_TYPES)
def test_every_power_interface_has_a_driver_that_is_installed(name: str) -> None:
    hardware_type = HARDWARE_TYPES[name]
    drivers = load_drivers()
    for power_interface in hardware_type.interfaces["power"]:
        assert hardware_type.bmc_driver(power_interface) in drivers


def test_the_names_of_ironic_lead_to_our_ipmi_driver() -> None:
    ipmi = HARDWARE_TYPES["ipmi"]
    assert ipmi.bmc_driver() == ipmi.bmc_driver("ipmitool") == ipmi.bmc_driver("pyghmi") == "ipmi"
    assert ipmi.bmc_driver("ipmitool-cli") == "ipmitool"
    assert ipmi.default_interface("boot") == "ipxe"


def test_an_unknown_power_interface_is_refused_with_those_there_are() -> None:
    with pytest.raises(Invalid, match=r"'redfish'.*choose from: ipmitool, pyghmi, ipmitool-cli"):
        HARDWARE_TYPES["ipmi"].bmc_driver("redfish")
