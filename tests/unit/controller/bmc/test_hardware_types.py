import pytest

from controller.bmc.fake import FakeDriver
from controller.bmc.hardware_types import INTERFACE_KINDS, OWN_TYPES, served_types
from controller.bmc.interface import Offer
from controller.bmc.registry import load_drivers
from controller.errors import Invalid, SettingsError


@pytest.mark.parametrize("name", OWN_TYPES)
def test_every_hardware_type_has_interfaces_of_every_kind(name: str) -> None:
    hardware_type = OWN_TYPES[name]
    assert set(hardware_type.interfaces) == set(INTERFACE_KINDS)
    assert all(hardware_type.interfaces.values())


@pytest.mark.parametrize("name", OWN_TYPES)
def test_every_power_interface_has_a_driver_that_is_installed(name: str) -> None:
    hardware_type = OWN_TYPES[name]
    drivers = load_drivers()
    for power_interface in hardware_type.interfaces["power"]:
        assert hardware_type.bmc_driver(power_interface) in drivers


def test_the_names_of_ironic_lead_to_our_ipmi_driver() -> None:
    ipmi = OWN_TYPES["ipmi"]
    assert ipmi.bmc_driver() == ipmi.bmc_driver("ipmitool") == ipmi.bmc_driver("pyghmi") == "ipmi"
    assert ipmi.bmc_driver("ipmitool-cli") == "ipmitool"
    assert ipmi.default_interface("boot") == "ipxe"


def test_an_unknown_power_interface_is_refused_with_those_there_are() -> None:
    with pytest.raises(Invalid, match=r"'redfish'.*choose from: ipmitool, pyghmi, ipmitool-cli"):
        OWN_TYPES["ipmi"].bmc_driver("redfish")


class AcmeDriver(FakeDriver):
    def __init__(self, *hardware_types: str) -> None:
        super().__init__()
        self.offer = Offer(interface="acme", hardware_types=hardware_types)


def test_a_driver_adds_its_interface_and_its_hardware_type() -> None:
    types = served_types({"fake": FakeDriver(), "acme-http": AcmeDriver("ipmi", "acme")})
    assert types["ipmi"].default_interface("power") == "ipmitool"
    assert types["ipmi"].bmc_driver("acme") == "acme-http"
    assert types["acme"].default_interface("management") == "acme"
    assert types["acme"].bmc_driver() == "acme-http"
    assert set(types["acme"].interfaces) == set(INTERFACE_KINDS)
    assert all(types["acme"].interfaces.values())
    assert set(OWN_TYPES) == {"ipmi", "fake-hardware"}


def test_two_drivers_cannot_have_one_interface() -> None:
    with pytest.raises(SettingsError, match=r"'two' offers .*'acme'.* that of driver 'one'"):
        served_types({"one": AcmeDriver("acme"), "two": AcmeDriver("acme")})
