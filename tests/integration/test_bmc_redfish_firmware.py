"""Firmware by Redfish: listed with versions, updated by the step through tasks, silence and starts of the machine."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from controller.bmc import redfish_firmware_steps
from controller.bmc.redfish_firmware import FirmwareOfSystem, RedfishFirmware
from controller.errors import BmcError
from controller.hardware.bmc import BmcStepLook
from controller.hardware.firmware import TellsFirmware
from controller.settings import Settings
from tests.integration.redfish_doubles import RedfishLab, driver_info, finished
from tests.integration.redfish_fixtures import shared
from tests.integration.waiting import wait_until
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.orders.hardware import firmware_image

__all__ = ["shared"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 10.0
LIMIT_S = 60.0
DRIVER = RedfishFirmware(Settings(firmware_update_timeout_s=LIMIT_S))
(STEP,) = DRIVER.steps({})


@pytest.fixture
def lab(shared: RedfishLab) -> Iterator[RedfishLab]:
    shared.bmc.stop()
    shared.bmc.start()  # with the versions of a new machine
    with shared.as_new() as made:
        made.machine.power_on()
        yield made


@pytest.fixture
def firmware(lab: RedfishLab) -> FirmwareOfSystem:
    return DRIVER.connect(driver_info(lab))


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait seconds where a machine gets minutes."""
    monkeypatch.setattr(redfish_firmware_steps, "_WAITS_S", 0.5)
    monkeypatch.setattr(redfish_firmware_steps, "_SETTLES_S", 1.0)


def versions(firmware: FirmwareOfSystem) -> dict[str, str | None]:
    listed = firmware.firmware_components(timeout_s=S)
    return {one.component: one.current_version for one in listed}


def update(lab: RedfishLab, component: str, name: str, version: str) -> dict[str, Any]:
    url = lab.http.publish(f"{name}-{version}.bin", firmware_image(name, version))
    return {"component": component, "url": url}


def begun(firmware: FirmwareOfSystem, *updates: Mapping[str, Any]) -> BmcStepLook:
    return STEP.begin(firmware, {"settings": [dict(one) for one in updates]}, S)


def followed(
    lab: RedfishLab,
    firmware: FirmwareOfSystem,
    look: BmcStepLook,
    happens: Callable[[Mapping[str, Any]], None] = lambda _state: None,
) -> tuple[str, list[str]]:
    """Look until the step ends, restarting the machine when it is asked for; return its last word and all others."""
    said: list[str] = []
    for _ in range(200):
        if look.state is None:
            return look.message, said
        if look.restarts:
            lab.machine.reset()
        said.append(look.message)
        happens(look.state)
        look = STEP.look(firmware, look.state, S)
        time.sleep(0.1)
    raise AssertionError(said[-3:])


def test_components_have_ironics_names_and_the_inventory_its_own(
    firmware: FirmwareOfSystem,
) -> None:
    assert isinstance(firmware, TellsFirmware)
    found = versions(firmware)
    assert (found["bios"], found["bmc"], found["NIC"]) == ("1.0.0", "2.0.0", "3.0.0")


@pytest.mark.usefixtures("patience")
def test_several_components_are_updated_one_after_the_other(
    lab: RedfishLab, firmware: FirmwareOfSystem
) -> None:
    wanted = [update(lab, "bios", "BIOS", "1.2.0"), update(lab, "bmc", "BMC", "2.5.0")]
    last, said = followed(lab, firmware, begun(firmware, *wanted))
    assert last == "bios: 1.0.0 -> 1.2.0; bmc: 2.0.0 -> 2.5.0"
    found = versions(firmware)
    assert (found["bios"], found["bmc"], found["NIC"]) == ("1.2.0", "2.5.0", "3.0.0")
    assert any("Running" in one for one in said)


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("forgets", [False, True], ids=["tasks stay", "tasks are forgotten"])
def test_a_bmc_that_is_silent_after_the_order_is_waited_for(
    lab: RedfishLab, firmware: FirmwareOfSystem, forgets: bool
) -> None:
    lab.bmc.set_faults(RedfishFaults(silent_after_update_s=2.0, forgets_tasks=forgets))
    last, said = followed(lab, firmware, begun(firmware, update(lab, "bmc", "BMC", "3.0.0")))
    assert last == "bmc: 2.0.0 -> 3.0.0"
    assert any("for 1 s: BMC" in one for one in said)


@pytest.mark.usefixtures("patience")
def test_an_update_that_waits_for_a_start_gets_it(
    lab: RedfishLab, firmware: FirmwareOfSystem
) -> None:
    lab.bmc.set_faults(RedfishFaults(stages_updates=True))
    boots = lab.machine.boots
    last, said = followed(lab, firmware, begun(firmware, update(lab, "bios", "BIOS", "1.1.0")))
    assert last == "bios: 1.0.0 -> 1.1.0"
    assert lab.machine.boots == boots + 1
    assert any("waits for a start of the machine" in one for one in said)


@pytest.mark.usefixtures("patience")
def test_the_version_that_is_there_already_is_told_after_a_start(
    lab: RedfishLab, firmware: FirmwareOfSystem
) -> None:
    boots = lab.machine.boots
    last, _said = followed(lab, firmware, begun(firmware, update(lab, "bios", "BIOS", "1.0.0")))
    assert last == "bios: 1.0.0 as before"
    assert lab.machine.boots == boots + 1


@pytest.mark.usefixtures("patience")
def test_one_who_orders_and_dies_orders_nothing_twice(
    lab: RedfishLab, firmware: FirmwareOfSystem
) -> None:
    look = begun(firmware, update(lab, "bios", "BIOS", "1.3.0"))
    assert look.state is not None
    STEP.look(firmware, look.state, S)  # and nobody stores what it found
    last, _said = followed(lab, firmware, look)
    assert last == "bios: 1.0.0 -> 1.3.0"
    tasks = lab.client().get("TaskService/Tasks")["Members@odata.count"]
    assert tasks == 1


@pytest.mark.usefixtures("patience")
def test_a_task_of_somebody_else_before_the_order_is_not_taken_for_ones_own(
    lab: RedfishLab, firmware: FirmwareOfSystem
) -> None:
    """As of who restarts the machine by the BMC's own page: such a task tells no order."""
    look = begun(firmware, update(lab, "bios", "BIOS", "1.4.0"))
    lab.bmc.set_faults(RedfishFaults(tasks=True))
    reset = {"ResetType": "ForceRestart"}
    answer = lab.client().ask("POST", "Systems/1/Actions/ComputerSystem.Reset", reset)
    finished(lab.client(), answer)
    assert look.state is not None
    last, _said = followed(lab, firmware, look)
    assert last == "bios: 1.0.0 -> 1.4.0"
    assert lab.client().get("TaskService/Tasks")["Members@odata.count"] == 2


@pytest.mark.usefixtures("patience")
def test_a_task_that_ends_badly_is_told_with_its_words(
    lab: RedfishLab, firmware: FirmwareOfSystem
) -> None:
    good = update(lab, "bmc", "BMC", "2.1.0")
    bad = {"component": "bios", "url": lab.http.publish("bad.bin", b"no firmware")}
    words = r"bios: the BMC's task ended badly: the image is not for this machine; it was 1\.0\.0; before that: bmc: 2\.0\.0"
    with pytest.raises(BmcError, match=words):
        followed(lab, firmware, begun(firmware, good, bad))


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("padding", [0, 5 << 20], ids=["small", "large"])
def test_an_image_is_pushed_to_a_bmc_that_fetches_none(
    lab: RedfishLab, firmware: FirmwareOfSystem, padding: int
) -> None:
    lab.bmc.set_faults(RedfishFaults(only_pushed=True))
    image = firmware_image("BMC", "4.0.0") + b"\0\r\n--" * (padding // 5)
    url = lab.http.publish("pushed.bin", image)
    before = lab.client().get("SessionService/Sessions")["Members@odata.count"]
    last, said = followed(lab, firmware, begun(firmware, {"component": "bmc", "url": url}))
    assert last == "bmc: 2.0.0 -> 4.0.0"
    assert any("its image is pushed" in one for one in said)
    after = lab.client().get("SessionService/Sessions")["Members@odata.count"]
    assert after <= before + 1  # that of the push has ended


@pytest.mark.usefixtures("patience")
def test_a_push_that_nobody_knows_of_any_more_is_begun_anew_or_found(
    lab: RedfishLab, firmware: FirmwareOfSystem
) -> None:
    lab.bmc.set_faults(RedfishFaults(only_pushed=True))
    look = begun(firmware, update(lab, "bmc", "BMC", "4.1.0"))
    assert look.state is not None
    pushing = STEP.look(firmware, look.state, S)
    assert pushing.state is not None
    other = RedfishFirmware(Settings(firmware_update_timeout_s=LIMIT_S)).connect(driver_info(lab))
    again = STEP.look(other, pushing.state, S)
    assert again.state is not None
    assert again.state["phase"] == "order"
    last, _said = followed(lab, other, again)
    assert last == "bmc: 2.0.0 -> 4.1.0"


@pytest.mark.usefixtures("patience")
def test_one_who_pushes_and_dies_pushes_nothing_twice(
    lab: RedfishLab, firmware: FirmwareOfSystem
) -> None:
    lab.bmc.set_faults(RedfishFaults(only_pushed=True))
    look = begun(firmware, update(lab, "bmc", "BMC", "4.2.0"))
    assert look.state is not None
    pushing = STEP.look(firmware, look.state, S).state
    assert pushing is not None
    wait_until(lambda: len(firmware.tasks(timeout_s=S)) == 1, 20, "the push")
    other = RedfishFirmware(Settings(firmware_update_timeout_s=LIMIT_S)).connect(driver_info(lab))
    last, _said = followed(lab, other, STEP.look(other, pushing, S))
    assert last == "bmc: 2.0.0 -> 4.2.0"
    assert len(other.tasks(timeout_s=S)) == 1


@pytest.mark.usefixtures("patience")
def test_an_image_that_cannot_be_fetched_for_a_push_is_named(
    lab: RedfishLab, firmware: FirmwareOfSystem
) -> None:
    lab.bmc.set_faults(RedfishFaults(only_pushed=True))
    absent = {"component": "bmc", "url": f"{lab.http.url}/absent.bin"}
    with pytest.raises(BmcError, match=r"bmc: the image at http.*absent.bin cannot be fetched"):
        followed(lab, firmware, begun(firmware, absent))


def test_an_update_without_an_end_is_given_up(lab: RedfishLab, firmware: FirmwareOfSystem) -> None:
    lab.bmc.set_faults(RedfishFaults(task_s=3600))
    look = begun(firmware, update(lab, "bios", "BIOS", "9"))
    assert look.state is not None
    look = STEP.look(firmware, look.state, S)
    assert look.state is not None
    late = {**look.state, "ordered_at": time.time() - LIMIT_S}
    with pytest.raises(BmcError, match=r"not ended within 60 s \(firmware_update_timeout_s\)"):
        STEP.look(firmware, late, S)
    lab.bmc.set_faults(RedfishFaults(unreachable=True))
    with pytest.raises(BmcError, match="did not answer"):
        STEP.look(firmware, late, 1.0)
    assert STEP.look(firmware, look.state, 1.0).state is not None


def test_an_image_that_the_bmc_cannot_fetch_is_an_error_at_once(
    lab: RedfishLab, firmware: FirmwareOfSystem
) -> None:
    look = begun(firmware, {"component": "bios", "url": f"{lab.http.url}/absent.bin"})
    assert look.state is not None
    with pytest.raises(BmcError, match="update the firmware of bios: answered 400"):
        STEP.look(firmware, look.state, S)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            [{"component": "gpu", "url": "http://192.0.2.1/x"}],
            "it has no gpu; it has NIC, bios, bmc;",
        ),
        ([{"component": "bios"}], "such as"),
        ([{"component": "bios", "url": "x.bin"}], "no URL"),
        ([{"component": "bios", "url": "http://[::1/x"}], "no URL"),
        ([{"component": "bios", "url": "http://h/x", "wait": "1"}], "wait of at most"),
        ([{"component": "bios", "url": "http://h/x", "checksum": "1"}], "such as"),
        ([], "such as"),
        ("bios", "such as"),
    ],
)
def test_updates_that_make_no_sense_are_refused_before_anything(
    lab: RedfishLab, firmware: FirmwareOfSystem, wanted: Any, words: str
) -> None:
    with pytest.raises(BmcError, match=words):
        STEP.begin(firmware, {"settings": wanted}, S)
    assert lab.client().get("TaskService/Tasks")["Members@odata.count"] == 0


def test_a_protocol_that_the_bmc_does_not_take_is_named(
    lab: RedfishLab, firmware: FirmwareOfSystem
) -> None:
    look = begun(firmware, {"component": "bios", "url": "nfs://192.0.2.1/x.bin"})
    assert look.state is not None
    with pytest.raises(BmcError, match=r"updates by NFS by Redfish; .*\(HTTP, HTTPS\)"):
        STEP.look(firmware, look.state, S)
