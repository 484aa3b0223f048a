"""Which interfaces nodes may have and have by default, with what is installed here and with what others install beside it."""

import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stevedore import NamedExtensionManager

from controller.bmc.fake import FakeDriver
from controller.bmc.ipmi import IpmiDriver
from controller.errors import Invalid, SettingsError
from controller.hardware.catalog import Catalog, make_catalog, may_be_served
from controller.hardware.interface import INTERFACE_KINDS, NotSupported
from controller.hardware.registry import load_catalog
from controller.hardware.types import COMMAND, FAKE_HARDWARE, IPMI, REDFISH
from controller.settings import Settings

TYPES = {one.name: one for one in (IPMI, FAKE_HARDWARE, COMMAND, REDFISH)}
INSTALLED = load_catalog(Settings())


def catalog(**settings: str) -> Catalog:
    return make_catalog(INSTALLED.parts, TYPES, Settings(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TYPES)
def test_everything_that_a_hardware_type_supports_is_installed(name: str) -> None:
    for kind in INTERFACE_KINDS:
        assert TYPES[name].supports[kind]
        assert set(TYPES[name].supports[kind]) <= set(INSTALLED.parts[kind])


@pytest.mark.parametrize("kind", INTERFACE_KINDS)
def test_what_is_called_no_something_is_not_supported_and_nothing_else_is(kind: str) -> None:
    for name, part in INSTALLED.parts[kind].items():
        assert isinstance(part, NotSupported) == name.startswith("no-"), name


def test_the_names_of_ironic_lead_to_our_ipmi_driver_which_serves_two_kinds() -> None:
    found = INSTALLED.interfaces_of("ipmi", {})
    assert isinstance(found.power, IpmiDriver)
    assert found.management is INSTALLED.parts["power"]["pyghmi"]
    assert (found.names["power"], found.names["boot"]) == ("ipmitool", "ipxe")


def test_power_and_management_may_be_of_different_drivers() -> None:
    found = INSTALLED.interfaces_of("ipmi", {"power": "pyghmi", "management": "ipmitool-cli"})
    assert found.of("power") is not found.of("management")


def test_an_unknown_driver_or_interface_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        Invalid, match=r"'ilo' is not served here; valid drivers: command, fake-hard"
    ):
        catalog().interfaces_of("ilo", {})
    words = "power_interface 'ilo' does not exist .* valid: ipmitool, pyghmi, ipmitool-cli"
    with pytest.raises(Invalid, match=words):
        catalog().names_of("ipmi", {"power": "ilo"})


def test_a_hardware_type_can_be_switched_off() -> None:
    assert set(catalog(enabled_hardware_types="ipmi").types) == {"ipmi"}


def test_interfaces_can_be_switched_off_and_the_next_is_the_default() -> None:
    served = catalog(enabled_inspect_interfaces="no-inspect,fake")
    assert served.types["ipmi"].supports["inspect"] == ("no-inspect",)
    assert served.names_of("ipmi", {})["inspect"] == "no-inspect"
    with pytest.raises(Invalid, match="inspect_interface 'agent' does not exist"):
        served.names_of("ipmi", {"inspect": "agent"})


def test_the_default_can_be_chosen() -> None:
    served = catalog(default_raid_interface="agent")
    assert served.types["ipmi"].supports["raid"] == ("agent", "no-raid")
    assert served.types["fake-hardware"].supports["raid"][0] == "agent"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"enabled_hardware_types": "ipmi,ilo"}, "enabled_hardware_types names ilo, .* installed"),
        ({"enabled_raid_interfaces": "agnet"}, "enabled_raid_interfaces names agnet, .* agent"),
        (
            {"enabled_power_interfaces": "fake"},
            "'ipmi' has no power interface.* supports ipmitool.*enabled_power_interfaces has none",
        ),
        (
            {"default_power_interface": "ipmitool"},
            "default_power_interface = 'ipmitool' is none that hardware type 'fake-hardware'",
        ),
        (
            {"enabled_boot_interfaces": "pxe", "default_boot_interface": "ipxe"},
            "default_boot_interface = 'ipxe' is none .* enabled",
        ),
    ],
)
def test_settings_that_leave_nothing_to_choose_are_named_at_start(
    settings: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        catalog(**settings)


class AcmeDriver(FakeDriver):
    def __init__(self, *hardware_types: str) -> None:
        super().__init__()
        self.hardware_types = hardware_types


def with_acme(*hardware_types: str) -> Catalog:
    acme = AcmeDriver(*hardware_types)
    more: dict[str, Any] = {
        kind: {**INSTALLED.parts[kind], "acme": acme} for kind in ("power", "management")
    }
    return make_catalog({**INSTALLED.parts, **more}, TYPES, Settings())


def test_what_is_installed_beside_joins_hardware_types_or_brings_its_own() -> None:
    served = with_acme("ipmi", "acme")
    assert served.types["ipmi"].supports["power"][0] == "ipmitool"
    assert served.types["ipmi"].supports["power"][-1] == "acme"
    assert served.names_of("acme", {})["management"] == "acme"
    assert isinstance(served.interfaces_of("acme", {}).power, AcmeDriver)
    assert "acme" not in TYPES["ipmi"].supports["power"]


NAMES = {kind: sorted(INSTALLED.parts[kind]) for kind in INTERFACE_KINDS}


@given(
    st.sampled_from(sorted(TYPES)),
    st.fixed_dictionaries(
        {}, optional={kind: st.sampled_from([*names, "other"]) for kind, names in NAMES.items()}
    ),
)
def test_a_node_has_what_it_chose_or_nothing_at_all(driver: str, chosen: dict[str, str]) -> None:
    supports = INSTALLED.types[driver].supports
    try:
        found = INSTALLED.interfaces_of(driver, chosen)
    except Invalid:
        assert any(name not in supports[kind] for kind, name in chosen.items())
        return
    for kind in INTERFACE_KINDS:
        assert found.names[kind] == chosen.get(kind, supports[kind][0])
        assert found.of(kind) is INSTALLED.parts[kind][found.names[kind]]


def test_steps_of_an_object_that_serves_two_kinds_are_offered_once() -> None:
    class Stepping(AcmeDriver):
        def steps(self, _driver_info: Any) -> tuple[()]:
            return ()

    both = Stepping()
    parts: dict[str, Any] = {
        kind: {**INSTALLED.parts[kind], "fake": both} for kind in ("power", "management")
    }
    served = make_catalog({**INSTALLED.parts, **parts}, TYPES, Settings())
    without = {"bios": "no-bios", "firmware": "no-firmware"}
    assert served.interfaces_of("fake-hardware", without).offering() == (both,)


def test_what_no_node_can_have_is_not_imported() -> None:
    program = (
        "import sys; from controller.hardware.registry import load_catalog; from controller.settings import Settings;"
        " load_catalog(Settings(enabled_hardware_types=sys.argv[1], enabled_boot_interfaces=sys.argv[2]));"
        " print(*(name for name in ('sushy', 'pyghmi') if name in sys.modules))"
    )

    def loaded(types: str, boot: str) -> list[str]:
        command = [sys.executable, "-c", program, types, boot]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    assert loaded("fake-hardware", "fake") == []
    assert loaded("fake-hardware", "") == ["sushy"]  # its nodes may boot Redfish's virtual media
    assert loaded("redfish", "") == ["sushy", "pyghmi"]  # IPMI may be mixed in


def test_disabled_implementations_are_installed_all_the_same() -> None:
    only_fake = load_catalog(Settings(enabled_hardware_types="fake-hardware"))
    assert set(only_fake.parts["power"]) == set(only_fake.types["fake-hardware"].supports["power"])
    settings = Settings(
        enabled_hardware_types="fake-hardware", enabled_power_interfaces="redfish, fake"
    )
    assert load_catalog(settings).types["fake-hardware"].supports["power"] == ("fake",)
    with pytest.raises(
        SettingsError, match=r"acme, which is not installed; installed are .*redfish"
    ):
        load_catalog(replace(settings, enabled_power_interfaces="acme"))


def test_what_shows_media_is_there_for_hardware_types_that_boot_them_beside_other_management() -> (
    None
):
    found = load_catalog(
        Settings(enabled_hardware_types="ipmi", enabled_management_interfaces="ipmitool")
    )
    assert set(found.parts["management"]) == {"ipmitool", "redfish"}
    assert found.types["ipmi"].supports["management"] == ("ipmitool",)
    only_pxe = Settings(enabled_hardware_types="ipmi", enabled_boot_interfaces="ipxe")
    assert "redfish" not in load_catalog(only_pxe).parts["management"]


def test_a_hardware_type_that_only_a_plug_in_brings_has_what_is_generic_though_it_is_enabled_alone() -> (
    None
):
    served = may_be_served(TYPES, Settings(enabled_hardware_types="acme"))
    acme = AcmeDriver("acme")
    more = {kind: {"acme": acme} for kind in ("power", "management")}
    loaded: dict[str, Any] = {
        kind: {name: INSTALLED.parts[kind][name] for name in served[kind]} | more.get(kind, {})
        for kind in INTERFACE_KINDS
    }
    found = make_catalog(loaded, TYPES, Settings(enabled_hardware_types="acme"))
    assert set(found.types) == {"acme"}
    assert found.interfaces_of("acme", {}).names["deploy"] == "direct"


def test_a_name_that_two_packages_offer_is_refused_though_no_node_can_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def twice(manager: NamedExtensionManager[Any]) -> list[EntryPoint]:
        one = EntryPoint("redfish", "controller.bmc.redfish:RedfishDriver", manager.namespace)
        return [one, one]

    monkeypatch.setattr(NamedExtensionManager, "list_entry_points", twice)
    with pytest.raises(SettingsError, match=r"two packages offer 'redfish' .*; uninstall one"):
        load_catalog(Settings(enabled_hardware_types="fake-hardware"))
