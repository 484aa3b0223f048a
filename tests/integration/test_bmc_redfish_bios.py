"""BIOS settings by Redfish: read with what is known of each, changed by the steps, and read back."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from controller.bmc.redfish_bios import BiosOfSystem, RedfishBios
from controller.errors import BmcError
from controller.hardware.bmc import BmcStep, BmcStepLook
from controller.hardware.firmware import TellsBiosSettings
from controller.settings import Settings
from tests.integration.redfish_doubles import RedfishLab, driver_info
from tests.integration.redfish_fixtures import shared
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.machine_state import BIOS_DEFAULTS

__all__ = ["shared"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 10.0
LIMIT_S = 600.0


@pytest.fixture
def lab(shared: RedfishLab) -> Iterator[RedfishLab]:
    with shared.as_new() as made:
        assert made.client().ask("POST", "Systems/1/Bios/Actions/Bios.ResetBios", {}).ok
        made.machine.power_on()
        yield made


@pytest.fixture
def driver() -> RedfishBios:
    return RedfishBios(Settings(bios_apply_timeout_s=LIMIT_S))


@pytest.fixture
def bios(lab: RedfishLab, driver: RedfishBios) -> BiosOfSystem:
    return driver.connect(driver_info(lab))


def step(driver: RedfishBios, name: str) -> BmcStep:
    (found,) = [one for one in driver.steps({}) if one.name == name]
    return found


def begin(driver: RedfishBios, bios: BiosOfSystem, wanted: Mapping[str, Any]) -> BmcStepLook:
    settings = [{"name": name, "value": value} for name, value in wanted.items()]
    return step(driver, "apply_configuration").begin(bios, {"settings": settings}, S)


def values(bios: BiosOfSystem) -> dict[str, str | None]:
    return {one.name: one.value for one in bios.bios_settings(timeout_s=S)}


def waiting(lab: RedfishLab) -> dict[str, Any]:
    found: dict[str, Any] = lab.client().get("Systems/1/Bios/Settings")["Attributes"]
    return found


def test_settings_are_told_with_what_the_registry_says(bios: BiosOfSystem) -> None:
    assert isinstance(bios, TellsBiosSettings)
    told = {one.name: one for one in bios.bios_settings(timeout_s=S)}
    assert set(told) == set(BIOS_DEFAULTS)
    one = told["BootMode"]
    assert (one.value, one.attribute_type, one.allowable_values) == (
        "Uefi",
        "Enumeration",
        ("Uefi", "Bios"),
    )
    assert (one.read_only, one.reset_required) == (False, True)
    assert told["BootRetrySeconds"].value == "30"
    assert told["QuietBoot"].attribute_type == "Boolean"


def test_settings_come_with_a_start_and_are_read_back(
    lab: RedfishLab, driver: RedfishBios, bios: BiosOfSystem
) -> None:
    wanted = {"ProcVirtualization": "Disabled", "BootRetrySeconds": "45", "QuietBoot": "true"}
    look = begin(driver, bios, wanted)
    assert look.restarts
    assert look.state is not None
    after = step(driver, "apply_configuration").look
    again = after(bios, look.state, S)
    assert again.state is not None
    assert "3 of 3 settings" in again.message
    assert values(bios)["BootRetrySeconds"] == "30"
    lab.machine.reset()
    assert after(bios, again.state, S).state is None
    assert {name: values(bios)[name] for name in wanted} == {
        "ProcVirtualization": "Disabled",
        "BootRetrySeconds": "45",
        "QuietBoot": "True",
    }


def test_what_is_so_already_costs_no_start(driver: RedfishBios, bios: BiosOfSystem) -> None:
    same = {"ProcVirtualization": "Enabled", "BootRetrySeconds": 30, "QuietBoot": False}
    assert begin(driver, bios, same) == BmcStepLook(state=None)


def test_a_setting_that_waits_for_the_other_value_is_no_reason_to_do_nothing(
    lab: RedfishLab, driver: RedfishBios, bios: BiosOfSystem
) -> None:
    begin(driver, bios, {"NumLock": "Off"})
    look = begin(driver, bios, {"NumLock": "On"})
    assert look.restarts
    lab.machine.reset()
    assert values(bios)["NumLock"] == "On"


def test_a_begin_that_was_killed_orders_nothing_twice(
    lab: RedfishLab, driver: RedfishBios, bios: BiosOfSystem
) -> None:
    wanted = {"SysProfile": "Custom"}
    first = begin(driver, bios, wanted)
    lab.bmc.set_faults(RedfishFaults(bare_400=True))  # as BMCs do that have a job for it
    assert begin(driver, bios, wanted) == first
    assert waiting(lab) == wanted


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            {"Nonesuch": "1", "BootMode": "Legacy", "NumLock": "Off"},
            "Nonesuch: the BIOS has no such setting; BootMode 'Legacy': it takes one of Uefi, Bios",
        ),
        ({"BootRetrySeconds": "soon"}, "BootRetrySeconds 'soon': it takes a whole number"),
        ({"QuietBoot": "perhaps"}, "QuietBoot 'perhaps': it takes true or false"),
        ({"AssetTag": 7}, "AssetTag '7': it takes a text"),
        ({}, "must be a list of objects with name and value"),
    ],
)
def test_settings_that_cannot_be_are_all_named_and_nothing_is_changed(
    lab: RedfishLab,
    driver: RedfishBios,
    bios: BiosOfSystem,
    wanted: Mapping[str, Any],
    words: str,
) -> None:
    with pytest.raises(BmcError) as raised:
        begin(driver, bios, wanted)
    assert words in str(raised.value)
    assert str(raised.value).startswith(f"BMC {lab.bmc.url}: change BIOS settings: ")
    assert "NumLock" not in waiting(lab)


def test_settings_that_the_bios_refuses_at_its_start_are_named_with_its_words(
    lab: RedfishLab, driver: RedfishBios, bios: BiosOfSystem
) -> None:
    lab.bmc.set_faults(RedfishFaults(refuses_settings=True))
    look = begin(driver, bios, {"SysProfile": "Custom", "NumLock": "Off"})
    assert look.state is not None
    lab.machine.reset()
    words = r"2 of 2 settings are not there \(SysProfile is 'PerfOptimized', not 'Custom', .*depend on others"
    with pytest.raises(BmcError, match=words):
        step(driver, "apply_configuration").look(bios, look.state, S)


def test_settings_that_never_come_are_named_when_the_time_is_over(
    lab: RedfishLab, driver: RedfishBios, bios: BiosOfSystem
) -> None:
    look = begin(driver, bios, {"NumLock": "Off"})
    assert look.state is not None
    late = {**look.state, "started_at": 0.0}
    with pytest.raises(BmcError, match=r"NumLock is 'On', not 'Off'.*console"):
        step(driver, "apply_configuration").look(bios, late, S)


@pytest.mark.parametrize("name", ["apply_configuration", "factory_reset"])
def test_a_bmc_that_restarts_with_the_machine_is_waited_for(
    lab: RedfishLab, driver: RedfishBios, bios: BiosOfSystem, name: str
) -> None:
    settings = [{"name": "NumLock", "value": "Off"}]
    look = step(driver, name).begin(bios, {"settings": settings}, S)
    assert look.state is not None
    lab.bmc.stop()
    silent = step(driver, name).look(bios, look.state, S)
    assert silent.state is not None
    assert silent.message == "the BMC does not answer"
    with pytest.raises(BmcError, match="refused the connection"):
        step(driver, name).look(bios, {**silent.state, "started_at": 0.0}, S)
    lab.bmc.start()  # and has forgotten what waited, as this one does
    assert name == "apply_configuration" or step(driver, name).look(bios, silent.state, S) == (
        BmcStepLook(state=None)
    )


def test_a_reset_brings_the_defaults_and_is_ordered_once(
    lab: RedfishLab, driver: RedfishBios, bios: BiosOfSystem
) -> None:
    begin(driver, bios, {"NumLock": "Off", "AssetTag": "A-1"})
    lab.machine.reset()
    assert values(bios)["NumLock"] == "Off"
    look = step(driver, "factory_reset").begin(bios, {}, S)
    assert look.restarts
    assert look.state is not None
    lab.bmc.set_faults(RedfishFaults(bare_400=True))
    assert step(driver, "factory_reset").begin(bios, {}, S) == look
    assert step(driver, "factory_reset").look(bios, look.state, S).state is not None
    lab.machine.reset()
    assert step(driver, "factory_reset").look(bios, look.state, S).state is None
    assert values(bios) == {name: str(value) for name, value in BIOS_DEFAULTS.items()}


def test_a_bmc_without_bios_settings_says_so(
    lab: RedfishLab, driver: RedfishBios, bios: BiosOfSystem
) -> None:
    lab.bmc.set_faults(RedfishFaults(without_optional=True))
    words = "does not offer BIOS settings by Redfish; .*set-up"
    with pytest.raises(BmcError, match=words):
        bios.bios_settings(timeout_s=S)
    for name in ("apply_configuration", "factory_reset"):
        with pytest.raises(BmcError, match=words):
            step(driver, name).begin(bios, {"settings": [{"name": "a", "value": "b"}]}, S)
